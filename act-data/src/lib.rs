//! Text to examples to batches: readers for CLUE, GLUE and own data; sample corpora; fetch, check.

use std::path::Path;

use act_core::provenance::DataRecord;
use act_core::{Encoding, Result, Tokenizer};

/// One text or pair, with its class where it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The text, or the first of a pair.
    pub text: String,
    /// The second of a pair.
    pub pair: Option<String>,
    /// Index into the data set's labels.
    pub label: Option<u32>,
}

/// Part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// `train.json`
    Train,
    /// `dev.json`
    Dev,
    /// `test.json`
    Test,
}

/// One split of a task, read and checked.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Task name.
    pub task: String,
    /// Which split.
    pub split: Split,
    /// Label names; the index is the class.
    pub labels: Vec<String>,
    /// The examples, in file order.
    pub examples: Vec<Example>,
    /// Lines without a usable label (`-` in OCNLI and CMNLI), left out.
    pub dropped: usize,
    /// Name, digest, count and whether it is the synthetic sample.
    pub record: DataRecord,
}

impl Dataset {
    /// Reads a split of `task` from a folder. The task is a built-in name, or the folder's own
    /// description decides. `labels`, when given (a model's), must cover the data's.
    pub fn open(
        dir: &Path,
        task: Option<&str>,
        split: Split,
        labels: Option<&[String]>,
    ) -> Result<Self> {
        let _ = (dir, task, split, labels);
        todo!()
    }

    /// The classes; an error that names the first example without one.
    pub fn label_ids(&self) -> Result<Vec<u32>> {
        todo!()
    }

    /// Tokenises every example.
    pub fn encode(&self, tokenizer: &Tokenizer) -> Result<Vec<Encoding>> {
        let _ = tokenizer;
        todo!()
    }
}

/// Indices into encodings, batch by batch: sorted by length, for evaluation. Every index once.
pub fn sorted_batches(lengths: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    let _ = (lengths, batch_size);
    todo!()
}
