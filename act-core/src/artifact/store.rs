//! Writing: all checks first, then one pass from front to back.

use std::io::Write;

use super::directory::{self, TensorEntry};
use super::layout::{PROLOGUE_LEN, Prologue, SECTION_HEADER_LEN, SectionHeader, TRAILER_LEN, Tag};
use super::layout::{TENSOR_ALIGN, trailer};
use super::model::Artifact;
use super::sections::SectionWriter;
use super::values::ValueRules;
use super::wire::v1;
use super::{limits, rules};
use crate::error::{Error, Result};
use crate::plan::TensorSpec;
use crate::provenance::Digest;
use crate::tensor::Tensor;

impl Artifact {
    /// Writes the artifact front to back. Fails before the first byte if the tensors are not those
    /// of the plan or if a rule of the format is broken. Equal artifacts give equal bytes.
    pub fn write(&self, writer: impl Write) -> Result<()> {
        write(self, writer)
    }

    /// The artifact's bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.write(&mut bytes)?;
        Ok(bytes)
    }

    /// Digest of everything but provenance: equal results have equal digests. Hashes every tensor.
    pub fn model_digest(&self) -> Result<Digest> {
        model_digest(self)
    }

    /// Size of the file in bytes; reads no tensor.
    pub fn file_len(&self) -> Result<u64> {
        file_len(self)
    }
}

/// Writes the artifact.
fn write(artifact: &Artifact, writer: impl Write) -> Result<()> {
    let mut entries = checked_directory(artifact)?;
    for entry in &mut entries {
        entry.digest = digest(artifact.params.get(&entry.spec.name)?);
    }
    let frame = Frame::new(artifact, &entries)?;
    let mut sink = Sink {
        writer,
        hasher: blake3::Hasher::new(),
        offset: 0,
    };
    sink.put(&frame.head)?;
    for entry in &entries {
        sink.pad(frame.data_offset + entry.offset)?;
        sink.put(artifact.params.get(&entry.spec.name)?.bytes())?;
    }
    sink.pad(frame.file_len - TRAILER_LEN as u64)?;
    let digest = *sink.hasher.finalize().as_bytes();
    sink.put(&trailer(frame.file_len, digest))?;
    sink.writer.flush().map_err(write_error)
}

/// Digest of everything but provenance.
fn model_digest(artifact: &Artifact) -> Result<Digest> {
    let mut entries = checked_directory(artifact)?;
    for entry in &mut entries {
        entry.digest = digest(artifact.params.get(&entry.spec.name)?);
    }
    Ok(sections(artifact, &entries)?.model_digest())
}

/// Size of the file.
fn file_len(artifact: &Artifact) -> Result<u64> {
    // Digests have a fixed size, so zeros in their place give the same length.
    Ok(Frame::new(artifact, &lay_out(artifact)?)?.file_len)
}

fn digest(tensor: &Tensor) -> Digest {
    Digest(*blake3::hash(tensor.bytes()).as_bytes())
}

/// Checks the description by the rules that readers apply, and lays the tensors out.
fn lay_out(artifact: &Artifact) -> Result<Vec<TensorEntry>> {
    let Artifact {
        plan,
        task,
        tokenizer,
        quant,
        provenance,
        ..
    } = artifact;
    rules::check_plan(plan)?;
    rules::check_task(task, plan)?;
    rules::check_tokenizer(tokenizer, plan)?;
    rules::check_quant(quant, plan)?;
    rules::check_provenance(provenance)?;
    directory::lay_out(plan.expected_tensors(quant))
}

