//! The metadata sections: cut from verified bytes, put together for writing.
//!
//! Known sections come in one order with one set of flags. Unknown ones are refused if critical
//! and left out otherwise: a stage that rewrites the file must not pass on what it cannot vouch for.

use super::layout::{
    CRITICAL, DATA_ALIGN, PROLOGUE_LEN, SECTION_ALIGN, SECTION_HEADER_LEN, SectionHeader, Tag,
    align_up,
};
use super::limits;
use super::wire::{self, Content, Wire};
use crate::error::{Error, Result};
use crate::provenance::Digest;

/// What is known of a section.
struct Known {
    tag: Tag,
    flags: u16,
    /// Latest schema.
    schema: u16,
    /// Largest payload.
    cap: usize,
}

/// The known sections, in the order of the file. The model's digest covers the critical ones.
const KNOWN: [Known; 5] = [
    Known {
        tag: Tag::META,
        flags: CRITICAL,
        schema: 2,
        cap: limits::META_LEN,
    },
    Known {
        tag: Tag::TOKN,
        flags: CRITICAL,
        schema: 2,
        cap: limits::TOKN_LEN,
    },
    Known {
        tag: Tag::TDIR,
        flags: CRITICAL,
        schema: 1,
        cap: limits::TDIR_LEN,
    },
    Known {
        tag: Tag::QUAN,
        flags: CRITICAL,
        schema: 2,
        cap: limits::QUAN_LEN,
    },
    Known {
        tag: Tag::PROV,
        flags: 0,
        schema: 1,
        cap: limits::PROV_LEN,
    },
];

/// One metadata section, still bytes.
pub struct Section<'a> {
    header: SectionHeader,
    /// Where its header starts in the file.
    offset: usize,
    payload: &'a [u8],
}

impl<'a> Section<'a> {
    /// Cuts the section that starts at `at` from the metadata, with its padding.
    fn cut(metadata: &'a [u8], at: usize) -> Result<Self> {
        let offset = PROLOGUE_LEN + at;
        let rest = metadata.get(at..).unwrap_or_default();
        let (header, rest) = rest
            .split_first_chunk()
            .ok_or_else(|| Error::rejected(format!("no section at byte {offset}")))?;
        let header = SectionHeader::parse(header);
        let section = |payload| Self {
            header,
            offset,
            payload,
        };
        let payload = usize::try_from(header.len)
            .ok()
            .and_then(|len| rest.get(..len))
            .ok_or_else(|| section(&[]).refuse(format!("{} bytes do not fit", header.len)))?;
        if header.flags & !CRITICAL != 0 {
            return Err(section(payload).refuse(format!("unknown flags {:#x}", header.flags)));
        }
        let padded = align_up(payload.len() as u64, SECTION_ALIGN) as usize;
        match rest.get(payload.len()..padded) {
            Some(padding) if padding.iter().all(|&b| b == 0) => Ok(section(payload)),
            _ => Err(section(payload).refuse("padding that is not zero")),
        }
    }

    /// Decodes the payload and checks what it says; errors name the section.
    pub fn decode<W: Wire, T>(&self, check: impl FnOnce(W) -> Result<T>) -> Result<T> {
        wire::decode(self.payload)
            .and_then(check)
            .map_err(|e| e.context(self.name()))
    }

    /// As [`Section::decode`], of a section of two schemas.
    pub fn decode_content<T: Content>(&self, check: impl FnOnce(&T) -> Result<()>) -> Result<T> {
        let content = wire::decode_any(self.header.schema, self.payload);
        let checked = content.and_then(|content| check(&content).map(|()| content));
        checked.map_err(|e| e.context(self.name()))
    }

    fn name(&self) -> String {
        format!("section {} at byte {}", self.header.tag, self.offset)
    }

    fn refuse(&self, why: impl Into<String>) -> Error {
        Error::rejected(why).context(self.name())
    }
}

/// The known sections of a file.
pub struct Sections<'a>([Option<Section<'a>>; KNOWN.len()]);

impl<'a> Sections<'a> {
    /// Cuts verified metadata into `n` sections, with nothing between and only zeros behind them.
    pub fn walk(metadata: &'a [u8], n: u16) -> Result<Self> {
        let mut found = [const { None }; KNOWN.len()];
        let mut tags: Vec<Tag> = Vec::new();
        let (mut at, mut last_rank) = (0, 0);
        for _ in 0..n {
            let section = Section::cut(metadata, at)?;
            let SectionHeader {
                tag,
                schema,
                flags,
                len,
            } = section.header;
            // The cut has checked that all of this lies within the metadata.
            at += SECTION_HEADER_LEN + align_up(len, SECTION_ALIGN) as usize;
            if tags.contains(&tag) {
                return Err(section.refuse("there is one before it"));
            }
            if [Tag::DATA, Tag::END].contains(&tag) {
                return Err(section.refuse("is not one of the metadata"));
            }
            tags.push(tag);
            let rank = KNOWN
                .iter()
                .position(|k| k.tag == tag)
                .unwrap_or(KNOWN.len());
            if rank < last_rank {
                return Err(section.refuse("out of order"));
            }
            last_rank = rank;
            match KNOWN.get(rank) {
                Some(known) if (1..=known.schema).contains(&schema) => {
                    if flags != known.flags {
                        return Err(section.refuse(format!("flags {flags}, not {}", known.flags)));
                    }
                    if section.payload.len() > known.cap {
                        return Err(section.refuse(format!("{len} bytes, over {}", known.cap)));
                    }
                    found[rank] = Some(section);
                }
                _ if flags & CRITICAL != 0 => {
                    return Err(section.refuse(format!("schema {schema} needs a newer act")));
                }
                _ => log::warn!(
                    "{}: schema {schema} is unknown and left out",
                    section.name()
                ),
            }
        }
        check_tail(metadata, at)?;
        Ok(Self(found))
    }

