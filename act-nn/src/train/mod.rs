//! The training loop: shuffled batches, split into micro-batches over threads, an optimiser step,
//! evaluation, best weights kept, checkpoints.
//!
//! Data-parallel: every micro-batch has a graph of its own on one thread, and gradients are summed
//! in the micro-batches' order, so that results do not depend on the number of threads. Everything
//! that a step depends on follows from the seed and the [`Position`], so that a run that is resumed
//! ends in the same bits as one that was never broken.

mod events;
mod journal;
mod options;
mod quantized;

use act_core::{Artifact, Error, Result};
use burn::tensor::Tensor;
use rayon::ThreadPool;
use rayon::prelude::*;

pub use events::{Examples, Quantizing, TrainEvent, Trained};
pub use journal::{Evaluation, Journal, LossPoint};
pub use options::TrainOptions;

use crate::backend::ActBackend;
use crate::batches;
use crate::checkpoint::{BestAt, Keeper, Mean, Part, Position, Resumed, Snapshot};
use crate::dropout::Noise;
use crate::gradient::{Batch, ShardGradients, Sum};
use crate::loss::objective::Objective;
use crate::loss::{self, Shard};
use crate::optim::Optimizer;
use crate::quantize::StepGradients;
use crate::weights::Weights;
use crate::{pool, predict};
use quantized::Quantized;

/// Hears what the loop tells; `false` stops it.
pub(crate) type OnEvent<'a> = &'a mut dyn FnMut(TrainEvent) -> bool;

/// See [`crate::train()`].
#[allow(clippy::too_many_arguments)] // The backend's device comes first, as `dispatch!` calls it.
pub(crate) fn train_on<B: ActBackend>(
    device: &B::Device,
    artifact: &Artifact,
    train: Examples<'_>,
    validation: Option<Examples<'_>>,
    quantizing: Option<Quantizing<'_>>,
    objective: Objective,
    options: &TrainOptions,
    keeper: &mut dyn Keeper,
    on_event: OnEvent<'_>,
) -> Result<Trained> {
    options.check()?;
    if train.encodings.is_empty() {
        return Err(Error::usage("there is no training example"));
    }
    loss::check(artifact, &train, &objective)?;
    let validation = validation.filter(|v| !v.encodings.is_empty());
    if let Some(validation) = &validation {
        loss::check(artifact, validation, &Objective::LABELS)?;
    }
    let threads = if B::THREADS {
        options.threads.max(1)
    } else {
        1
    };
    let per_epoch = train.encodings.len().div_ceil(options.batch_size);
    let total = options
        .epochs
        .saturating_mul(per_epoch)
        .min(options.max_steps.unwrap_or(usize::MAX));
    let start = Start::<B>::new(artifact, device, keeper.resume())?;
    let quantized = quantizing.map(|quantizing| {
        let (spec, judge) = (quantizing.quantization, quantizing.judge);
        let mut quantized = Quantized::new(artifact, spec, judge, &start.weights, options)?;
        if let Some(steps) = start.steps {
            quantized.restore(steps, start.best.is_some())?;
        }
        Ok::<_, Error>(quantized)
    });
    let run = Run {
        quantized: quantized.transpose()?,
        optimizer: Optimizer::new(&start.weights, options.optimizer, start.moments),
        weights: start.weights,
        best: start.best,
        position: start.position,
        batches: Vec::new(),
        per_epoch,
        total,
        pool: pool::pool(threads)?,
        threads,
        micro_batch: options.micro_batch.unwrap_or(B::MICRO_BATCH),
        train,
        validation,
        objective,
        options,
        pad_id: artifact.tokenizer.pad_id,
    };
    run.train(keeper, on_event)
}

/// Where a run begins: at the model that is to be trained, or at a checkpoint of this run.
struct Start<B: ActBackend> {
    position: Position,
    weights: Weights<B>,
    moments: Option<Vec<Weights<B>>>,
    best: Option<Weights<B>>,
    /// State of the quantisation steps.
    steps: Option<Vec<f64>>,
}

