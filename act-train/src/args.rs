//! The arguments of stages that train.

use std::path::{Path, PathBuf};
use std::time::Duration;

use act_core::provenance::StageRecord;
use act_core::{Artifact, Error, Result};
use act_stage::Context;
use act_stage::config::Distillation;

use crate::checkpoint::{self, Checkpoints};
use crate::metrics::MetricsFile;
use crate::teacher;

/// `--teacher`.
#[derive(Debug, Clone, clap::Args)]
pub struct TeacherArgs {
    /// Model to learn from, float or int8; its labels must be the input's.
    #[arg(long = "teacher", id = "teacher", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl TeacherArgs {
    /// The teacher's file: as given, or else the configuration's.
    ///
    /// # Errors
    /// Usage: a folder, or standard input that is to be the `input` too.
    pub fn path(&self, section: &Distillation, input: &Path) -> Result<Option<PathBuf>> {
        let configured = section.teacher_model_dir.as_ref().map(PathBuf::from);
        let Some(path) = self.file.clone().or(configured) else {
            return Ok(None);
        };
        if path.is_dir() {
            return Err(Error::usage(format!(
                "the teacher {} is a folder: import it (act-convert import) and give the .act file",
                path.display()
            )));
        }
        if path.as_os_str() == "-" && input.as_os_str() == "-" {
            return Err(Error::usage(
                "the teacher and the input cannot both be standard input",
            ));
        }
        Ok(Some(path))
    }
}

/// Reads the teacher of `student`, if there is one.
///
/// # Errors
/// Usage: one that was made for other classes; those of reading, saying that it is the teacher's.
pub fn read_teacher(
    path: Option<&Path>,
    student: &Artifact,
    context: &Context,
) -> Result<Option<Artifact>> {
    let Some(path) = path else { return Ok(None) };
    let read = context.read_artifact(path);
    let read = read.and_then(|model| model.task.check_trained().map(|()| model));
    let read = read.map_err(|e| e.context("the teacher"))?;
    teacher::check_classes(&read, student)?;
    Ok(Some(read))
}

/// `--metrics`.
#[derive(Debug, Clone, clap::Args)]
pub struct MetricsArgs {
    /// One JSON object a line for every logged step and evaluation, as they happen.
    #[arg(long = "metrics", id = "metrics", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl MetricsArgs {
    /// The file, if it is asked for.
    ///
    /// # Errors
    /// Usage: one that cannot be written.
    pub fn file(&self) -> Result<Option<MetricsFile>> {
        self.file.as_deref().map(MetricsFile::new).transpose()
    }
}

/// `--checkpoint` and `--checkpoint-every`.
#[derive(Debug, Clone, clap::Args)]
pub struct CheckpointArgs {
    /// Where to keep checkpoints; a killed run goes on from there. Default: beside the output, as
    /// OUTPUT.ckpt; none if that is a pipe.
    #[arg(long = "checkpoint", id = "checkpoint", value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Seconds between checkpoints (0: after every step).
    #[arg(
        long = "checkpoint-every",
        id = "checkpoint-every",
        value_name = "SECONDS",
        default_value = "60",
        value_parser = seconds
    )]
    every: Duration,
}

impl CheckpointArgs {
    /// The checkpoints of the training of `model` into `output` that `record` describes.
    ///
    /// # Errors
    /// Usage: another process uses the folder.
    pub fn open(
        &self,
        output: &Path,
        model: &Artifact,
        record: &StageRecord,
    ) -> Result<Option<Checkpoints>> {
        let folder = checkpoint::folder(self.folder.as_deref(), output);
        let open = |folder: PathBuf| {
            Checkpoints::open(&folder, model, checkpoint::key(record), self.every)
        };
        folder.map(open).transpose()
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) if (0.0..1e9).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("give a number of seconds, 0 or more".into()),
    }
}
