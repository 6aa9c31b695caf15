//! A training run.
//!
//! Data-parallel: every micro-batch has a graph of its own on one thread, and gradients are summed
//! in the micro-batches' order, so that results do not depend on the number of threads. Everything
//! that a step depends on follows from the seed and the [`Position`], so that a run that is resumed
//! ends in the same bits as one that was never broken.

use act_core::{Error, Result};
use burn::tensor::Tensor;
use rayon::ThreadPool;
use rayon::prelude::*;

use super::fits;
use super::options::TrainOptions;
use super::quantized::Quantized;
use super::start::Start;
use super::training::{Course, Trained, Training};
use crate::backend::ActBackend;
use crate::batches;
use crate::checkpoint::{BestAt, Keeper, Mean, Position, Snapshot, TensorSet};
use crate::dropout::Noise;
use crate::examples::{Examples, Validation};
use crate::gradient::{Batch, Losses, ShardGradients, Sum};
use crate::journal::{Journal, TrainEvent};
use crate::loss::{self, Shard};
use crate::objective::Objective;
use crate::optim::Optimizer;
use crate::pool::pool;
use crate::predict;
use crate::quantize::StepGradients;
use crate::weights::Weights;

/// Hears what the loop tells, already noted in the journal; an error ends the run.
pub type Listener<'a> = &'a mut dyn FnMut(&TrainEvent, &Journal) -> Result<()>;

/// See [`crate::train()`].
pub(super) fn train_on<B: ActBackend>(
    device: &B::Device,
    mut training: Training<'_>,
    keeper: &mut dyn Keeper,
    listener: Listener<'_>,
) -> Result<Trained> {
    training.options.check()?;
    if training.train.encodings.is_empty() {
        return Err(Error::usage("there is no training example"));
    }
    loss::check(training.artifact, &training.train, &training.objective)?;
    if let Some(validation) = &training.validation {
        loss::check(training.artifact, &validation.examples, &Objective::LABELS)?;
    }
    let total = total_steps(&training);
    let quantized = training.quantizing.take();
    let quantized = quantized
        .map(|quantizing| Quantized::new(training.artifact, quantizing, training.options))
        .transpose()?;
    let fits = |resumed: &_| fits::check(resumed, &training, quantized.as_ref(), total);
    let resumed = keeper.resume(&fits);
    let start = Start::new(training.artifact, device, resumed)?;
    Run::<B>::new(training, quantized, start)?.train(keeper, listener)
}

/// Steps of an epoch.
fn steps_of_epoch(training: &Training<'_>) -> usize {
    let examples = training.train.encodings.len();
    examples.div_ceil(training.options.batch_size)
}

/// Steps in all.
fn total_steps(training: &Training<'_>) -> usize {
    let TrainOptions {
        epochs, max_steps, ..
    } = *training.options;
    let steps = epochs.saturating_mul(steps_of_epoch(training));
    steps.min(max_steps.unwrap_or(usize::MAX))
}

/// A training run.
struct Run<'a, B: ActBackend> {
    weights: Weights<B>,
    optimizer: Optimizer<B>,
    /// The best weights so far; where they were seen is in the position.
    best: Option<Weights<B>>,
    position: Position,
    journal: Journal,
    /// The batches of the epoch at work.
    batches: Vec<Vec<usize>>,
    per_epoch: usize,
    total: usize,
    pool: ThreadPool,
    threads: usize,
    micro_batch: usize,
    train: Examples<'a>,
    validation: Option<Validation<'a>>,
    quantized: Option<Quantized<'a>>,
    objective: Objective,
    options: &'a TrainOptions,
    pad_id: u32,
}

impl<'a, B: ActBackend> Run<'a, B> {
    fn new(
        training: Training<'a>,
        mut quantized: Option<Quantized<'a>>,
        start: Start<B>,
    ) -> Result<Self> {
        let (per_epoch, total) = (steps_of_epoch(&training), total_steps(&training));
        let Training {
            artifact, options, ..
        } = training;
        let threads = if B::THREADS {
            options.threads.max(1)
        } else {
            1
        };
        if let (Some(quantized), Some(steps)) = (&mut quantized, start.steps) {
            quantized.restore(steps, start.best.is_some())?;
        }
        Ok(Self {
            quantized,
            optimizer: Optimizer::new(&start.weights, options.optimizer, start.moments),
            weights: start.weights,
            best: start.best,
            position: start.position,
            journal: start.journal,
            batches: Vec::new(),
            per_epoch,
            total,
            pool: pool(threads)?,
            threads,
            micro_batch: options.micro_batch.unwrap_or(B::MICRO_BATCH),
            train: training.train,
            validation: training
                .validation
                .filter(|v| !v.examples.encodings.is_empty()),
            objective: training.objective,
            options,
            pad_id: artifact.tokenizer.pad_id(),
        })
    }

