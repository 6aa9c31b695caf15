//! Mutators for formats in which a changed byte alone is noticed at once: they change a part and
//! make lengths, checksums and digests right again, so that the rules behind those are reached. What
//! they give is a whole file of the format, which a test can replay without them.

pub mod artifact;
pub mod checkpoint;
pub mod protobuf;
pub mod safetensors;
pub mod tar;

/// Numbers that mutators choose by; SplitMix64 (Steele, Lea & Flood 2014).
pub struct Chance(u64);

impl Chance {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Bytes that a mutation may add to a part.
const GROWTH: usize = 32;

/// A part as libFuzzer changes bytes, dictionary and all.
pub fn changed(part: &[u8]) -> Vec<u8> {
    let mut buffer = part.to_vec();
    buffer.resize(part.len() + GROWTH, 0);
    let most = buffer.len();
    let len = libfuzzer_sys::fuzzer_mutate(&mut buffer, part.len(), most);
    buffer.truncate(len);
    buffer
}

/// A format's mutation: new bytes, or `None` where the old ones are not of the format.
pub type Mutation = fn(&[u8], &mut Chance) -> Option<Vec<u8>>;

/// One mutation in place, in the form that libFuzzer asks for. One in sixteen, and every one of what
/// is not of the format, is libFuzzer's own.
pub fn mutate(
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
    mutation: Mutation,
) -> usize {
    let mut chance = Chance(seed.into());
    if chance.below(16) > 0
        && let Some(bytes) = mutation(&data[..size], &mut chance)
        && bytes.len() <= max_size
    {
        data[..bytes.len()].copy_from_slice(&bytes);
        return bytes.len();
    }
    libfuzzer_sys::fuzzer_mutate(data, size, max_size)
}
