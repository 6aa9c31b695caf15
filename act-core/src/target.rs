//! What a text's label says: one class, several, or a score.

use serde::{Deserialize, Serialize};

use crate::error::Result;

/// What a task's labels are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// Each text has one label.
    #[default]
    SingleLabel,
    /// Each text has any number of labels, or none.
    MultiLabel,
    /// Each text has a score.
    Regression,
}

/// `multi-label`
impl std::fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ProblemKind::SingleLabel => "single-label",
            ProblemKind::MultiLabel => "multi-label",
            ProblemKind::Regression => "regression",
        })
    }
}

/// What is to be told of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Its class: an index into the data set's labels.
    Class(u32),
    /// Its classes, in rising order, each once.
    Classes(Vec<u32>),
    /// Its score, finite.
    Score(f64),
}

impl Target {
    /// Which kind of problem it is an answer to.
    pub fn kind(&self) -> ProblemKind {
        match self {
            Target::Class(_) => ProblemKind::SingleLabel,
            Target::Classes(_) => ProblemKind::MultiLabel,
            Target::Score(_) => ProblemKind::Regression,
        }
    }

    /// The score of a regression.
    pub fn score(&self) -> Option<f64> {
        match self {
            Target::Score(score) => Some(*score),
            _ => None,
        }
    }

    /// The class of a single-label text.
    pub fn class(&self) -> Option<u32> {
        match self {
            Target::Class(class) => Some(*class),
            _ => None,
        }
    }

    /// All classes; none of a score.
    pub fn classes(&self) -> &[u32] {
        match self {
            Target::Class(class) => std::slice::from_ref(class),
            Target::Classes(classes) => classes,
            Target::Score(_) => &[],
        }
    }

    /// The same with classes numbered anew.
    ///
    /// # Errors
    /// That of `number`.
    pub fn renumbered(self, number: impl Fn(u32) -> Result<u32>) -> Result<Self> {
        Ok(match self {
            Target::Class(class) => Target::Class(number(class)?),
            Target::Classes(classes) => {
                let mut classes: Vec<u32> =
                    classes.into_iter().map(number).collect::<Result<_>>()?;
                classes.sort_unstable();
                Target::Classes(classes)
            }
            score => score,
        })
    }
}