/// The directory, once the tensors are known to be those of the plan and fit to compute with.
fn checked_directory(artifact: &Artifact) -> Result<Vec<TensorEntry>> {
    let entries = lay_out(artifact)?;
    let rules = ValueRules::new(&artifact.quant);
    for entry in &entries {
        let spec = &entry.spec;
        let tensor = artifact.params.get(&spec.name)?;
        if (tensor.dtype(), tensor.shape()) != (spec.dtype, &spec.shape[..]) {
            let got = TensorSpec {
                name: spec.name.clone(),
                dtype: tensor.dtype(),
                shape: tensor.shape().to_vec(),
            };
            return Err(Error::rejected(format!(
                "tensor {}: the plan needs {}",
                directory::describe(&got),
                directory::describe(spec)
            )));
        }
        rules.check(&spec.name, &artifact.params)?;
    }
    if artifact.params.len() != entries.len() {
        let known = |name: &str| entries.iter().any(|e| e.spec.name == name);
        let surplus = artifact
            .params
            .iter()
            .map(|(name, _)| name)
            .find(|name| !known(name));
        let name = surplus.unwrap_or_default();
        return Err(Error::rejected(format!(
            "tensor {name} has no place in the plan"
        )));
    }
    Ok(entries)
}

/// The sections, in the order of the file. What is empty is left out.
fn sections(artifact: &Artifact, entries: &[TensorEntry]) -> Result<SectionWriter> {
    let mut sections = SectionWriter::default();
    let meta = (artifact.plan.clone(), artifact.task.clone());
    sections.push_content(Tag::META, &meta)?;
    sections.push_content(Tag::TOKN, &artifact.tokenizer)?;
    sections.push(Tag::TDIR, &directory::to_wire(entries)?)?;
    if !artifact.quant.is_empty() {
        sections.push_content(Tag::QUAN, &artifact.quant)?;
    }
    if !artifact.provenance.is_empty() {
        let records: Vec<v1::Stage> = artifact.provenance.iter().map(v1::Stage::from).collect();
        sections.push(Tag::PROV, &records)?;
    }
    Ok(sections)
}

/// All bytes before the tensors, and the lengths that they state.
struct Frame {
    head: Vec<u8>,
    data_offset: u64,
    file_len: u64,
}

impl Frame {
    fn new(artifact: &Artifact, entries: &[TensorEntry]) -> Result<Self> {
        let sections = sections(artifact, entries)?;
        let metadata = sections.metadata();
        let data_offset = (PROLOGUE_LEN + metadata.len() + SECTION_HEADER_LEN) as u64;
        let data_len = directory::data_len(entries);
        let file_len = data_offset + data_len + TRAILER_LEN as u64;
        if file_len > limits::FILE_LEN {
            let most = limits::FILE_LEN;
            return Err(Error::rejected(format!(
                "{file_len} bytes, a file has at most {most}"
            )));
        }
        let prologue = Prologue {
            format_minor: format_minor(artifact, &sections),
            n_sections: sections.len(),
            file_len,
            data_offset,
            meta_digest: *blake3::hash(&metadata).as_bytes(),
        };
        let data_header = SectionHeader::data(data_len).to_bytes();
        let head = [&prologue.to_bytes()[..], &metadata, &data_header].concat();
        Ok(Self {
            head,
            data_offset,
            file_len,
        })
    }
}

/// The smallest minor version of the format with everything in the file.
fn format_minor(artifact: &Artifact, sections: &SectionWriter) -> u16 {
    match sections.has_later_schemas() {
        _ if artifact.quant.has_four_bits() => 2,
        later => u16::from(later),
    }
}

/// A writer with its position and the running digest of the file.
struct Sink<W> {
    writer: W,
    hasher: blake3::Hasher,
    offset: u64,
}

impl<W: Write> Sink<W> {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes).map_err(write_error)?;
        self.hasher.update(bytes);
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Zeros up to byte `end`, which is nearer than a tensor's alignment.
    fn pad(&mut self, end: u64) -> Result<()> {
        self.put(&[0; TENSOR_ALIGN as usize][..(end - self.offset) as usize])
    }
}

fn write_error(e: std::io::Error) -> Error {
    Error::io("writing the artifact", e)
}
