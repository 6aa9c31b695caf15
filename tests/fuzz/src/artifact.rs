//! `.act` files: a section's payload, its header, or a tensor is changed, then all lengths and
//! digests follow. The layout is that of `docs/format.md`, read here without the code under test
//! except to find the tensors.

use act_core::artifact::Header;

use crate::{Chance, changed};

const PROLOGUE: usize = 64;
const END: usize = 64;
const SECTION_HEADER: usize = 16;

/// A file taken apart.
struct Parts {
    prologue: [u8; PROLOGUE],
    /// Tag, schema and flags; payload.
    sections: Vec<(Vec<u8>, Vec<u8>)>,
    data: Vec<u8>,
}

/// Changes one part of a file.
pub fn mutate(bytes: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
    let mut parts = Parts::new(bytes)?;
    let index = chance.below(parts.sections.len());
    match chance.below(16) {
        0 => {
            parts.sections[index].0 = changed(&parts.sections[index].0)
                .first_chunk::<8>()?
                .to_vec()
        }
        1 => drop(parts.sections.remove(index)),
        2 => {
            let other = chance.below(parts.sections.len());
            parts.sections.swap(index, other);
        }
        3 => parts.data = changed(&parts.data),
        4..8 => parts.change_tensor(bytes, chance)?,
        _ => parts.sections[index].1 = changed(&parts.sections[index].1),
    }
    Some(parts.file())
}

/// Changes what costs memory: says that there is more than there is, or repeats what is there, with the
/// count in front of it or without.
pub fn swell(bytes: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
    let mut parts = Parts::new(bytes)?;
    let index = chance.below(parts.sections.len());
    let payload = &mut parts.sections[index].1;
    let claims: [u64; 8] = [0, 1, 255, 4096, 1 << 20, 1 << 32, 1 << 62, u64::MAX];
    match chance.below(4) {
        0 if payload.len() >= 8 => {
            let at = chance.below(payload.len() - 7);
            let size = [2, 4, 8][chance.below(3)];
            let claim = claims[chance.below(claims.len())].to_le_bytes();
            payload[at..at + size].copy_from_slice(&claim[..size]);
        }
        1 | 2 if payload.len() >= 8 => repeat(payload, chance),
        _ => return mutate(bytes, chance),
    }
    Some(parts.file())
}

/// Repeats some bytes, and raises a small number in front of them by the times.
fn repeat(payload: &mut Vec<u8>, chance: &mut Chance) {
    let from = chance.below(payload.len());
    let size = 1 + chance.below((payload.len() - from).min(64));
    let times = 1 << chance.below(11);
    let again = payload[from..from + size].repeat(times);
    payload.splice(from..from, again);
    let counts: Vec<usize> = (from.saturating_sub(64)..=from.saturating_sub(8))
        .filter(|&at| u64_at(payload, at).is_some_and(|n| n < 4096))
        .collect();
    if !counts.is_empty() && chance.below(4) > 0 {
        let at = counts[chance.below(counts.len())];
        let count = u64_at(payload, at).unwrap_or(0) + times;
        payload[at..at + 8].copy_from_slice(&(count as u64).to_le_bytes());
    }
}

fn u64_at(bytes: &[u8], at: usize) -> Option<usize> {
    let word = bytes.get(at..at + 8)?.first_chunk()?;
    usize::try_from(u64::from_le_bytes(*word)).ok()
}

impl Parts {
    fn new(bytes: &[u8]) -> Option<Self> {
        let prologue = *bytes.first_chunk()?;
        let mut sections = Vec::new();
        let mut at = PROLOGUE;
        while !bytes.get(at..)?.starts_with(b"DATA") {
            let header = bytes.get(at..at + SECTION_HEADER)?;
            // Zeros lead to the page on which DATA begins.
            if header == [0; SECTION_HEADER] {
                at += SECTION_HEADER;
                continue;
            }
            let start = at + SECTION_HEADER;
            let payload = bytes.get(start..start.checked_add(u64_at(bytes, at + 8)?)?)?;
            sections.push((header[..8].to_vec(), payload.to_vec()));
            at = start + payload.len().next_multiple_of(SECTION_HEADER);
        }
        let data = bytes.get(at + SECTION_HEADER..bytes.len().checked_sub(END)?)?;
        (!sections.is_empty()).then(|| Self {
            prologue,
            sections,
            data: data.to_vec(),
        })
    }

    /// Changes numbers of a tensor of a good file, and its digest in the directory.
    fn change_tensor(&mut self, bytes: &[u8], chance: &mut Chance) -> Option<()> {
        let header = Header::read(bytes).ok()?;
        let tensor = header.tensors.get(chance.below(header.tensors.len()))?;
        let [start, len] = [tensor.offset, tensor.len].map(|n| n as usize);
        let before = tensor.digest.0;
        let values = self.data.get_mut(start..start + len)?;
        let mut after = changed(values);
        after.resize(len, 0);
        values.copy_from_slice(&after);
        let digest = *blake3::hash(&after).as_bytes();
        for (_, payload) in &mut self.sections {
            if let Some(at) = payload.windows(32).position(|w| w == before) {
                payload[at..at + 32].copy_from_slice(&digest);
            }
        }
        Some(())
    }

    fn file(&self) -> Vec<u8> {
        let mut bytes = self.prologue.to_vec();
        for (header, payload) in &self.sections {
            bytes.extend(header);
            bytes.extend((payload.len() as u64).to_le_bytes());
            bytes.extend(payload);
            bytes.resize(bytes.len().next_multiple_of(SECTION_HEADER), 0);
        }
        let data_offset = (bytes.len() + SECTION_HEADER).next_multiple_of(4096);
        bytes.resize(data_offset - SECTION_HEADER, 0);
        bytes.extend(b"DATA\x01\x00\x01\x00");
        bytes.extend((self.data.len() as u64).to_le_bytes());
        bytes.extend(&self.data);
        let file_len = (bytes.len() + END) as u64;
        bytes.extend(b"END \x01\x00\x01\x00");
        bytes.extend(48u64.to_le_bytes());
        bytes.extend(file_len.to_le_bytes());
        bytes.extend([0; 40]);
        bytes[0x0e] = self.sections.len() as u8;
        bytes[0x10..0x18].copy_from_slice(&file_len.to_le_bytes());
        bytes[0x18..0x20].copy_from_slice(&(data_offset as u64).to_le_bytes());
        let digest = *blake3::hash(&bytes[PROLOGUE..data_offset - SECTION_HEADER]).as_bytes();
        bytes[0x20..0x40].copy_from_slice(&digest);
        let end = bytes.len() - END;
        let digest = *blake3::hash(&bytes[..end]).as_bytes();
        bytes[end + 32..].copy_from_slice(&digest);
        bytes
    }
}
