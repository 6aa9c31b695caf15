//! Payload bytes and nothing else: the only file that knows bincode.
//!
//! The layout is bincode 1's fixed-width little-endian one (`config::legacy()`), which has exactly
//! one encoding per value; `standard()`'s variable-length integers have several, and equal models
//! could hash differently. Payloads are decoded from verified slices only, under a limit, to the
//! last byte. The structs of each schema are frozen in [`v1`] and [`v2`]: bincode is not
//! self-describing, so a changed field would silently change the meaning of all bytes behind it.

mod codec;
pub mod codes;
pub mod v1;
pub mod v2;
mod versions;

pub use codec::{Wire, decode, encode};
pub use versions::{Content, decode_any, encode_lowest};
