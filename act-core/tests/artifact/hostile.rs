//! Files whose author knows the format and signs the lies: digests are right, contents are not.

use std::ops::Range;

use act_core::{Artifact, ErrorKind};

use crate::allocation::peak_of;
use crate::{by_hand, models};

/// A file of a model, taken apart.
struct Parts {
    sections: Vec<(String, u16, u16, Vec<u8>)>,
    data: Vec<u8>,
}

fn u64_at(bytes: &[u8], at: usize) -> usize {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
}

/// Where the payload of a section lies.
fn payload(bytes: &[u8], tag: &str) -> Range<usize> {
    let mut at = 64;
    while &bytes[at..at + 4] != tag.as_bytes() {
        at += 16 + u64_at(bytes, at + 8).next_multiple_of(16);
    }
    at + 16..at + 16 + u64_at(bytes, at + 8)
}

/// Makes the digests right again.
fn sign(bytes: &mut [u8]) {
    let data_offset = u64_at(bytes, 0x18);
    let digest = *blake3::hash(&bytes[64..data_offset - 16]).as_bytes();
    bytes[0x20..0x40].copy_from_slice(&digest);
    let end = bytes.len() - 64;
    let digest = *blake3::hash(&bytes[..end]).as_bytes();
    bytes[end + 32..].copy_from_slice(&digest);
}

impl Parts {
    fn new(artifact: &Artifact) -> Self {
        let bytes = artifact.to_bytes().unwrap();
        let data_offset = u64_at(&bytes, 0x18);
        let section = |tag: &str| {
            let flags = if tag == "PROV" { 0 } else { 1 };
            let payload = payload(&bytes, tag);
            let schema = bytes[payload.start - 12].into();
            (tag.to_string(), schema, flags, bytes[payload].to_vec())
        };
        let tags = ["META", "TOKN", "TDIR", "QUAN", "PROV"];
        Self {
            sections: tags.into_iter().map(section).collect(),
            data: bytes[data_offset..bytes.len() - 64].to_vec(),
        }
    }

    /// A signed file of these parts.
    fn file(&self) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        for (tag, schema, flags, payload) in &self.sections {
            bytes.extend(tag.as_bytes());
            bytes.extend(schema.to_le_bytes());
            bytes.extend(flags.to_le_bytes());
            bytes.extend((payload.len() as u64).to_le_bytes());
            bytes.extend(payload);
            bytes.resize(bytes.len().next_multiple_of(16), 0);
        }
        let data_offset = (bytes.len() + 16).next_multiple_of(4096);
        bytes.resize(data_offset - 16, 0);
        bytes.extend(b"DATA\x01\x00\x01\x00");
        bytes.extend((self.data.len() as u64).to_le_bytes());
        bytes.extend(&self.data);
        let file_len = (bytes.len() + 64) as u64;
        bytes.extend(b"END \x01\x00\x01\x00");
        bytes.extend(48u64.to_le_bytes());
        bytes.extend(file_len.to_le_bytes());
        bytes.extend([0; 40]);
        bytes[..16].copy_from_slice(b"\x89ACT\r\n\x1a\n\x01\0\0\0\x06\0\0\0");
        bytes[0x0e] = self.sections.len() as u8;
        bytes[0x10..0x18].copy_from_slice(&file_len.to_le_bytes());
        bytes[0x18..0x20].copy_from_slice(&(data_offset as u64).to_le_bytes());
        sign(&mut bytes);
        bytes
    }
}

fn refusal(bytes: &[u8]) -> String {
    let error = Artifact::read(bytes).err().expect("accepted");
    assert_eq!(error.kind(), ErrorKind::Rejected);
    error.to_string()
}

/// Whatever is accepted is a file that a writer could have made: bytes have one meaning, and a
/// meaning has one spelling. And it may not cost more than an honest file by much.
#[test]
fn no_number_anywhere_is_believed() {
    let numbers = [
        0,
        1,
        128,
        1 << 16,
        1 << 31,
        1 << 40,
        1 << 63,
        u64::MAX,
        u64::MAX / 104,
    ];
    let numbers = numbers.map(u64::to_le_bytes);
    let good = [
        models::small(true),
        models::odd(),
        models::limited(),
        models::four_bits(),
    ];
    let (mut tried, mut accepted) = (0, 0);
    let sections = [
        (0, "META"),
        (0, "TOKN"),
        (0, "TDIR"),
        (0, "QUAN"),
        (0, "PROV"),
        (1, "META"),
        (1, "TOKN"),
        (2, "QUAN"),
        (3, "TDIR"),
        (3, "QUAN"),
    ];
    for (model, tag) in sections {
        let good = good[model].to_bytes().unwrap();
        let payload = payload(&good, tag);
        for at in payload.start..payload.end - 8 {
            for number in &numbers {
                let mut bytes = good.clone();
                bytes[at..at + 8].copy_from_slice(number);
                sign(&mut bytes);
                let (result, peak) = peak_of(|| Artifact::read(&bytes[..]));
                assert!(peak < 2 << 20, "{tag} byte {at}: {peak} bytes of memory");
                tried += 1;
                if let Ok(artifact) = result {
                    accepted += 1;
                    assert!(
                        artifact.to_bytes().unwrap() == bytes,
                        "{tag} byte {at} {number:?}"
                    );
                }
            }
        }
    }
    assert!(accepted * 5 < tried, "{accepted} of {tried}");
}