impl<B: ActBackend> Start<B> {
    fn new(artifact: &Artifact, device: &B::Device, resumed: Option<Resumed>) -> Result<Self> {
        let Some(resumed) = resumed else {
            return Ok(Self {
                position: Position::default(),
                weights: Weights::load(artifact, device)?,
                moments: None,
                best: None,
                steps: None,
            });
        };
        let read = |params| Weights::read(&artifact.plan, params, device);
        let moments = resumed.moments.iter().map(read).collect::<Result<_>>()?;
        Ok(Self {
            position: resumed.position,
            weights: read(&resumed.weights)?,
            moments: Some(moments),
            best: resumed.best.as_ref().map(read).transpose()?,
            steps: Some(resumed.steps),
        })
    }
}

/// A training run.
struct Run<'a, B: ActBackend> {
    weights: Weights<B>,
    optimizer: Optimizer<B>,
    /// The best weights so far; where they were seen is in the position.
    best: Option<Weights<B>>,
    position: Position,
    /// The batches of the epoch at work.
    batches: Vec<Vec<usize>>,
    per_epoch: usize,
    total: usize,
    pool: ThreadPool,
    threads: usize,
    micro_batch: usize,
    train: Examples<'a>,
    validation: Option<Examples<'a>>,
    quantized: Option<Quantized<'a>>,
    objective: Objective,
    options: &'a TrainOptions,
    pad_id: u32,
}

