//! The fixed frame of the file: prologue, section headers, trailer, alignment.
//!
//! Everything here has a fixed size and place and is read by hand; what has variable length is in
//! the sections' payloads ([`super::wire`]). All integers are little-endian.

use std::fmt;

use super::limits;
use crate::error::{Error, Result};

/// First bytes of every file. Like PNG's they betray 7-bit, newline and text-mode damage.
pub const MAGIC: [u8; 8] = *b"\x89ACT\r\n\x1a\n";
/// What this code reads and writes. Files of a greater major version are refused.
pub const FORMAT_MAJOR: u16 = 1;

/// Bytes of the prologue; metadata starts here.
pub const PROLOGUE_LEN: usize = 64;
/// Bytes of a section header.
pub const SECTION_HEADER_LEN: usize = 16;
/// Bytes of the trailer, the last of the file.
pub const TRAILER_LEN: usize = 64;

/// Sections start at multiples of this, and DATA is a multiple of this long.
pub const SECTION_ALIGN: u64 = 16;
/// `log2` of the tensors' alignment: a cache line, an AVX-512 register.
const TENSOR_ALIGN_LOG2: u8 = 6;
/// Tensors start at multiples of this within DATA.
pub const TENSOR_ALIGN: u64 = 1 << TENSOR_ALIGN_LOG2;
/// DATA starts at a multiple of this, so that a map of it is page-aligned.
pub const DATA_ALIGN: u64 = 4096;

/// Section flag: whoever does not understand the section must refuse the file.
pub const CRITICAL: u16 = 1;

/// The first multiple of `align` that is not below `n`. Callers stay below 2^40.
pub fn align_up(n: u64, align: u64) -> u64 {
    n.div_ceil(align) * align
}

/// Four bytes that name a section.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tag(pub [u8; 4]);

impl Tag {
    /// Plan, task, labels.
    pub const META: Tag = Tag(*b"META");
    /// Vocabulary and tokenizer rules.
    pub const TOKN: Tag = Tag(*b"TOKN");
    /// The tensor directory.
    pub const TDIR: Tag = Tag(*b"TDIR");
    /// Quantisation.
    pub const QUAN: Tag = Tag(*b"QUAN");
    /// Provenance.
    pub const PROV: Tag = Tag(*b"PROV");
    /// The tensors.
    pub const DATA: Tag = Tag(*b"DATA");
    /// The trailer.
    pub const END: Tag = Tag(*b"END ");
}

/// Printable whatever the bytes are.
impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// The first 64 bytes.
pub struct Prologue {
    /// Smallest minor version with everything in the file; readers do not look at it.
    pub format_minor: u16,
    /// Metadata sections before DATA.
    pub n_sections: u16,
    /// Bytes of the whole file.
    pub file_len: u64,
    /// First byte of the tensors.
    pub data_offset: u64,
    /// BLAKE3 of the bytes from the end of the prologue to the header of DATA.
    pub meta_digest: [u8; 32],
}

impl Prologue {
    /// The bytes.
    pub fn to_bytes(&self) -> [u8; PROLOGUE_LEN] {
        let mut bytes = [0; PROLOGUE_LEN];
        bytes[0x00..0x08].copy_from_slice(&MAGIC);
        bytes[0x08..0x0a].copy_from_slice(&FORMAT_MAJOR.to_le_bytes());
        bytes[0x0a..0x0c].copy_from_slice(&self.format_minor.to_le_bytes());
        bytes[0x0c] = TENSOR_ALIGN_LOG2;
        bytes[0x0e..0x10].copy_from_slice(&self.n_sections.to_le_bytes());
        bytes[0x10..0x18].copy_from_slice(&self.file_len.to_le_bytes());
        bytes[0x18..0x20].copy_from_slice(&self.data_offset.to_le_bytes());
        bytes[0x20..0x40].copy_from_slice(&self.meta_digest);
        bytes
    }

