//! Other people's models in: tells by looking what a source is, and reads it with the module that
//! knows it. What the user may say about any source is here, too.

use std::path::{Path, PathBuf};

use act_core::artifact::limits;
use act_core::{Artifact, Error, Result, Seed, TaskInfo};
use act_data::Task;

use crate::{archive, hf, paddle};

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

/// Reads a model from a folder, an archive of one, or an artifact.
///
/// # Errors
/// Usage: no such source, or options that do not fit the model. Rejected: not a model that act can
/// hold, or damaged.
pub fn import(source: &Path, options: &ImportOptions) -> Result<Artifact> {
    let artifact = if source.is_dir() {
        from_folder(source, options)?
    } else {
        from_file(source, options)?
    };
    // The rules of the format, and the numbers themselves: nothing leaves here unchecked.
    artifact.model_digest()?;
    Ok(artifact)
}

fn from_folder(dir: &Path, options: &ImportOptions) -> Result<Artifact> {
    if let Some(files) = paddle::folder::Files::find(dir)? {
        return paddle::import(dir, &files, options);
    }
    if hf::is_folder(dir) {
        return hf::import(dir, options);
    }
    let dir = dir.display();
    Err(Error::usage(format!(
        "{dir}: no model that is known: a Paddle folder has *.pdmodel and *.pdiparams, a Hugging \
         Face folder config.json and model.safetensors"
    )))
}

fn from_file(path: &Path, options: &ImportOptions) -> Result<Artifact> {
    match archive::Kind::of(path)? {
        Some(kind) => {
            let dir = tempfile::tempdir().map_err(|e| Error::io(std::env::temp_dir(), e))?;
            archive::unpack(path, kind, dir.path())
                .and_then(|()| from_folder(dir.path(), options))
                .map_err(|e| e.context(path.display()))
        }
        None if options.names_anything() => Err(Error::usage(format!(
            "{}: an artifact has its own task, labels, length and vocabulary: leave out --task, \
             --labels, --max-seq-length and --vocab",
            path.display()
        ))),
        None => Artifact::open(path),
    }
}

impl ImportOptions {
    fn names_anything(&self) -> bool {
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
                    "--max-seq-length is {n}: the model takes {} to {longest}",
                    limits::MIN_SEQUENCE
                )));
            }
            (Some(n), _) => n,
            (None, Some(n)) if allowed.contains(&n) => n,
            (None, _) => MAX_SEQ_LENGTH.min(longest),
        };
        Ok(TaskInfo {
            name: Task::canonical(name).unwrap_or(name).to_string(),
            max_seq_length,
            labels,
        })
    }
}
