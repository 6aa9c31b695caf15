//! The metadata sections: cut from verified bytes, put together for writing.
//!
//! Known sections come in one order with one set of flags. Unknown ones are refused if critical
//! and left out otherwise: a stage that rewrites the file must not pass on what it cannot vouch for.

use super::layout::{
    CRITICAL, DATA_ALIGN, PROLOGUE_LEN, SECTION_ALIGN, SECTION_HEADER_LEN, SectionHeader, Tag,
    align_up,
};
use super::limits;
use super::wire::{self, Wire};
use crate::error::{Error, Result};
use crate::provenance::Digest;

/// Schema of every section that this code knows.
const SCHEMA: u16 = 1;

/// What is known of a section.
struct Known {
    tag: Tag,
    flags: u16,
    /// Largest payload.
    cap: usize,
}

/// The known sections, in the order of the file. The model's digest covers the critical ones.
const KNOWN: [Known; 5] = [
    Known {
        tag: Tag::META,
        flags: CRITICAL,
        cap: limits::META_LEN,
    },
    Known {
        tag: Tag::TOKN,
        flags: CRITICAL,
        cap: limits::TOKN_LEN,
    },
    Known {
        tag: Tag::TDIR,
        flags: CRITICAL,
        cap: limits::TDIR_LEN,
    },
    Known {
        tag: Tag::QUAN,
        flags: CRITICAL,
        cap: limits::QUAN_LEN,
    },
    Known {
        tag: Tag::PROV,
        flags: 0,
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
                Some(known) if schema == SCHEMA => {
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
        model_digest(|tag| self.get(tag).map(|s| s.payload))
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

/// BLAKE3 over the payloads of the critical sections in order, each behind its length; a section
/// that is not there counts as an empty one.
fn model_digest<'a>(payload: impl Fn(Tag) -> Option<&'a [u8]>) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for known in KNOWN.iter().filter(|k| k.flags & CRITICAL != 0) {
        let payload = payload(known.tag).unwrap_or_default();
        hasher.update(&(payload.len() as u64).to_le_bytes());
        hasher.update(payload);
    }
    Digest(*hasher.finalize().as_bytes())
}

/// Sections on their way into a file.
#[derive(Default)]
pub struct SectionWriter(Vec<(Tag, Vec<u8>)>);

impl SectionWriter {
    /// Appends a section; callers keep the order of the file.
    pub fn push(&mut self, tag: Tag, value: &impl Wire) -> Result<()> {
        let payload = wire::encode(value).map_err(|e| e.context(format!("section {tag}")))?;
        let cap = KNOWN.iter().find(|k| k.tag == tag).map_or(0, |k| k.cap);
        if payload.len() > cap {
            let len = payload.len();
            return Err(Error::rejected(format!(
                "section {tag}: {len} bytes, over {cap}"
            )));
        }
        self.0.push((tag, payload));
        Ok(())
    }

    /// Number of sections.
    pub fn len(&self) -> u16 {
        // At most one of each known kind.
        self.0.len() as u16
    }

    /// See [`Sections::model_digest`].
    pub fn model_digest(&self) -> Digest {
        model_digest(|tag| self.0.iter().find(|(t, _)| *t == tag).map(|(_, p)| &p[..]))
    }

    /// The metadata from the end of the prologue to the header of DATA.
    pub fn metadata(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (tag, payload) in &self.0 {
            let flags = KNOWN.iter().find(|k| k.tag == *tag).map_or(0, |k| k.flags);
            let len = payload.len() as u64;
            let header = SectionHeader {
                tag: *tag,
                schema: SCHEMA,
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
