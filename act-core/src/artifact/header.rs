//! Everything in a file before the tensors: read, verified and decoded, without touching DATA.
//!
//! The order is that of `docs/format.md`: digest first, decoding after, then the rules of the
//! domain, then the directory against the plan.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::byte_stream::ByteStream;
use super::directory::{self, TensorEntry};
use super::layout::{PROLOGUE_LEN, Prologue, SECTION_HEADER_LEN, SectionHeader, Tag};
use super::rules;
use super::sections::Sections;
use super::wire::v1;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Plan;
use crate::provenance::{Digest, StageRecord};
use crate::quant::QuantSpec;
use crate::task_info::TaskInfo;
use crate::tokenizer::TokenizerSpec;

/// An artifact without its tensors, for listings. The metadata is verified, the tensors are not.
#[derive(Debug, Clone)]
pub struct Header {
    /// Shapes.
    pub plan: Plan,
    /// Task and labels.
    pub task: TaskInfo,
    /// How text becomes ids.
    pub tokenizer: TokenizerSpec,
    /// Quantisation.
    pub quant: QuantSpec,
    /// Every stage so far.
    pub provenance: Vec<StageRecord>,
    /// The tensors' names, types, shapes, places and digests, in the order of DATA.
    pub tensors: Vec<TensorEntry>,
    /// Size of the file in bytes.
    pub file_len: u64,
    /// First byte of DATA.
    pub data_offset: u64,
    /// Digest of everything but provenance; what [`crate::Artifact::model_digest`] computes.
    pub model_digest: Digest,
}

/// Reads a file's header, and of a regular file checks that the size is the one it claims.
pub fn inspect(path: impl AsRef<Path>) -> Result<Header> {
    let path = path.as_ref();
    let read = || {
        let (file, len) = open(path)?;
        let header = Header::read(file)?;
        check_size(len, header.file_len)?;
        Ok(header)
    };
    read().map_err(|e| at_path(path, e))
}

/// Opens a path; the size only of a regular file.
pub fn open(path: &Path) -> Result<(File, Option<u64>)> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let metadata = file.metadata().map_err(|e| Error::io(path, e))?;
    if metadata.is_dir() {
        let e = std::io::Error::from(std::io::ErrorKind::IsADirectory);
        return Err(Error::io(path, e));
    }
    Ok((file, metadata.is_file().then_some(metadata.len())))
}

/// A regular file has exactly the size it claims.
pub fn check_size(size: Option<u64>, claimed: u64) -> Result<()> {
    match size {
        Some(size) if size != claimed => {
            let how = if size < claimed {
                "truncated"
            } else {
                "followed by other bytes"
            };
            Err(Error::rejected(format!(
                "{how}: {size} bytes, it says {claimed}"
            )))
        }
        _ => Ok(()),
    }
}

/// Says which file was refused; I/O errors name it already.
pub fn at_path(path: &Path, e: Error) -> Error {
    match e.kind() {
        ErrorKind::Rejected => e.context(path.display()),
        _ => e,
    }
}

impl Header {
    /// Reads a header from the start of a stream; the tensors are left unread.
    pub fn read(reader: impl Read) -> Result<Self> {
        Self::read_from(&mut ByteStream::new(reader))
    }

    pub(super) fn read_from<R: Read>(source: &mut ByteStream<R>) -> Result<Self> {
        let mut first = [0; PROLOGUE_LEN];
        let n = source.fill(&mut first)?;
        let prologue = Prologue::parse(&first[..n])?;
        let len = prologue.data_offset as usize - PROLOGUE_LEN;
        let metadata: Vec<u8> = source.values(len, "the metadata")?;
        let (metadata, data_header) = metadata
            .split_last_chunk()
            .ok_or_else(|| Error::rejected("no room for the header of DATA"))?;
        if *blake3::hash(metadata).as_bytes() != prologue.meta_digest {
            let message = "damaged: the metadata does not have the digest that byte 0x20 gives";
            return Err(Error::rejected(message));
        }
        let sections = Sections::walk(metadata, prologue.n_sections)?;
        if SectionHeader::parse(data_header) != SectionHeader::data(prologue.data_len()) {
            let at = prologue.data_offset - SECTION_HEADER_LEN as u64;
            let len = prologue.data_len();
            return Err(Error::rejected(format!(
                "the section header at byte {at} is not that of {len} bytes of DATA"
            )));
        }
        Self::decode(&prologue, &sections)
    }

    /// Decodes the sections and checks them, alone and against each other.
    fn decode(prologue: &Prologue, sections: &Sections<'_>) -> Result<Self> {
        let (plan, task) =
            sections
                .required(Tag::META)?
                .decode_content(|(plan, task): &(Plan, TaskInfo)| {
                    rules::check_plan(plan)?;
                    rules::check_task(task, plan)
                })?;
        let tokenizer = sections
            .required(Tag::TOKN)?
            .decode_content(|spec| rules::check_tokenizer(spec, &plan))?;
        let check_quant = |quant: &QuantSpec| {
            if quant.is_empty() {
                return Err(Error::rejected("lists nothing; a float model has no QUAN"));
            }
            rules::check_quant(quant, &plan)
        };
        let quant = match sections.get(Tag::QUAN) {
            Some(section) => section.decode_content(check_quant)?,
            None => QuantSpec::default(),
        };
        let tensors = sections
            .required(Tag::TDIR)?
            .decode(|wire: Vec<v1::Entry>| {
                let entries = directory::from_wire(wire, prologue.data_len())?;
                directory::check_plan(&entries, &plan.expected_tensors(&quant))?;
                Ok(entries)
            })?;
        let decode_provenance = |wire: Vec<v1::Stage>| {
            let records: Vec<StageRecord> = wire.into_iter().map(Into::into).collect();
            rules::check_provenance(&records)?;
            if records.is_empty() {
                return Err(Error::rejected("lists nothing; a new model has no PROV"));
            }
            Ok(records)
        };
        let provenance = match sections.get(Tag::PROV) {
            Some(section) => section.decode(decode_provenance)?,
            None => Vec::new(),
        };
        Ok(Self {
            plan,
            task,
            tokenizer,
            quant,
            provenance,
            tensors,
            file_len: prologue.file_len,
            data_offset: prologue.data_offset,
            model_digest: sections.model_digest(),
        })
    }
}
