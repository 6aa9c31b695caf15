//! What reading an artifact allocates, whatever its lengths and numbers claim.

use act_core::Artifact;
use act_core::artifact::{Header, inspect};

use super::{checked, folder};
use crate::allocation::peak_of;

/// What a file may take whatever its size: a stream is read in steps of half of it.
const CONSTANT: usize = 2 << 20;

/// What each byte may take: a list of short texts has three times its bytes in memory, and is there as
/// it is stored, as it is used, and as it would be stored in the other schema.
const EACH: usize = 16;

/// An `.act` file; the memory of each of its readers is in proportion to its bytes.
pub fn memory(bytes: &[u8]) -> bool {
    let dir = folder([("model.act", bytes)]);
    let path = dir.path().join("model.act");
    let header = in_proportion(bytes.len(), "a header", || Header::read(bytes).map(drop));
    let inspected = in_proportion(bytes.len(), "a file's header", || inspect(&path).map(drop));
    let streamed = in_proportion(bytes.len(), "a stream", || Artifact::read(bytes).map(drop));
    let mapped = in_proportion(bytes.len(), "a file", || Artifact::open(&path).map(drop));
    [header, inspected, streamed, mapped]
        .map(|read| checked(read).is_some())
        .contains(&true)
}

/// Reads what has so many bytes, and counts the memory that it takes.
pub(super) fn in_proportion<T>(bytes: usize, what: &str, read: impl FnOnce() -> T) -> T {
    let (result, peak) = peak_of(read);
    assert!(
        peak <= CONSTANT + EACH * bytes,
        "{peak} bytes of memory for {what} of {bytes}"
    );
    result
}
