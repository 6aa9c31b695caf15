//! The artifact: the one value that flows between the stages, and its file format `.act`.
//!
//! `docs/format.md` is the normative description of the bytes.

use std::path::Path;

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

/// A whole model.
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
    /// Reads and checks a whole artifact from a stream (a pipe).
    pub fn read(_reader: impl std::io::Read) -> Result<Self> {
        todo!()
    }

    /// Maps a file and checks it whole; tensors are windows of the map.
    pub fn open(_path: impl AsRef<Path>) -> Result<Self> {
        todo!()
    }

    /// Writes the artifact front to back. Fails if the tensors are not those of the plan.
    pub fn write(&self, _writer: impl std::io::Write) -> Result<()> {
        todo!()
    }

    /// The artifact's bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.write(&mut bytes)?;
        Ok(bytes)
    }

    /// Digest of everything but provenance: equal results have equal digests.
    pub fn model_digest(&self) -> Result<Digest> {
        todo!()
    }

    /// Size of the file in bytes.
    pub fn file_len(&self) -> Result<u64> {
        todo!()
    }

    /// True if any stage read the synthetic sample corpus.
    pub fn synthetic(&self) -> bool {
        self.provenance
            .iter()
            .flat_map(|r| &r.data)
            .any(|d| d.synthetic)
    }
}
