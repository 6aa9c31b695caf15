//! A model made ready to be judged: the engine that would serve it, its tokenizer, and what a
//! report says about it. Every subcommand sees models only through this, so none can measure
//! another code path than the one users run.

use std::path::Path;

use act_core::provenance::StageRecord;
use act_core::{Artifact, Batch, Encoding, Error, Plan, Progress, Result, TaskInfo, Tokenizer};
use act_infer::Engine;
use act_stage::report::{HowQuantised, Report};
use act_stage::{Context, printed};

use crate::{quantised, sites};

/// A loaded model with a name to call it by.
pub struct Model {
    /// What the user calls it.
    pub name: String,
    /// Shapes.
    pub plan: Plan,
    /// Task and labels.
    pub task: TaskInfo,
    /// Text to ids.
    pub tokenizer: Tokenizer,
    /// Id that means "not there" to the engine.
    pub pad_id: u32,
    /// How it was made.
    pub provenance: Vec<StageRecord>,
    /// A report that so far describes the model alone.
    pub report: Report,
    /// What became of the inputs of its linear layers; empty of a float model.
    pub sites: Vec<sites::Row>,
    /// How it became int8, if act-quant made it.
    pub quantised: Option<HowQuantised>,
    /// The engine.
    pub engine: Engine,
}

impl Model {
    /// Reads a model from a path or `-` and loads it with so many threads. A model that rests on
    /// the synthetic corpus says so on the log.
    pub fn load(ctx: &Context, path: &Path, name: &str, threads: usize) -> Result<Self> {
        Self::from(ctx.read_artifact(path)?, name, threads)
    }

    /// As [`Model::load`], with what each input costs on one thread.
    pub fn load_timed(ctx: &Context, path: &Path, name: &str, threads: usize) -> Result<Self> {
        let artifact = ctx.read_artifact(path)?;
        let mut rows = sites::rows(&artifact.plan, &artifact.quant, &artifact.provenance);
        sites::measure(&artifact, &mut rows)?;
        let model = Self::from(artifact, name, threads)?;
        Ok(Self {
            sites: rows,
            ..model
        })
    }

    fn from(artifact: Artifact, name: &str, threads: usize) -> Result<Self> {
        let model = Self::new(artifact, name, threads)?;
        if model.report.synthetic {
            log::warn!("{name} was trained on the bundled synthetic sample corpus");
        }
        if model.task.head_trained == Some(false) {
            log::warn!(
                "{name} has a head that was never trained (act-distill): its answers are chance"
            );
        }
        Ok(model)
    }

    /// Loads an artifact with so many threads.
    pub fn new(artifact: Artifact, name: &str, threads: usize) -> Result<Self> {
        Ok(Self {
            name: name.into(),
            plan: artifact.plan.clone(),
            task: artifact.task.clone(),
            tokenizer: Tokenizer::new(&artifact.tokenizer, artifact.task.max_seq_length)?,
            pad_id: artifact.tokenizer.pad_id(),
            sites: sites::rows(&artifact.plan, &artifact.quant, &artifact.provenance),
            quantised: quantised::of(&artifact.provenance),
            provenance: artifact.provenance.clone(),
            report: Report::new("act-eval", &artifact)?,
            engine: Engine::new(artifact)?.with_threads(threads),
        })
    }

    /// The same model with another number of threads; 0 is every core.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.engine = self.engine.with_threads(threads);
        self
    }

    /// Class scores of every encoding, in order; `progress` advances by encodings.
    pub fn logits(
        &self,
        encodings: &[Encoding],
        batch_size: usize,
        progress: &dyn Progress,
    ) -> Result<Vec<Vec<f32>>> {
        let lengths: Vec<usize> = encodings.iter().map(Encoding::len).collect();
        let mut logits = vec![Vec::new(); encodings.len()];
        for batch in act_data::sorted_batches(&lengths, batch_size) {
            let scores = self
                .engine
                .forward(&Batch::new(batch.iter().map(|&i| &encodings[i])))?;
            for (&i, row) in batch.iter().zip(scores) {
                logits[i] = finite(row)?;
            }
            progress.advance(batch.len())?;
        }
        Ok(logits)
    }
}

/// An argmax over NaN would pass for an answer.
fn finite(row: Vec<f32>) -> Result<Vec<f32>> {
    if row.iter().all(|v| v.is_finite()) {
        Ok(row)
    } else {
        Err(Error::failed(
            "the model gives scores that are not finite numbers",
        ))
    }
}

/// A model's name where the user gave none: the file's stem.
pub fn stem(path: &Path) -> String {
    match path.file_stem() {
        Some(stem) if path.as_os_str() != "-" => printed::one_line(&stem.to_string_lossy()),
        _ => "model".into(),
    }
}
