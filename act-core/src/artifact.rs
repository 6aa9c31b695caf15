//! The artifact: the one value that flows between the stages, and its file format `.act`.
//!
//! `docs/format.md` is the normative description of the bytes. Nothing here trusts a file: what
//! leaves [`Artifact::read`] or [`Artifact::open`] has passed every check of that document, and
//! [`Artifact::write`] makes the same checks, so that it cannot write what nobody may read.

mod directory;
mod header;
mod layout;
pub mod limits;
mod load;
mod rules;
mod sections;
mod source;
mod store;
mod values;
mod wire;

use std::io::{Read, Write};
use std::path::Path;

pub use directory::TensorEntry;
pub use header::{Header, inspect};

use crate::error::Result;
use crate::params::Params;
use crate::plan::Plan;
use crate::provenance::{Digest, StageRecord};
use crate::quant::QuantSpec;
use crate::tokenizer::TokenizerSpec;

/// What the model classifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInfo {
    /// Task name, `afqmc` and so on, or the user's own.
    pub name: String,
    /// Longest sequence in tokens, special tokens counted.
    pub max_seq_length: usize,
    /// Label names; the index is the class.
    pub labels: Vec<String>,
}

/// A whole model. A clone shares the numbers of its tensors and costs next to nothing.
#[derive(Clone)]
pub struct Artifact {
    /// Shapes.
    pub plan: Plan,
    /// Task and labels.
    pub task: TaskInfo,
    /// Vocabulary and rules.
    pub tokenizer: TokenizerSpec,
    /// Tensors.
    pub params: Params,
    /// Quantisation; empty in a float model.
    pub quant: QuantSpec,
    /// Every stage so far, first to last.
    pub provenance: Vec<StageRecord>,
}

impl Artifact {
    /// Reads and checks a whole artifact from a stream (a pipe), to its end. Memory grows with the
    /// bytes that really arrive, never with a length that the stream claims.
    pub fn read(reader: impl Read) -> Result<Self> {
        load::stream(reader)
    }

    /// Maps a file and checks it whole; tensors are windows of the map, so memory is shared with
    /// the page cache. A path that is a pipe is read as a stream.
    ///
    /// The file must not be changed in place while it is mapped (act replaces files, it never
    /// rewrites them): a file cut short under the map ends the process with `SIGBUS`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        load::map(path).map_err(|e| header::at_path(path, e))
    }

    /// Writes the artifact front to back. Fails before the first byte if the tensors are not those
    /// of the plan or if a rule of the format is broken. Equal artifacts give equal bytes.
    pub fn write(&self, writer: impl Write) -> Result<()> {
        store::write(self, writer)
    }

    /// The artifact's bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.write(&mut bytes)?;
        Ok(bytes)
    }

    /// Digest of everything but provenance: equal results have equal digests. Hashes every tensor.
    pub fn model_digest(&self) -> Result<Digest> {
        store::model_digest(self)
    }

    /// Size of the file in bytes; reads no tensor.
    pub fn file_len(&self) -> Result<u64> {
        store::file_len(self)
    }

    /// True if any stage read the synthetic sample corpus.
    pub fn synthetic(&self) -> bool {
        self.provenance
            .iter()
            .flat_map(|r| &r.data)
            .any(|d| d.synthetic)
    }
}
