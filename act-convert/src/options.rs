//! What the user may say about any source of an import.

use std::path::PathBuf;

use act_core::artifact::limits;
use act_core::{Columns, Error, Problem, ProblemKind, Result, Seed, TaskInfo};
use act_data::{Dataset, Task};

/// Longest sequence without another wish; CLUE's texts are shorter.
const MAX_SEQ_LENGTH: usize = 128;
/// Name of a task that nobody named.
const UNNAMED: &str = "classification";

/// What a data folder says about the model that it is for.
#[derive(Debug, Clone)]
pub struct DataTask {
    /// Name of the task.
    pub task: String,
    /// Label names, in the folder's order.
    pub labels: Vec<String>,
    /// What the labels are.
    pub problem: ProblemKind,
    /// Columns, where the folder names them.
    pub columns: Option<Columns>,
}

impl From<Dataset> for DataTask {
    fn from(data: Dataset) -> Self {
        Self {
            task: data.task,
            labels: data.labels,
            problem: data.problem,
            columns: data.columns.as_ref().map(Into::into),
        }
    }
}

/// What a foreign model does not say, or what the user knows better.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Name of the task; a built-in one gives the labels too.
    pub task: Option<String>,
    /// Label names, in the order of the classes.
    pub labels: Option<Vec<String>>,
    /// The data that the model is for.
    pub data: Option<DataTask>,
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
            || self.data.is_some()
            || self.max_seq_length.is_some()
            || self.vocab.is_some()
    }

    /// What the model's answers are: as it says itself, as the data or the built-in task have them, or one
    /// label.
    ///
    /// # Errors
    /// Usage: the model and the data disagree.
    pub(crate) fn kind(&self, said: Option<ProblemKind>) -> Result<ProblemKind> {
        let data = self.data.as_ref().map(|data| data.problem);
        if let (Some(said), Some(data)) =
            (said, data.filter(|data| said.is_some_and(|s| s != *data)))
        {
            return Err(Error::usage(format!(
                "the model gives {said} answers, and the labels of --data are {data}"
            )));
        }
        let builtin = || {
            let task = Task::builtin(self.task.as_deref()?).ok()?;
            Some(task.problem())
        };
        Ok(said.or(data).or_else(builtin).unwrap_or_default())
    }

    /// The task of a model with these labels and so many positions: its length is the user's, the
    /// one that `folder` names where the positions allow it, or 128.
    ///
    /// # Errors
    /// Usage: the user's length is more than the positions.
    pub(crate) fn task_info(
        &self,
        (labels, kind): (Vec<String>, ProblemKind),
        folder: Option<usize>,
        positions: usize,
    ) -> Result<TaskInfo> {
        let data = self.data.as_ref();
        let name = self.task.as_deref().or(data.map(|data| &data.task[..]));
        let name = name.unwrap_or(UNNAMED);
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
        Ok(TaskInfo {
            columns: data.and_then(|data| data.columns.clone()),
            problem: Problem::new(kind, labels.len()),
            ..TaskInfo::new(name, max_seq_length, labels)
        })
    }
}
