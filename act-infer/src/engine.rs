//! The engine: a loaded model, checked input, threads.

use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use act_core::provenance::StageRecord;
use act_core::quant::QuantSpec;
use act_core::{Artifact, Batch, Error, Plan, Result, Site, TaskInfo, Tokenizer};

use crate::encoder::{self, Workspace};
use crate::gemm;
use crate::model::Model;
use crate::profile::Part;
use crate::sequences::Sequences;

/// Which kernels compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernels {
    /// The fastest this machine has.
    Auto,
    /// Portable Rust, always there; the reference for all others.
    Generic,
    /// AVX2 and FMA.
    Avx2,
    /// AVX2, FMA and AVX-VNNI.
    AvxVnni,
    /// AVX-512 with VNNI.
    Avx512Vnni,
}

impl Kernels {
    /// All kernels that this machine can run, the portable ones first.
    pub fn available() -> Vec<Kernels> {
        let all = [
            Kernels::Generic,
            Kernels::Avx2,
            Kernels::AvxVnni,
            Kernels::Avx512Vnni,
        ];
        let generic = gemm::kernel(Kernels::Generic).name();
        let runs = |k: &Kernels| *k == Kernels::Generic || gemm::kernel(*k).name() != generic;
        all.into_iter().filter(runs).collect()
    }
}

/// A loaded model, ready to classify; `Send + Sync`.
pub struct Engine {
    /// Everything but what the model has taken: plan, task, tokenizer, quantisation, provenance.
    artifact: Artifact,
    model: Model,
    threads: usize,
    /// Memory of threads that are not computing now.
    idle: Mutex<Vec<Workspace>>,
    tokenizer: OnceLock<Tokenizer>,
}

/// Sees what flows through the f32 path: calibration and teachers use it.
pub trait Observer: Send {
    /// `values` is `[rows, columns]`, row-major; called once per site and batch, in forward order.
    fn observe(&mut self, site: Site, values: &[f32], columns: usize);
}

