//! The engine: a loaded model, checked input, threads.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use act_core::provenance::StageRecord;
use act_core::quant::QuantSpec;
use act_core::{Artifact, Batch, Error, Plan, Result, TaskInfo, Tokenizer};

use crate::encoder;
use crate::gemm::{self, Kernels};
use crate::model::Model;
use crate::observer::Observer;
use crate::pool::Pool;
use crate::profile::{Clock, Phase};
use crate::sequences::Sequences;
use crate::session::Session;

mod stepwise;

pub use stepwise::Stream;

/// A loaded model, ready to classify; `Send + Sync`: any number of threads may share one.
pub struct Engine {
    /// Everything but what the model has taken: plan, task, tokenizer, quantisation, provenance.
    artifact: Artifact,
    model: Arc<Model>,
    pool: Pool,
    /// Memory of calls that have ended.
    idle: Mutex<Vec<Session>>,
    tokenizer: OnceLock<Tokenizer>,
}

impl Engine {
    /// Maps an `.act` file, checks it whole, and loads it. The file must not be changed in place
    /// while the engine lives: embedding tables stay in it. Errors: unreadable, damaged, or not an
    /// artifact.
    ///
    /// ```no_run
    /// let engine = act_infer::Engine::open("int8.act")?.with_threads(0);
    /// println!("{} on {}", engine.task().name, engine.kernels());
    /// # Ok::<(), act_infer::Error>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::new(Artifact::open(path)?)
    }

    /// As [`Engine::open`], from the bytes of such a file, for models that are built into a program
    /// or come over a network.
    ///
    /// ```
    /// # let artifact = act_core::testing::tiny_artifact(1, &Default::default());
    /// # let bytes = artifact.to_bytes()?;
    /// let engine = act_infer::Engine::from_bytes(&bytes)?;
    /// assert_eq!(engine.task().labels.len(), engine.plan().num_labels);
    /// assert!(act_infer::Engine::from_bytes(&bytes[1..]).is_err());
    /// # Ok::<(), act_infer::Error>(())
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::new(Artifact::read(bytes)?)
    }

    /// Loads an artifact: packs its weights for this machine, each leaving the artifact as it is
    /// packed, so that a caller who keeps no clone never has all of them twice. Embedding tables
    /// are not copied. Errors: tensors or quantisation that do not fit the plan.
    pub fn new(artifact: Artifact) -> Result<Self> {
        let quant = artifact.quant.clone();
        let mut artifact = artifact.unpacked()?;
        let model = Arc::new(Model::take(&mut artifact, gemm::kernel(Kernels::Auto))?);
        (artifact.params, artifact.quant) = (Default::default(), quant);
        log::debug!("{} kernels", model.kernel.name());
        Ok(Self {
            artifact,
            pool: Pool::new(model.clone(), 1),
            model,
            idle: Mutex::new(Vec::new()),
            tokenizer: OnceLock::new(),
        })
    }

    /// Sets the number of threads a batch is spread over (default 1, the caller's own; 0: all cores
    /// that this process may use): sequence by sequence or, where there are too few or one is much
    /// longer than the others, inside each sequence, if that saves time on this machine. The others
    /// are started by the first batch that needs them, sleep between batches, and end with the engine.
    /// Results do not depend on it.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        let threads = match threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            _ => threads,
        };
        self.pool = Pool::new(self.model.clone(), threads);
        self
    }

    /// Shares every sequence that can be shared among threads, whatever it costs.
    #[doc(hidden)] // Open for tests only.
    #[must_use]
    pub fn with_free_teams(mut self) -> Self {
        self.pool.assume_free_teams();
        self
    }

    /// Number of threads a batch is spread over.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Chooses the kernels; the portable ones where this machine lacks them, see
    /// [`Engine::kernels`]. Results do not depend on it.
    #[must_use]
    pub fn with_kernels(mut self, kernels: Kernels) -> Self {
        let kernel = gemm::kernel(kernels);
        if kernel.name() != self.kernels() {
            let (mut model, threads) = (self.model, self.pool.threads());
            drop(self.pool); // Its threads end, and with them every other use of the model.
            if let Some(model) = Arc::get_mut(&mut model) {
                model.repack(kernel);
            }
            self.pool = Pool::new(model.clone(), threads);
            self.model = model;
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

    /// Tokens at which a text or a pair is cut, special tokens counted: the task's longest sequence.
    pub fn max_tokens(&self) -> usize {
        let positions = self.plan().embeddings.longest;
        self.task().max_seq_length.min(positions)
    }

    /// The model's tokenizer, cutting at [`Engine::max_tokens`]; built when first asked for.
    pub fn tokenizer(&self) -> Result<&Tokenizer> {
        if let Some(tokenizer) = self.tokenizer.get() {
            return Ok(tokenizer);
        }
        let tokenizer = Tokenizer::new(&self.artifact.tokenizer, self.max_tokens())?;
        Ok(self.tokenizer.get_or_init(|| tokenizer))
    }

    /// Class scores, one row a sequence, for those with a tokenizer of their own. Sequences need no
    /// padding; a token with the id of `[PAD]` is masked as a key. Errors: a token id, segment id or
    /// length outside the plan.
    ///
    /// ```
    /// # let artifact = act_core::testing::tiny_artifact(1, &Default::default());
    /// # let engine = act_infer::Engine::new(artifact)?;
    /// use act_infer::Batch;
    ///
    /// let batch = Batch {
    ///     input_ids: vec![2, 41, 42, 3, 2, 43, 3], // Two sequences, one after the other.
    ///     token_type_ids: vec![0; 7],
    ///     lengths: vec![4, 3],
    /// };
    /// let logits = engine.forward(&batch)?;
    /// assert_eq!(logits.len(), 2);
    /// assert_eq!(logits[0].len(), engine.plan().num_labels);
    /// # Ok::<(), act_infer::Error>(())
    /// ```
    pub fn forward(&self, batch: &Batch) -> Result<Vec<Vec<f32>>> {
        let mut logits = Vec::new();
        self.forward_into(batch, &mut logits)?;
        Ok(self.rows(&logits))
    }

    /// As [`Engine::forward`], into `logits`, `[sequences, labels]`, whose memory is used again.
    /// Once batches as large have been seen, it allocates nothing but when threads first share a sequence.
    ///
    /// ```
    /// # let artifact = act_core::testing::tiny_artifact(1, &Default::default());
    /// # let engine = act_infer::Engine::new(artifact)?;
    /// # let batches = [act_infer::Batch::default()];
    /// let mut logits = Vec::new();
    /// for batch in &batches {
    ///     engine.forward_into(batch, &mut logits)?;
    ///     for scores in logits.chunks_exact(engine.plan().num_labels) {
    ///         println!("{scores:?}");
    ///     }
    /// }
    /// # Ok::<(), act_infer::Error>(())
    /// ```
    pub fn forward_into(&self, batch: &Batch, logits: &mut Vec<f32>) -> Result<()> {
        self.check(batch)?;
        logits.clear();
        logits.resize(batch.sequences() * self.plan().num_labels, 0.0);
        let mut session = self.session();
        self.pool
            .forward(Sequences::of(batch), &mut session, logits)?;
        self.keep(session);
        Ok(())
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
        let quant = self.quant();
        if !(quant.linears.is_empty() && quant.embeddings.is_empty()) {
            return Err(Error::usage(
                "a quantised model cannot be observed: give the float model",
            ));
        }
        self.check(batch)?;
        let mut logits = vec![0.0; batch.sequences() * self.plan().num_labels];
        let (mut session, all) = (self.session(), Sequences::of(batch));
        let workspace = session.workspace();
        encoder::forward(&self.model, all, workspace, Some(observer), &mut logits);
        self.keep(session);
        Ok(self.rows(&logits))
    }

    /// Runs a batch on this thread, once to warm up and once for the time that each part took, in
    /// the order of [`Phase::ALL`]. Errors: as [`Engine::forward`].
    pub fn profile(&self, batch: &Batch) -> Result<Vec<(Phase, Duration)>> {
        self.timed(batch, |clock| clock.times())
    }

    /// The same layer by layer, and at last what is outside of all. Quantising an input counts to the
    /// part that reads it, so that each part is what its input costs. Errors: as [`Engine::forward`].
    pub fn profile_layers(&self, batch: &Batch) -> Result<Vec<Vec<(Phase, Duration)>>> {
        self.timed(batch, |clock| clock.layers())
    }

    fn timed<T>(&self, batch: &Batch, read: impl FnOnce(&Clock) -> T) -> Result<T> {
        self.check(batch)?;
        let (mut session, all) = (Session::new(&self.model), Sequences::of(batch));
        let workspace = session.workspace();
        let mut logits = vec![0.0; batch.sequences() * self.plan().num_labels];
        encoder::forward(&self.model, all, workspace, None, &mut logits);
        workspace.clock.start(self.plan().layers.len());
        encoder::forward(&self.model, all, workspace, None, &mut logits);
        Ok(read(&workspace.clock))
    }

    /// Memory for a call.
    fn session(&self) -> Session {
        let session = self.idle().pop();
        session.unwrap_or_else(|| Session::new(&self.model))
    }

    /// Keeps the memory of a call that has ended.
    fn keep(&self, session: Session) {
        self.idle().push(session);
    }

    /// What is in a session does not matter, so a poisoned lock is harmless.
    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
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
            if length == 0 || length > plan.embeddings.longest {
                return Err(Error::usage(format!(
                    "sequence {s} has {length} tokens, the model takes 1 to {}",
                    plan.embeddings.longest
                )));
            }
            let window = start..start + length;
            let ids = [
                ("token id", &batch.input_ids, plan.embeddings.vocab_size),
                (
                    "segment id",
                    &batch.token_type_ids,
                    plan.embeddings.types_below(),
                ),
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