    /// A section, if it is there.
    pub fn get(&self, tag: Tag) -> Option<&Section<'a>> {
        self.0.iter().flatten().find(|s| s.header.tag == tag)
    }

    /// A section that every file has.
    pub fn required(&self, tag: Tag) -> Result<&Section<'a>> {
        self.get(tag)
            .ok_or_else(|| Error::rejected(format!("there is no section {tag}")))
    }

    /// Digest of all that makes the model what it is.
    pub fn model_digest(&self) -> Digest {
        model_digest(|tag| self.get(tag).map(|s| (s.header.schema, s.payload)))
    }
}

/// Behind the last section come zeros, and fewer of them than would leave out another page.
fn check_tail(metadata: &[u8], end: usize) -> Result<()> {
    let tail = metadata.get(end..).unwrap_or_default();
    if tail.len() as u64 >= DATA_ALIGN || tail.iter().any(|&b| b != 0) {
        let at = PROLOGUE_LEN + end;
        return Err(Error::rejected(format!(
            "a hole after the sections, which end at byte {at}"
        )));
    }
    Ok(())
}

/// BLAKE3 over the payloads of the critical sections in order, each behind its length and, in the
/// length's upper two bytes, the number of schemas before its own; a section that is not there
/// counts as an empty one.
fn model_digest<'a>(payload: impl Fn(Tag) -> Option<(u16, &'a [u8])>) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for known in KNOWN.iter().filter(|k| k.flags & CRITICAL != 0) {
        let (schema, payload) = payload(known.tag).unwrap_or((1, &[]));
        let later = u64::from(schema - 1) << 48;
        hasher.update(&(payload.len() as u64 | later).to_le_bytes());
        hasher.update(payload);
    }
    Digest(*hasher.finalize().as_bytes())
}

/// Sections on their way into a file: tag, schema, payload.
#[derive(Default)]
pub struct SectionWriter(Vec<(Tag, u16, Vec<u8>)>);

impl SectionWriter {
    /// Appends a section of one schema; callers keep the order of the file.
    pub fn push(&mut self, tag: Tag, value: &impl Wire) -> Result<()> {
        self.append(tag, wire::encode(value).map(|payload| (1, payload)))
    }

    /// Appends a section in the lowest schema that can carry it.
    pub fn push_content(&mut self, tag: Tag, content: &impl Content) -> Result<()> {
        self.append(tag, wire::encode_lowest(content))
    }

    fn append(&mut self, tag: Tag, encoded: Result<(u16, Vec<u8>)>) -> Result<()> {
        let (schema, payload) = encoded.map_err(|e| e.context(format!("section {tag}")))?;
        let cap = KNOWN.iter().find(|k| k.tag == tag).map_or(0, |k| k.cap);
        if payload.len() > cap {
            let len = payload.len();
            return Err(Error::rejected(format!(
                "section {tag}: {len} bytes, over {cap}"
            )));
        }
        self.0.push((tag, schema, payload));
        Ok(())
    }

    /// True if one is not in its first schema.
    pub fn has_later_schemas(&self) -> bool {
        self.0.iter().any(|(_, schema, _)| *schema > 1)
    }

    /// Number of sections.
    pub fn len(&self) -> u16 {
        // At most one of each known kind.
        self.0.len() as u16
    }

    /// See [`Sections::model_digest`].
    pub fn model_digest(&self) -> Digest {
        let find = |tag| self.0.iter().find(move |(t, ..)| *t == tag);
        model_digest(|tag| find(tag).map(|(_, schema, payload)| (*schema, &payload[..])))
    }

    /// The metadata from the end of the prologue to the header of DATA.
    pub fn metadata(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (tag, schema, payload) in &self.0 {
            let flags = KNOWN.iter().find(|k| k.tag == *tag).map_or(0, |k| k.flags);
            let len = payload.len() as u64;
            let header = SectionHeader {
                tag: *tag,
                schema: *schema,
                flags,
                len,
            };
            bytes.extend(header.to_bytes());
            bytes.extend(payload);
            bytes.resize(align_up(bytes.len() as u64, SECTION_ALIGN) as usize, 0);
        }
        let frame = (PROLOGUE_LEN + SECTION_HEADER_LEN) as u64;
        bytes.resize(
            (align_up(bytes.len() as u64 + frame, DATA_ALIGN) - frame) as usize,
            0,
        );
        bytes
    }
}
