//! Bytes and the structs that they stand for.

use bincode::{Decode, Encode, config};

use crate::artifact::limits;
use crate::error::{Error, Result};

/// A struct that has a place in files.
pub trait Wire: Encode + Decode<()> {}

impl<T: Encode + Decode<()>> Wire for T {}

/// The bytes of a wire struct.
pub fn encode(value: &impl Wire) -> Result<Vec<u8>> {
    bincode::encode_to_vec(value, config::legacy())
        .map_err(|e| Error::failed(format!("encoding: {e:?}")))
}

/// A wire struct from exactly these bytes, in no more memory than a small multiple of them.
pub fn decode<T: Wire>(payload: &[u8]) -> Result<T> {
    // No honest value takes more than 3 times its bytes (an empty label: 8 bytes, a 24-byte
    // `String`). bincode's limit is a constant, hence the steps.
    match payload.len() {
        0..=0x1_0000 => decode_within::<T, 0x4_0000>(payload),
        0x1_0001..=0x10_0000 => decode_within::<T, 0x40_0000>(payload),
        _ => decode_within::<T, { 4 * limits::PAYLOAD_LEN }>(payload),
    }
}

/// Without a limit bincode allocates whatever length the bytes claim.
fn decode_within<T: Wire, const LIMIT: usize>(payload: &[u8]) -> Result<T> {
    let config = config::legacy().with_limit::<LIMIT>();
    let (value, used) = bincode::decode_from_slice(payload, config)
        .map_err(|e| Error::rejected(format!("does not decode: {e:?}")))?;
    match payload.len() - used {
        0 => Ok(value),
        surplus => Err(Error::rejected(format!(
            "{surplus} bytes too many at its end"
        ))),
    }
}