#[test]
fn taken_apart_and_put_together_it_is_the_same() {
    let artifact = models::small(true);
    assert_eq!(Parts::new(&artifact).file(), artifact.to_bytes().unwrap());
}

#[test]
fn unknown_sections_are_skipped_unless_critical() {
    let artifact = models::small(true);
    for (schema, flags, message) in [(3, 0, None), (3, 1, Some("schema 3 needs a newer act"))] {
        let mut parts = Parts::new(&artifact);
        parts
            .sections
            .push(("XTRA".into(), schema, flags, vec![1, 2, 3]));
        match message {
            None => {
                let read = Artifact::read(&parts.file()[..]).unwrap();
                // It is gone when the artifact is written again.
                assert_eq!(read.to_bytes().unwrap(), artifact.to_bytes().unwrap());
            }
            Some(message) => assert!(refusal(&parts.file()).contains(message)),
        }
    }
}

#[test]
fn tensors_and_trailer_are_no_metadata() {
    let artifact = models::small(true);
    for tag in ["DATA", "END "] {
        let mut parts = Parts::new(&artifact);
        parts.sections.push((tag.into(), 1, 0, vec![0; 48]));
        let refused = refusal(&parts.file());
        assert!(refused.contains("is not one of the metadata"), "{refused}");
    }
}

#[test]
fn a_later_schema_of_a_known_section_follows_the_same_rule() {
    let artifact = models::small(true);
    let mut parts = Parts::new(&artifact);
    parts.sections[4].1 = 2;
    let read = Artifact::read(&parts.file()[..]).unwrap();
    assert!(read.provenance.is_empty());
    assert_eq!(
        read.model_digest().unwrap(),
        artifact.model_digest().unwrap()
    );
    parts.sections[2].1 = 2;
    assert!(refusal(&parts.file()).contains("section TDIR"));
}

#[test]
fn sections_have_one_order_and_one_place() {
    type Change = fn(&mut Parts);
    let changes: [(Change, &str); 11] = [
        (|p| p.sections.swap(0, 1), "section META at byte"),
        (
            |p| p.sections.push(p.sections[4].clone()),
            "there is one before it",
        ),
        (|p| drop(p.sections.remove(0)), "there is no section META"),
        (|p| drop(p.sections.remove(1)), "there is no section TOKN"),
        (|p| drop(p.sections.remove(2)), "there is no section TDIR"),
        (|p| drop(p.sections.remove(3)), "the plan needs"),
        (|p| p.sections[0].2 = 0, "flags 0, not 1"),
        (|p| p.sections[4].2 = 1, "flags 1, not 0"),
        (|p| p.sections[4].2 = 2, "unknown flags 0x2"),
        (
            |p| p.sections[3].3 = vec![0; 16],
            "lists nothing; a float model has no QUAN",
        ),
        (
            |p| p.sections[4].3 = vec![0; 8],
            "lists nothing; a new model has no PROV",
        ),
    ];
    for (change, message) in changes {
        let mut parts = Parts::new(&models::small(true));
        change(&mut parts);
        let error = refusal(&parts.file());
        assert!(error.contains(message), "{error}, wanted {message}");
    }
}

#[test]
fn a_meaning_has_one_schema_and_one_spelling() {
    let small = models::small(true);
    let second: [(usize, Vec<u8>); 3] = [
        (0, by_hand::second::meta(&small)),
        (1, by_hand::second::tokenizer(&small)),
        (3, by_hand::second::quant(&small)),
    ];
    for (section, payload) in second {
        let mut parts = Parts::new(&small);
        (parts.sections[section].1, parts.sections[section].3) = (2, payload);
        assert!(refusal(&parts.file()).contains("says in schema 2 what schema 1 can say"));
    }
    // The number of tokens is the number of lines, and nothing else.
    let mut model = models::limited();
    model.tokenizer.word_piece_mut().unwrap().mask_id = None;
    let mut parts = Parts::new(&model);
    assert_eq!(parts.sections[1].3[2], 12);
    parts.sections[1].3[2] = 13;
    assert!(refusal(&parts.file()).contains("is not spelt as writers spell it"));
}

#[test]
fn payloads_are_consumed_to_the_last_byte() {
    for i in 0..5 {
        let mut parts = Parts::new(&models::small(true));
        parts.sections[i].3.push(0);
        assert!(refusal(&parts.file()).contains("1 bytes too many"));
        let len = parts.sections[i].3.len();
        parts.sections[i].3.truncate(len - 2);
        assert!(refusal(&parts.file()).contains("section"));
    }
}