impl Engine {
    /// Maps and loads an `.act` file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::new(Artifact::open(path)?)
    }

    /// Loads an artifact: packs its weights for this machine. Embedding tables are not copied.
    /// Errors: tensors or quantisation that do not fit the plan.
    pub fn new(mut artifact: Artifact) -> Result<Self> {
        let model = Model::take(&mut artifact, gemm::kernel(Kernels::Auto))?;
        artifact.params = Default::default();
        log::debug!("{} kernels", model.kernel.name());
        Ok(Self {
            artifact,
            model,
            threads: 1,
            idle: Mutex::new(Vec::new()),
            tokenizer: OnceLock::new(),
        })
    }

    /// Sets the number of threads (default 1; 0: all cores). Results do not depend on it.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = match threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            _ => threads,
        };
        self
    }

    /// Chooses the kernels; the portable ones where this machine lacks them, see
    /// [`Engine::kernels`]. Results do not depend on it.
    #[must_use]
    pub fn with_kernels(mut self, kernels: Kernels) -> Self {
        let kernel = gemm::kernel(kernels);
        if kernel.name() != self.kernels() {
            self.model.repack(kernel);
            self.idle = Mutex::new(Vec::new());
        }
        self
    }

    /// Name of the kernels in use.
    pub fn kernels(&self) -> &'static str {
        self.model.kernel.name()
    }

    /// Shapes of the model.
    pub fn plan(&self) -> &Plan {
        &self.artifact.plan
    }

    /// Task and labels.
    pub fn task(&self) -> &TaskInfo {
        &self.artifact.task
    }

    /// What is quantised and how; empty in a float model.
    pub fn quant(&self) -> &QuantSpec {
        &self.artifact.quant
    }

    /// Every stage the model has been through, first to last.
    pub fn provenance(&self) -> &[StageRecord] {
        &self.artifact.provenance
    }

    /// True if any stage read the synthetic sample corpus.
    pub fn synthetic(&self) -> bool {
        self.artifact.synthetic()
    }

    /// The model's tokenizer, cutting at the task's longest sequence; built when first asked for.
    pub fn tokenizer(&self) -> Result<&Tokenizer> {
        if let Some(tokenizer) = self.tokenizer.get() {
            return Ok(tokenizer);
        }
        let longest = self
            .task()
            .max_seq_length
            .min(self.plan().max_position_embeddings);
        let tokenizer = Tokenizer::new(&self.artifact.tokenizer, longest)?;
        Ok(self.tokenizer.get_or_init(|| tokenizer))
    }

    /// Class scores, one row a sequence. A token with the id of `[PAD]` is masked as a key. Errors:
    /// a token id, segment id or length outside the plan.
    pub fn forward(&self, batch: &Batch) -> Result<Vec<Vec<f32>>> {
        self.check(batch)?;
        let shares = Sequences::of(batch).shares(self.threads);
        let logits = match &shares[..] {
            [share] => self.share(*share, None),
            shares => self.parallel(shares)?,
        };
        Ok(self.rows(&logits))
    }

    /// As [`Engine::forward`], for a float model, telling `observer` every site's values. It sees
    /// what is computed and no more: of the last layer, keys and values (their inputs and
    /// projections) have a row for every token, all other sites only one for each sequence, that
    /// of the classified position. Errors also on a quantised model.
    pub fn forward_observed(
        &self,
        batch: &Batch,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Vec<f32>>> {
        if !self.quant().is_empty() {
            return Err(Error::usage(
                "a quantised model cannot be observed: give the float model",
            ));
        }
        self.check(batch)?;
        let logits = self.share(Sequences::of(batch), Some(observer));
        Ok(self.rows(&logits))
    }

    /// Runs a batch on this thread, once to warm up and once for the time that each part took.
    #[doc(hidden)]
    pub fn profile(&self, batch: &Batch) -> Result<Vec<(Part, Duration)>> {
        self.check(batch)?;
        let mut workspace = Workspace::new(self.model.kernel);
        encoder::forward(&self.model, Sequences::of(batch), &mut workspace, None);
        workspace.clock().start();
        encoder::forward(&self.model, Sequences::of(batch), &mut workspace, None);
        Ok(workspace.clock().times())
    }

    /// Scores of some of the sequences, on this thread.
    fn share(&self, sequences: Sequences<'_>, observer: Option<&mut dyn Observer>) -> Vec<f32> {
        // A poisoned lock is harmless: what a workspace holds does not matter.
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let workspace = idle().pop();
        let mut workspace = workspace.unwrap_or_else(|| Workspace::new(self.model.kernel));
        let logits = encoder::forward(&self.model, sequences, &mut workspace, observer);
        idle().push(workspace);
        logits
    }

    /// Scores of all shares, in order, one thread each.
    fn parallel(&self, shares: &[Sequences<'_>]) -> Result<Vec<f32>> {
        let Some((first, others)) = shares.split_first() else {
            return Ok(Vec::new());
        };
        thread::scope(|scope| {
            let mut handles = Vec::with_capacity(others.len());
            for &share in others {
                let work = move || self.share(share, None);
                handles.push(thread::Builder::new().spawn_scoped(scope, work));
            }
            let mut logits = self.share(*first, None);
            for handle in handles {
                let handle =
                    handle.map_err(|e| Error::failed(format!("starting a thread: {e}")))?;
                match handle.join() {
                    Ok(part) => logits.extend(part),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok(logits)
        })
    }

    fn rows(&self, logits: &[f32]) -> Vec<Vec<f32>> {
        logits
            .chunks(self.plan().num_labels)
            .map(<[f32]>::to_vec)
            .collect()
    }

    /// Refuses what is outside the plan.
    fn check(&self, batch: &Batch) -> Result<()> {
        let plan = self.plan();
        let tokens = batch
            .lengths
            .iter()
            .try_fold(0usize, |sum, &n| sum.checked_add(n));
        if tokens != Some(batch.tokens()) || batch.token_type_ids.len() != batch.tokens() {
            return Err(Error::usage(format!(
                "a batch of {} token ids, {} segment ids and lengths that add up to {}",
                batch.tokens(),
                batch.token_type_ids.len(),
                tokens.map_or("too many".into(), |n| n.to_string())
            )));
        }
        let mut start = 0;
        for (s, &length) in batch.lengths.iter().enumerate() {
            if length == 0 || length > plan.max_position_embeddings {
                return Err(Error::usage(format!(
                    "sequence {s} has {length} tokens, the model takes 1 to {}",
                    plan.max_position_embeddings
                )));
            }
            let window = start..start + length;
            let ids = [
                ("token id", &batch.input_ids, plan.vocab_size),
                ("segment id", &batch.token_type_ids, plan.type_vocab_size),
            ];
            for (what, values, limit) in ids {
                let outside = values[window.clone()]
                    .iter()
                    .find(|&&id| id as usize >= limit);
                if let Some(id) = outside {
                    return Err(Error::usage(format!(
                        "sequence {s} has {what} {id}, the model knows {limit}"
                    )));
                }
            }
            start += length;
        }
        Ok(())
    }
}
