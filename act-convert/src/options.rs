//! What the user may say about any source of an import.

use std::path::PathBuf;

use act_core::artifact::limits;
use act_core::{Error, Result, Seed, TaskInfo};
use act_data::Task;

/// Longest sequence without another wish; CLUE's texts are shorter.
const MAX_SEQ_LENGTH: usize = 128;
/// Name of a task that nobody named.
const UNNAMED: &str = "classification";

/// What a foreign model does not say, or what the user knows better.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Name of the task; a built-in one gives the labels too.
    pub task: Option<String>,
    /// Label names, in the order of the classes.
    pub labels: Option<Vec<String>>,
    /// Longest sequence in tokens.
    pub max_seq_length: Option<usize>,
    /// Vocabulary; otherwise the one beside the model.
    pub vocab: Option<PathBuf>,
    /// Seed of what the model has no weights for.
    pub seed: Seed,
}

impl ImportOptions {
    /// True if the user says anything about the model itself.
    pub(crate) fn names_anything(&self) -> bool {
        self.task.is_some()
            || self.labels.is_some()
            || self.max_seq_length.is_some()
            || self.vocab.is_some()
    }

    /// The task of a model with these labels and so many positions: its length is the user's, the
    /// one that `folder` names where the positions allow it, or 128.
    ///
    /// # Errors
    /// Usage: the user's length is more than the positions.
    pub(crate) fn task_info(
        &self,
        labels: Vec<String>,
        folder: Option<usize>,
        positions: usize,
    ) -> Result<TaskInfo> {
        let name = self.task.as_deref().unwrap_or(UNNAMED);
        let longest = positions.max(limits::MIN_SEQUENCE);
        let allowed = limits::MIN_SEQUENCE..=longest;
        let max_seq_length = match (self.max_seq_length, folder) {
            (Some(n), _) if !allowed.contains(&n) => {
                return Err(Error::usage(format!(
                    "--max-seq-length (or Global.max_seq_length) is {n}: the model takes {} to {longest}",
                    limits::MIN_SEQUENCE
                )));
            }
            (Some(n), _) => n,
            (None, Some(n)) if allowed.contains(&n) => n,
            (None, _) => MAX_SEQ_LENGTH.min(longest),
        };
        let name = Task::canonical(name).to_string();
        Ok(TaskInfo::new(name, max_seq_length, labels))
    }
}
