//! What a data folder holds: counts, labels, lengths, duplicates, what is cut and ignored, and what is
//! wrong with it.
//!
//! Reads every split that is there through the same reader as the stages, so that a folder that
//! passes here loads everywhere.

mod figures;
mod findings;
mod survey;
mod text;

use std::path::Path;

use act_core::{Artifact, Error, Result, Tokenizer, TokenizerSpec, WordPieceSpec};
use serde::Serialize;

use crate::dataset::Dataset;
use crate::folder::Folder;
use crate::split::Split;
use crate::split_from_train::HeldOut;
use crate::target::ProblemKind;
use crate::vocab::vocabulary;
pub(crate) use figures::label_counts;
pub use figures::{Distribution, Known, LabelCount, Scores, Shared, SplitCheck};
pub(crate) use survey::Survey;

/// Longest sequence without another wish: `act-convert`'s.
pub const MAX_SEQ_LENGTH: usize = 128;

/// What `act-data check` found.
#[derive(Debug, Serialize)]
pub struct Check {
    /// Version of this schema.
    pub schema: u32,
    /// Task name.
    pub task: String,
    /// What the labels are.
    pub problem: ProblemKind,
    /// What is held out of train because there is no file of it, in words.
    pub held_out: Vec<String>,
    /// True for the bundled generator's corpus.
    pub synthetic: bool,
    /// Whose vocabulary tokens were counted with.
    pub vocabulary: String,
    /// One entry a split of which lines could be read.
    pub splits: Vec<SplitCheck>,
    /// Examples of dev or test whose text and pair are also in train.
    pub also_in_train: Vec<Shared>,
    /// Columns that are there and have no effect.
    pub unused_columns: Vec<String>,
    /// Files that look like data and that nothing reads.
    pub not_read: Vec<String>,
    /// What works, and was hardly meant.
    pub warnings: Vec<String>,
    /// What a stage would refuse: of wrong lines the first few of each split, with file and line.
    pub errors: Vec<String>,
}

/// What is known of the model that the data are meant for.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Its tokenizer and what to call that; without it a vocabulary is made from train.
    pub tokenizer: Option<(TokenizerSpec, String)>,
    /// Its longest sequence in tokens.
    pub max_seq_length: usize,
    /// Its labels.
    pub labels: Option<Vec<String>>,
}

/// A model of which nothing is known.
impl Default for Reader {
    fn default() -> Self {
        Self {
            tokenizer: None,
            max_seq_length: MAX_SEQ_LENGTH,
            labels: None,
        }
    }
}

impl Reader {
    /// One with the vocabulary of a `vocab.txt`, which is called `name`.
    ///
    /// # Errors
    /// Rejected: no vocabulary.
    pub fn of_vocabulary(text: &str, name: &str) -> Result<Self> {
        let spec = WordPieceSpec::from_vocab(text)?;
        Ok(Self {
            tokenizer: Some((spec.into(), name.into())),
            ..Self::default()
        })
    }

    /// A model, which is called `name`.
    pub fn of_model(model: &Artifact, name: &str) -> Self {
        Self {
            tokenizer: Some((model.tokenizer.clone(), name.into())),
            max_seq_length: model.task.max_seq_length,
            labels: Some(model.task.labels.clone()),
        }
    }

    /// The tokenizer, which cuts nothing, and what to call it.
    fn tokenizer(&self, first: &Dataset) -> Result<(TokenizerSpec, String)> {
        match &self.tokenizer {
            Some(given) => Ok(given.clone()),
            None => {
                let spec = WordPieceSpec::from_vocab(&vocabulary(first, 1)?)?;
                Ok((spec.into(), format!("made from {}", first.split)))
            }
        }
    }
}

/// Reads every split of a folder as `reader` would.
///
/// # Errors
/// Usage: no such folder, or one that does not say what it holds. What is wrong with its files is no
/// error here, but in the answer.
pub fn check(dir: &Path, task: Option<&str>, reader: &Reader) -> Result<Check> {
    let folder = Folder::open(dir, task)?;
    let mut survey = Survey::default();
    let held_out = HeldOut::of(&folder);
    let sets = survey.read_all(&folder, reader.labels.as_deref());
    let (mut vocabulary, mut splits) = (String::new(), Vec::new());
    if let Some((first, _)) = sets.first() {
        let (spec, name) = reader.tokenizer(first)?;
        let tokenizer = Tokenizer::new(&spec, usize::MAX >> 1)?;
        for (set, wrong) in &sets {
            splits.push(SplitCheck::new(set, *wrong, &spec, &tokenizer, reader)?);
        }
        vocabulary = name;
    }
    let mut errors = findings::missing(&folder);
    errors.append(&mut survey.errors);
    let mut check = Check {
        schema: 1,
        task: folder.task.name().into(),
        problem: folder.task.problem(),
        synthetic: folder.synthetic(),
        held_out: [Split::Dev, Split::Test]
            .into_iter()
            .filter_map(|split| held_out.note(split))
            .collect(),
        vocabulary,
        also_in_train: figures::also_in_train(sets.iter().map(|(set, _)| set)),
        splits,
        unused_columns: survey.unused(&folder.task),
        not_read: folder.not_read(),
        warnings: std::mem::take(&mut survey.warnings),
        errors,
    };
    findings::judge(&mut check, &folder, reader.tokenizer.is_some());
    Ok(check)
}

impl Check {
    /// The split of a name, if it was read.
    fn split(&self, split: Split) -> Option<&SplitCheck> {
        let name = split.to_string();
        self.splits.iter().find(|s| s.split == name)
    }

    /// An error that names the first thing that is wrong, if anything is.
    ///
    /// # Errors
    /// Usage.
    pub fn verdict(&self) -> Result<()> {
        match self.errors.as_slice() {
            [] => Ok(()),
            [only] => Err(Error::usage(only.clone())),
            [first, more @ ..] => Err(Error::usage(format!(
                "{first} (and {} more, listed above)",
                more.len()
            ))),
        }
    }
}
