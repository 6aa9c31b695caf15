//! What a model was made to tell: task, labels, kind of problem, columns of the data.

use crate::error::{Error, Result};
use crate::target::ProblemKind;
use crate::task::BuiltIn;

/// What the model classifies.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskInfo {
    /// Task name, `afqmc` and so on, or the user's own.
    pub name: String,
    /// Longest sequence in tokens, special tokens counted.
    pub max_seq_length: usize,
    /// Label names; the index is the class. Of a regression the one name of its score.
    pub labels: Vec<String>,
    /// What the scores mean.
    pub problem: Problem,
    /// Columns of the data that the model was made for, where they are known.
    pub columns: Option<Columns>,
    /// Whether the head was ever trained; `None`: nobody has recorded it.
    pub head_trained: Option<bool>,
}

impl TaskInfo {
    /// A task with one label for each text, of which nothing more is known.
    pub fn new(name: impl Into<String>, max_seq_length: usize, labels: Vec<String>) -> Self {
        Self {
            name: name.into(),
            max_seq_length,
            labels,
            problem: Problem::SingleLabel,
            columns: None,
            head_trained: None,
        }
    }

    /// Whether the model takes two texts: by the columns of its data, or as its built-in task; `None` where
    /// nobody has recorded it.
    pub fn takes_pairs(&self) -> Option<bool> {
        match &self.columns {
            Some(columns) => Some(columns.pair.is_some()),
            None => BuiltIn::named(&self.name).map(BuiltIn::is_pair),
        }
    }

    /// Refuses a model whose head is from chance, as that of a bare encoder is: whatever a stage would
    /// learn from its answers is noise.
    ///
    /// # Errors
    /// Usage: the head is known to be untrained.
    pub fn check_trained(&self) -> Result<()> {
        if self.head_trained != Some(false) {
            return Ok(());
        }
        Err(Error::usage(
            "the model is a bare encoder whose classification head was never trained: train it \
             first, act-distill MODEL --data DIR -o trained.act",
        ))
    }
}

/// What class scores mean.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// One label: the largest score, probabilities by softmax.
    SingleLabel,
    /// Any number of labels: each whose probability, by the logistic function, reaches its
    /// threshold.
    MultiLabel {
        /// One for each label, above 0 and at most 1.
        thresholds: Vec<f32>,
    },
    /// The score itself.
    Regression,
}

impl Problem {
    /// Of a new model with so many labels: a label is given where it is as likely as not.
    pub fn new(kind: ProblemKind, labels: usize) -> Self {
        match kind {
            ProblemKind::SingleLabel => Problem::SingleLabel,
            ProblemKind::MultiLabel => Problem::MultiLabel {
                thresholds: vec![0.5; labels],
            },
            ProblemKind::Regression => Problem::Regression,
        }
    }

    /// What a text's answer is.
    pub fn kind(&self) -> ProblemKind {
        match self {
            Problem::SingleLabel => ProblemKind::SingleLabel,
            Problem::MultiLabel { .. } => ProblemKind::MultiLabel,
            Problem::Regression => ProblemKind::Regression,
        }
    }
}

/// Names of columns in data files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The text, or the first of two.
    pub text: String,
    /// The second text of a pair.
    pub pair: Option<String>,
    /// The label.
    pub label: Option<String>,
}