    /// Parses and checks the bytes by themselves; `bytes` may be short if the file is.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let seen = bytes.len().min(MAGIC.len());
        if bytes.is_empty() {
            return Err(Error::rejected(
                "empty: no artifact (did the stage before fail?)",
            ));
        }
        if bytes[..seen] != MAGIC[..seen] {
            return Err(Error::rejected(format!(
                "not an .act artifact: it starts with \"{}\"",
                bytes[..seen].escape_ascii()
            )));
        }
        let bytes: &[u8; PROLOGUE_LEN] = bytes
            .try_into()
            .map_err(|_| Error::rejected(format!("truncated after {} bytes", bytes.len())))?;
        let major = u16_at(bytes, 0x08);
        if major != FORMAT_MAJOR {
            return Err(Error::rejected(format!(
                "format version {major}; this act reads version {FORMAT_MAJOR}: use a newer act"
            )));
        }
        if bytes[0x0c] != TENSOR_ALIGN_LOG2 || bytes[0x0d] != 0 {
            return Err(Error::rejected(format!(
                "byte 0x0c: alignment {} and reserved byte {}, format 1 has {TENSOR_ALIGN_LOG2} and 0",
                bytes[0x0c], bytes[0x0d]
            )));
        }
        let prologue = Self {
            format_minor: u16_at(bytes, 0x0a),
            n_sections: u16_at(bytes, 0x0e),
            file_len: u64_at(bytes, 0x10),
            data_offset: u64_at(bytes, 0x18),
            meta_digest: array_at(bytes, 0x20),
        };
        prologue.check()?;
        Ok(prologue)
    }

    fn check(&self) -> Result<()> {
        let &Self {
            n_sections,
            file_len,
            data_offset,
            ..
        } = self;
        if !(1..=limits::SECTIONS).contains(&n_sections) {
            return Err(Error::rejected(format!(
                "byte 0x0e: {n_sections} metadata sections, 1 to {} are allowed",
                limits::SECTIONS
            )));
        }
        if file_len > limits::FILE_LEN {
            return Err(Error::rejected(format!(
                "byte 0x10: {file_len} bytes long, {} are allowed",
                limits::FILE_LEN
            )));
        }
        let last = limits::DATA_OFFSET.min(file_len.saturating_sub(TRAILER_LEN as u64));
        if data_offset == 0 || data_offset % DATA_ALIGN != 0 || data_offset > last {
            return Err(Error::rejected(format!(
                "byte 0x18: tensors start at byte {data_offset}; a multiple of {DATA_ALIGN} up to \
                 {last} is allowed"
            )));
        }
        Ok(())
    }

    /// Bytes between DATA's header and the trailer.
    pub fn data_len(&self) -> u64 {
        // `parse` has checked that the trailer lies behind data_offset.
        self.file_len - self.data_offset - TRAILER_LEN as u64
    }
}

/// What precedes every section's payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SectionHeader {
    /// Which section.
    pub tag: Tag,
    /// Version of the payload's schema.
    pub schema: u16,
    /// `CRITICAL` or 0.
    pub flags: u16,
    /// Bytes of the payload.
    pub len: u64,
}

impl SectionHeader {
    /// The bytes.
    pub fn to_bytes(self) -> [u8; SECTION_HEADER_LEN] {
        let mut bytes = [0; SECTION_HEADER_LEN];
        bytes[0..4].copy_from_slice(&self.tag.0);
        bytes[4..6].copy_from_slice(&self.schema.to_le_bytes());
        bytes[6..8].copy_from_slice(&self.flags.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.len.to_le_bytes());
        bytes
    }

    /// Parses the bytes; checks nothing.
    pub fn parse(bytes: &[u8; SECTION_HEADER_LEN]) -> Self {
        Self {
            tag: Tag(array_at(bytes, 0)),
            schema: u16_at(bytes, 4),
            flags: u16_at(bytes, 6),
            len: u64_at(bytes, 8),
        }
    }

    /// The header of DATA.
    pub fn data(len: u64) -> Self {
        Self {
            tag: Tag::DATA,
            schema: 1,
            flags: CRITICAL,
            len,
        }
    }
}

/// The last 64 bytes of a file of `file_len` bytes with this digest of all before them.
pub fn trailer(file_len: u64, file_digest: [u8; 32]) -> [u8; TRAILER_LEN] {
    let len = (TRAILER_LEN - SECTION_HEADER_LEN) as u64;
    let header = SectionHeader {
        tag: Tag::END,
        schema: 1,
        flags: CRITICAL,
        len,
    };
    let mut bytes = [0; TRAILER_LEN];
    bytes[0x00..0x10].copy_from_slice(&header.to_bytes());
    bytes[0x10..0x18].copy_from_slice(&file_len.to_le_bytes());
    bytes[0x20..0x40].copy_from_slice(&file_digest);
    bytes
}

/// `N` bytes at a constant place inside a fixed-size array.
fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}
