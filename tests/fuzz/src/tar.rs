//! `.tar`: after any change the checksums of the headers are made right again.

use crate::{Chance, changed};

const BLOCK: usize = 512;
/// Where the checksum stands; it is counted with spaces in its place.
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// Changes one block, or puts a block of another place before it.
pub fn mutate(bytes: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
    if !is_header(bytes.get(..BLOCK)?) {
        return None;
    }
    let mut blocks: Vec<Vec<u8>> = bytes.chunks(BLOCK).map(<[u8]>::to_vec).collect();
    let index = chance.below(blocks.len());
    match chance.below(8) {
        0 => drop(blocks.remove(index)),
        1 => blocks.insert(index, blocks[chance.below(blocks.len())].clone()),
        _ => {
            blocks[index] = changed(&blocks[index]);
            blocks[index].resize(BLOCK, 0);
        }
    }
    for block in &mut blocks {
        if is_header(block) {
            block[CHECKSUM].fill(b' ');
            let sum: u64 = block.iter().map(|&b| u64::from(b)).sum();
            block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    Some(blocks.concat())
}

fn is_header(block: &[u8]) -> bool {
    block.len() == BLOCK && &block[257..262] == b"ustar"
}