#[test]
fn there_is_no_room_for_stowaways() {
    // Another page before the tensors, more tensors than the directory has, padding that speaks.
    let good = models::small(true).to_bytes().unwrap();
    let data_offset = u64_at(&good, 0x18);

    let mut page = good.clone();
    page.splice(data_offset - 16..data_offset - 16, [0; 4096]);
    let lengths = [(0x10, good.len() + 4096), (0x18, data_offset + 4096)];
    for (at, value) in lengths
        .into_iter()
        .chain([(page.len() - 48, good.len() + 4096)])
    {
        page[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
    }
    sign(&mut page);
    assert!(refusal(&page).contains("a hole after the sections"));

    let mut parts = Parts::new(&models::small(true));
    parts.data.extend([0; 64]);
    assert!(refusal(&parts.file()).contains("tensors end at byte"));

    let mut parts = Parts::new(&models::small(true));
    let padding = parts.data.len() - 1;
    assert_eq!(parts.data[padding], 0);
    parts.data[padding] = 1;
    assert!(refusal(&parts.file()).contains("padding and not zero"));

    let meta = payload(&good, "META");
    let mut spoken = good.clone();
    assert!(!meta.end.is_multiple_of(16));
    spoken[meta.end] = 1;
    sign(&mut spoken);
    assert!(refusal(&spoken).contains("padding that is not zero"));
}

#[test]
fn an_integer_weight_beyond_its_range_is_refused() {
    use act_core::Tensor;
    let mut artifact = models::small(true);
    artifact
        .quant
        .linears
        .iter_mut()
        .for_each(|q| q.weight_max = 127);
    let mut parts = Parts::new(&artifact);
    // The same tensors under a quantisation that promises less than they hold.
    parts.sections[3].3 = Parts::new(&models::small(true)).sections[3].3.clone();
    assert!(Artifact::read(&parts.file()[..]).is_ok());
    let name = act_core::Linear::Pooler.weight();
    let shape = artifact.params.get(&name).unwrap().shape().to_vec();
    let wide = Tensor::i8(shape.clone(), vec![65; shape.iter().product()]);
    artifact.params.insert(name, wide);
    let mut parts = Parts::new(&artifact);
    parts.sections[3].3 = Parts::new(&models::small(true)).sections[3].3.clone();
    assert!(refusal(&parts.file()).contains("element 0 is 65, not within 64 of 0"));
}

#[test]
fn any_nibble_is_refused_or_stands_for_an_integer_within_the_range() {
    use act_core::Tensor;
    use act_core::tensor::TensorData;
    let good = models::four_bits();
    let nibbles = good
        .params
        .iter()
        .filter_map(|(name, tensor)| match tensor.data() {
            TensorData::I4(bytes) => Some((name, tensor.shape(), true, bytes.to_vec())),
            TensorData::U4(bytes) => Some((name, tensor.shape(), false, bytes.to_vec())),
            _ => None,
        });
    let (mut refused, mut accepted) = (0, 0);
    for (name, shape, signed, bytes) in nibbles {
        for (at, damage) in (0..bytes.len()).flat_map(|at| [(at, 0x0f), (at, 0xf0), (at, 0x88)]) {
            let mut bytes = bytes.clone();
            bytes[at] ^= damage;
            let data = if signed {
                TensorData::I4
            } else {
                TensorData::U4
            }(bytes.into());
            let mut model = good.clone();
            model.params.insert(name, Tensor::new(shape.to_vec(), data));
            // That writer checks nothing.
            let Ok(read) = Artifact::read(&by_hand::file(&model)[..]) else {
                refused += 1;
                continue;
            };
            accepted += 1;
            let unpacked = read.unpacked().unwrap();
            for q in &unpacked.quant.linears {
                let integers = unpacked.params.i8(&q.linear.weight()).unwrap();
                assert!(integers.iter().all(|w| w.unsigned_abs() <= q.weight_max));
            }
        }
    }
    assert!(refused > 50 && accepted > 50, "{refused} {accepted}");
}

#[test]
fn other_files_are_told_apart() {
    let cases: [(&[u8], &str); 6] = [
        (b"", "empty"),
        (b"\x89AC", "truncated after 3 bytes"),
        (
            b"Global:\n  task_name: afqmc\n",
            "not an .act artifact: it starts with \"Global:\\n\"",
        ),
        (b"\x1b[31mred", "it starts with \"\\x1b[31mred\""),
        (b"\x89ACT\n\x1a\n\x01\0", "not an .act artifact"),
        (&[0; 4096], "not an .act artifact"),
    ];
    for (bytes, message) in cases {
        let error = refusal(bytes);
        assert!(error.contains(message), "{error}");
    }
    let mut newer = models::small(false).to_bytes().unwrap();
    newer[8] = 2;
    assert!(refusal(&newer).contains("format version 2"));
    let mut minor = models::small(false).to_bytes().unwrap();
    minor[10] = 9;
    sign(&mut minor);
    assert!(Artifact::read(&minor[..]).is_ok());
}
