//! `model.safetensors`: the JSON header is changed and its length follows, or a byte of the rest.

use crate::{Chance, changed};

/// Changes header or tensors.
pub fn mutate(bytes: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
    let len = usize::try_from(u64::from_le_bytes(*bytes.first_chunk()?)).ok()?;
    let header = bytes.get(8..len.checked_add(8)?)?;
    let data = &bytes[8 + len..];
    let (header, data) = match chance.below(4) {
        0 => (header.to_vec(), changed(data)),
        _ => (changed(header), data.to_vec()),
    };
    let len = (header.len() as u64).to_le_bytes();
    Some([&len[..], &header, &data].concat())
}
