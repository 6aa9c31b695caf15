//! What a text's label says: one class, several, or a score.

use act_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// What a task's labels are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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

impl ProblemKind {
    /// Refuses what cannot be trained, pruned, quantised or judged yet.
    ///
    /// # Errors
    /// Usage: the labels are not one class a text; what is missing is named.
    pub fn check_single(self, data: &str) -> Result<()> {
        let labels = match self {
            ProblemKind::SingleLabel => return Ok(()),
            ProblemKind::MultiLabel => "a text may have several labels (multi-label)",
            ProblemKind::Regression => "the labels are scores (regression)",
        };
        Err(Error::usage(format!(
            "{data}: {labels}; this version of act reads and checks such data, but trains and judges models \
             with one label a text only"
        )))
    }
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
    pub(crate) fn renumbered(self, number: impl Fn(u32) -> Result<u32>) -> Result<Self> {
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