impl<B: ActBackend> Run<'_, B> {
    fn train(mut self, keeper: &mut dyn Keeper, on_event: OnEvent<'_>) -> Result<Trained> {
        let mut since_event = Window::default();
        let mut diverged = None;
        loop {
            if self.evaluation_is_due() && !self.evaluate(on_event)? {
                self.save(keeper);
                break;
            }
            if self.position.step == self.total || self.is_satisfied() {
                break;
            }
            if keeper.due(self.position.step) {
                self.save(keeper);
            }
            let (loss, learning_rate, tokens) = match self.next_step() {
                Ok(done) => done,
                Err(error) if self.best.is_some() => {
                    diverged = Some(error.to_string());
                    break;
                }
                Err(error) => return Err(error),
            };
            since_event.add(loss, tokens);
            let step = self.position.step;
            if step.is_multiple_of(self.options.log_every) || step == self.total {
                let Window { loss, tokens } = std::mem::take(&mut since_event);
                let go_on = on_event(TrainEvent::Step {
                    step,
                    total: self.total,
                    loss: loss.value(),
                    learning_rate,
                    tokens,
                });
                if !go_on {
                    self.save(keeper);
                    break;
                }
            }
        }
        Ok(self.finished(diverged))
    }

    /// The next step: its loss, learning rate and number of tokens.
    fn next_step(&mut self) -> Result<(f64, f64, usize)> {
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
        let (loss, gradients, of_steps) = self.gradients(batch, step)?;
        if !loss.is_finite() {
            return Err(diverged("loss", loss, step, learning_rate));
        }
        if of_steps.as_ref().is_some_and(|g| !g.are_finite()) {
            let what = "gradient of the quantisation steps";
            return Err(diverged(what, f64::NAN, step, learning_rate));
        }
        let (weights, optimizer) = (&mut self.weights, &mut self.optimizer);
        let norm = self
            .pool
            .install(|| optimizer.step(weights, gradients, step, learning_rate));
        if !norm.is_finite() {
            return Err(diverged("gradient's norm", norm, step, learning_rate));
        }
        if let (Some(quantized), Some(gradients)) = (&mut self.quantized, of_steps) {
            quantized.quantizer.advance(gradients, step, learning_rate);
        }
        self.position.step = step;
        self.position.epoch_loss.add(loss);
        Ok((loss, learning_rate, tokens))
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
            mixed_precision: options.mixed_precision && B::MIXED,
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
        let (loss, observed) = (sum.loss, std::mem::take(&mut sum.observed));
        let mut gradients = sum.into_tensors(weights);
        let of_steps = quantizer.map(|quantizer| {
            let gradients = gradients.as_mut_slice();
            pool.install(|| quantizer.straight_through(float, gradients, observed))
        });
        Ok((loss, gradients, of_steps))
    }

    /// True if the weights of this step are to be measured and have not been.
    fn evaluation_is_due(&self) -> bool {
        let step = self.position.step;
        let every = self.options.eval_every.unwrap_or(self.per_epoch);
        let regular = step > 0 && (step.is_multiple_of(every) || step == self.total);
        regular && self.position.evaluated < step
    }

    /// Measures the validation examples, or asks the judge of int8 models, and keeps the weights if
    /// they are the best. False: stop.
    fn evaluate(&mut self, on_event: OnEvent<'_>) -> Result<bool> {
        let step = self.position.step;
        self.position.evaluated = step;
        let (weights, size) = (&self.weights, self.micro_batch);
        let accuracy = match (&mut self.quantized, &self.validation) {
            (Some(quantized), _) => quantized.score(weights)?,
            (None, None) => return Ok(true),
            (None, Some(validation)) => self
                .pool
                .install(|| predict::accuracy(weights, validation, size, self.pad_id)),
        };
        let best = self.position.best.is_none_or(|b| accuracy > b.accuracy);
        self.position.since_best += 1;
        if best {
            self.best = Some(self.weights.clone());
            if let Some(quantized) = &mut self.quantized {
                quantized.best = Some(quantized.quantizer.current(&self.weights));
            }
            self.position.best = Some(BestAt { step, accuracy });
            self.position.since_best = 0;
        }
        Ok(on_event(TrainEvent::Evaluation {
            step,
            accuracy,
            best,
        }))
    }

    /// True once the goal is reached, or out of reach: a function of the position, so that a
    /// resumed run stops where it would have.
    fn is_satisfied(&self) -> bool {
        let Position {
            best, since_best, ..
        } = self.position;
        let reached = |target| best.is_some_and(|best| best.accuracy > target);
        self.options.target_accuracy.is_some_and(reached)
            || self.options.patience.is_some_and(|p| since_best >= p)
    }

    /// Hands the state of the run to its keeper.
    fn save(&self, keeper: &mut dyn Keeper) {
        let part = |part: Part| match part {
            Part::Weights => self.weights.to_params(),
            Part::Moment(which) => self.optimizer.moment(which, &self.weights),
            Part::Best => self.best.as_ref().unwrap_or(&self.weights).to_params(),
        };
        let steps = self.quantized.as_ref().map(Quantized::state);
        let steps = steps.unwrap_or_default();
        keeper.save(&Snapshot {
            position: &self.position,
            moments: self.options.optimizer.moments(),
            part: &part,
            steps: &steps,
        });
    }

    fn finished(self, diverged: Option<String>) -> Trained {
        let Position { step, best, .. } = self.position;
        Trained {
            params: self.best.as_ref().unwrap_or(&self.weights).to_params(),
            accuracy: best.map(|best| best.accuracy),
            best_step: best.map_or(step, |best| best.step),
            steps: step,
            final_loss: self.position.epoch_loss.value(),
            diverged,
            quantization: self.quantized.map(|quantized| {
                let last = || quantized.quantizer.current(&self.weights);
                quantized.best.clone().unwrap_or_else(last)
            }),
        }
    }
}

/// Loss, gradients of the parameters, gradients of quantisation steps.
type BatchGradients<B> = (f64, Vec<Tensor<B, 2>>, Option<StepGradients>);

/// What has happened since the last event.
#[derive(Default)]
struct Window {
    loss: Mean,
    tokens: usize,
}

impl Window {
    fn add(&mut self, loss: f64, tokens: usize) {
        self.loss.add(loss);
        self.tokens += tokens;
    }
}

fn diverged(what: &str, value: f64, step: usize, learning_rate: f64) -> Error {
    Error::failed(format!(
        "training diverged: the {what} is {value} at step {step} with learning rate \
         {learning_rate:.2e}; lower the learning rate or lengthen the warm-up"
    ))
}