    fn train(mut self, keeper: &mut dyn Keeper, listener: Listener<'_>) -> Result<Trained> {
        let begin = TrainEvent::Begin {
            step: self.position.step,
            total: self.total,
        };
        listener(&begin, &self.journal)?;
        let mut diverged = None;
        loop {
            let event = if self.evaluation_is_due() {
                self.evaluate()?
            } else if self.position.step == self.total || self.is_satisfied() {
                break;
            } else {
                if keeper.due(self.position.step) {
                    self.save(keeper);
                }
                match self.next_step() {
                    Ok(step) => step,
                    Err(error) if self.best.is_some() => {
                        diverged = Some(error.to_string());
                        break;
                    }
                    Err(error) => return Err(error),
                }
            };
            self.journal.note(&event, self.options.log_every);
            if let Err(stopped) = listener(&event, &self.journal) {
                self.save(keeper);
                return Err(stopped);
            }
        }
        Ok(self.finished(diverged))
    }

    /// Does the next step.
    fn next_step(&mut self) -> Result<TrainEvent> {
        let (epoch, in_epoch) = (
            self.position.step / self.per_epoch,
            self.position.step % self.per_epoch,
        );
        let options = self.options;
        if in_epoch == 0 || self.batches.is_empty() {
            let examples = self.train.encodings.len();
            self.batches = batches::epoch(examples, options.batch_size, options.seed, epoch);
        }
        if in_epoch == 0 {
            self.position.epoch_loss = Mean::default();
        }
        let step = self.position.step + 1;
        let learning_rate = (options.learning_rate).rate(step, options.warmup_ratio, self.total);
        let batch = &self.batches[in_epoch];
        let lengths = batch.iter().map(|&i| self.train.encodings[i].len());
        let tokens = lengths.sum();
        let BatchGradients {
            losses,
            tensors,
            of_steps,
        } = self.gradients(batch, step)?;
        if of_steps.as_ref().is_some_and(|g| !g.are_finite()) {
            let what = "gradient of the quantisation steps";
            return Err(diverged(what, f64::NAN, step, learning_rate));
        }
        let (weights, optimizer) = (&mut self.weights, &mut self.optimizer);
        let norm = self
            .pool
            .install(|| optimizer.step(weights, tensors, step, learning_rate));
        // Not before the whole step is on its way to a GPU.
        let loss = losses.sum();
        if !loss.is_finite() {
            return Err(diverged("loss", loss, step, learning_rate));
        }
        if !norm.is_finite() {
            return Err(diverged("gradient's norm", norm, step, learning_rate));
        }
        if let (Some(quantized), Some(gradients)) = (&mut self.quantized, of_steps) {
            quantized.quantizer.advance(gradients, step, learning_rate);
        }
        self.position.step = step;
        self.position.epoch_loss.add(loss);
        Ok(TrainEvent::Step {
            step,
            total: self.total,
            loss,
            learning_rate,
            tokens,
        })
    }

    /// Loss and gradients of a batch, in the weights' order, and those of quantisation steps. As
    /// many micro-batches as there are threads are computed at a time and then added, one after the
    /// other.
    fn gradients(&self, batch: &[usize], step: usize) -> Result<BatchGradients<B>> {
        let options = self.options;
        let (pool, float) = (&self.pool, &self.weights);
        let (train, objective, pad_id) = (&self.train, &self.objective, self.pad_id);
        let quantizer = self.quantized.as_ref().map(|q| &q.quantizer);
        let rounded = quantizer.map(|q| pool.install(|| q.rounded(float)));
        let weights = rounded.as_ref().unwrap_or(float);
        let seed = options.seed.derive("dropout");
        let shards = batches::shards(batch, train.encodings, self.micro_batch);
        let of_batch = Batch {
            objective,
            examples: batch.len(),
            mixed_precision: options.mixed_precision && B::MIXED && quantizer.is_none(),
            quantizer,
        };
        let of_shard = |indices: &Vec<usize>| {
            let plan = &weights.layout.plan;
            let shard = Shard::new(train, indices, objective, plan, pad_id)?;
            let lengths = &shard.batch.lengths;
            let noise = Noise::new(options.dropout, seed, step, indices, lengths);
            ShardGradients::new(weights, &shard, &of_batch, noise)
        };
        let mut sum = Sum::new(weights);
        for round in shards.chunks(self.threads) {
            pool.install(|| {
                let computed = round.par_iter().map(of_shard).collect::<Result<_>>()?;
                sum.add(weights, computed);
                Ok::<_, Error>(())
            })?;
        }
        let observed = std::mem::take(&mut sum.observed);
        let (losses, mut tensors) = sum.into_parts(weights);
        let of_steps = quantizer.map(|quantizer| {
            let gradients = tensors.as_mut_slice();
            pool.install(|| quantizer.straight_through(float, gradients, observed))
        });
        Ok(BatchGradients {
            losses,
            tensors,
            of_steps,
        })
    }

