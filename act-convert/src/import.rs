//! Other people's models in: tells by looking what a source is, and reads it with the module that
//! knows it. What the sources share is here: labels, lengths, vocabularies, bounded reading.

use std::path::{Path, PathBuf};

use act_core::artifact::limits;
use act_core::{Artifact, Error, Result, Seed, TaskInfo, TokenizerSpec};
use act_data::Task;

use crate::{archive, file, hf, paddle};

/// Longest sequence without another wish; CLUE's texts are shorter.
pub(crate) const MAX_SEQ_LENGTH: usize = 128;
/// Name of a task that nobody named.
pub(crate) const UNNAMED: &str = "classification";
/// Largest vocabulary and JSON file beside a model.
const MAX_TEXT: u64 = limits::TOKN_LEN as u64;

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

    /// Task, labels and length of a model with so many classes and positions. Labels are the
    /// user's, or the built-in task's, or numbers.
    ///
    /// # Errors
    /// Usage: as many labels as classes are needed, and no more tokens than positions.
    pub fn task_info(&self, classes: usize, positions: usize) -> Result<TaskInfo> {
        let name = self.task.as_deref().unwrap_or(UNNAMED);
        let builtin = Task::builtin(name).ok();
        let labels = match (&self.labels, &builtin) {
            (Some(labels), _) => labels.clone(),
            (None, Some(task)) => task.labels().to_vec(),
            (None, None) => (0..classes).map(|i| i.to_string()).collect(),
        };
        if labels.len() != classes {
            let (count, whose) = match self.labels {
                Some(_) => (labels.len(), "--labels gives".to_string()),
                None => (labels.len(), format!("the task {name} has")),
            };
            return Err(Error::usage(format!(
                "{whose} {count} labels, but the model has {classes} classes: give --labels"
            )));
        }
        if let Some(twice) = (1..labels.len()).find(|&i| labels[..i].contains(&labels[i])) {
            let label = &labels[twice];
            return Err(Error::usage(format!("--labels gives {label:?} twice")));
        }
        let longest = positions.max(limits::MIN_SEQUENCE);
        let max_seq_length = self.max_seq_length.unwrap_or(MAX_SEQ_LENGTH.min(longest));
        if !(limits::MIN_SEQUENCE..=longest).contains(&max_seq_length) {
            return Err(Error::usage(format!(
                "--max-seq-length is {max_seq_length}: the model takes {} to {longest}",
                limits::MIN_SEQUENCE
            )));
        }
        Ok(TaskInfo {
            name: builtin.map_or(name.to_string(), |task| task.name().into()),
            max_seq_length,
            labels,
        })
    }

    /// The tokenizer of a model in `dir` whose word table has `rows` rows: `--vocab`, or
    /// `vocab.txt` beside the model. Rows without a token get names that no text contains.
    ///
    /// # Errors
    /// Usage: no vocabulary, or more tokens than rows.
    pub fn tokenizer(&self, dir: &Path, rows: usize) -> Result<TokenizerSpec> {
        let beside = dir.join("vocab.txt");
        let path = self.vocab.as_deref().unwrap_or(&beside);
        if !path.exists() {
            return Err(Error::usage(
                "the model has no vocab.txt beside it: give --vocab FILE",
            ));
        }
        let mut spec = read_vocab(path)?;
        let tokens = spec.vocab_size();
        if tokens > rows {
            return Err(Error::usage(format!(
                "the vocabulary has {tokens} tokens, the model's word table {rows} rows: is it \
                 this model's?"
            )));
        }
        if rows > limits::VOCAB {
            return Err(Error::rejected(format!("a word table of {rows} rows")));
        }
        // Brackets are words of their own, so the tokenizer never asks for such a token.
        (tokens..rows).for_each(|row| spec.vocab += &format!("[no token {row}]\n"));
        spec.lowercase = lowercases(&dir.join("tokenizer_config.json"))?.unwrap_or(spec.lowercase);
        spec.strip_accents = spec.lowercase;
        Ok(spec)
    }
}

/// `do_lower_case` of a tokenizer's configuration, if there is one.
fn lowercases(path: &Path) -> Result<Option<bool>> {
    let config = file::optional_json(path, MAX_TEXT)?;
    Ok(config.and_then(|c| c.get("do_lower_case")?.as_bool()))
}

/// A `vocab.txt` with BERT's rules.
///
/// # Errors
/// Usage: no such file, not UTF-8, or not a vocabulary. Rejected: too long.
pub fn read_vocab(path: &Path) -> Result<TokenizerSpec> {
    let text = String::from_utf8(file::read(path, MAX_TEXT)?)
        .map_err(|e| Error::usage(format!("{}: not UTF-8: {e}", path.display())))?;
    TokenizerSpec::from_vocab(&text).map_err(|e| e.context(path.display()))
}