    /// True if the weights of this step are to be measured and have not been.
    fn evaluation_is_due(&self) -> bool {
        let step = self.position.step;
        let every = self.options.eval_every.unwrap_or(self.per_epoch);
        let regular = step > 0 && (step.is_multiple_of(every) || step == self.total);
        let judged = self.quantized.is_some() || self.validation.is_some();
        judged && regular && self.position.evaluated < step
    }

    /// Asks the judge of int8 models, or measures the validation examples, and keeps the weights if
    /// they are the best.
    fn evaluate(&mut self) -> Result<TrainEvent> {
        let step = self.position.step;
        self.position.evaluated = step;
        let score = self.score()?;
        let best = self.position.best.is_none_or(|b| score > b.score);
        self.position.since_best += 1;
        if best {
            self.best = Some(self.weights.clone());
            if let Some(quantized) = &mut self.quantized {
                quantized.best = Some(quantized.quantizer.current(&self.weights));
            }
            self.position.best = Some(BestAt { step, score });
            self.position.since_best = 0;
        }
        Ok(TrainEvent::Evaluation { step, score, best })
    }

    fn score(&self) -> Result<f64> {
        let (weights, size, pad_id) = (&self.weights, self.micro_batch, self.pad_id);
        match (&self.quantized, &self.validation) {
            (Some(quantized), _) => quantized.score(weights),
            (None, Some(validation)) => {
                let measure = || predict::score(weights, validation, size, pad_id);
                Ok(self.pool.install(measure))
            }
            (None, None) => Err(Error::failed("there is nothing to measure a model on")),
        }
    }

    /// True once the goal is reached, or out of reach: a function of the position, so that a
    /// resumed run stops where it would have.
    fn is_satisfied(&self) -> bool {
        let Position {
            best, since_best, ..
        } = self.position;
        let reached = |target| best.is_some_and(|best| best.score > target);
        self.options.target_score.is_some_and(reached)
            || self.options.patience.is_some_and(|p| since_best >= p)
    }

    /// Hands the state of the run to its keeper.
    fn save(&self, keeper: &mut dyn Keeper) {
        let tensors = |set: TensorSet| match set {
            TensorSet::Weights => self.weights.to_params(),
            TensorSet::Moment(which) => self.optimizer.moment(which, &self.weights),
            TensorSet::Best => self.best.as_ref().unwrap_or(&self.weights).to_params(),
        };
        let steps = self.quantized.as_ref().map(Quantized::state);
        let steps = steps.unwrap_or_default();
        keeper.save(&Snapshot {
            position: &self.position,
            journal: &self.journal,
            moments: self.options.optimizer.moments(),
            tensors: &tensors,
            steps: &steps,
        });
    }

    fn finished(self, diverged: Option<String>) -> Trained {
        let Position { step, best, .. } = self.position;
        Trained {
            params: self.best.as_ref().unwrap_or(&self.weights).to_params(),
            score: best.map(|best| best.score),
            quantization: self.quantized.map(|quantized| {
                let last = || quantized.quantizer.current(&self.weights);
                quantized.best.clone().unwrap_or_else(last)
            }),
            course: Course {
                steps: step,
                best_step: best.map_or(step, |best| best.step),
                final_loss: self.position.epoch_loss.value(),
                journal: self.journal,
                diverged,
            },
        }
    }
}

/// What the backward pass of a batch gives.
struct BatchGradients<B: ActBackend> {
    losses: Losses<B>,
    /// In the weights' order.
    tensors: Vec<Tensor<B, 2>>,
    /// Those of quantisation steps, if there are any.
    of_steps: Option<StepGradients>,
}

fn diverged(what: &str, value: f64, step: usize, learning_rate: f64) -> Error {
    Error::failed(format!(
        "training diverged: the {what} is {value} at step {step} with learning rate \
         {learning_rate:.2e}; lower the learning rate or lengthen the warm-up"
    ))
}
