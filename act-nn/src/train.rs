//! The training loop: shuffled batches, split into micro-batches over threads, AdamW, evaluation,
//! best weights kept.
//!
//! Data-parallel: every micro-batch has a graph of its own on one thread, and gradients are summed
//! in the micro-batches' order, so that results do not depend on the number of threads.

use act_core::{Artifact, Error, Params, Result, Seed};
use burn::tensor::Tensor;
use rayon::ThreadPool;
use rayon::prelude::*;

use crate::backend::ActBackend;
use crate::batches;
use crate::dropout::Noise;
use crate::gradient::{ShardGradients, Sum};
use crate::loss::objective::{Objective, Teacher};
use crate::loss::{self, Shard};
use crate::optim::AdamW;
use crate::predict;
use crate::schedule::Schedule;
use crate::weights::Weights;

/// Examples to train on or to measure on.
#[derive(Clone, Copy)]
pub struct Examples<'a> {
    /// Token ids.
    pub encodings: &'a [act_core::Encoding],
    /// Classes, one an encoding.
    pub labels: &'a [u32],
    /// The teacher's logits, one row an encoding.
    pub teacher_logits: Option<&'a [Vec<f32>]>,
    /// The teacher's inner values, where the objective compares some.
    pub teacher: Option<&'a dyn Teacher>,
}

/// Hyper-parameters of the training loop.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// Passes over the data.
    pub epochs: usize,
    /// Upper bound of steps.
    pub max_steps: Option<usize>,
    /// Sequences a step.
    pub batch_size: usize,
    /// Sequences computed together on one thread; part of the result, threads are not.
    pub micro_batch: usize,
    /// Steps between evaluations; `None`: once an epoch.
    pub eval_every: Option<usize>,
    /// Steps between [`TrainEvent::Step`]s.
    pub log_every: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Share of steps over which it rises from 0.
    pub warmup_ratio: f64,
    /// True: it falls linearly to 0 at the last step.
    pub linear_decay: bool,
    /// Decoupled weight decay of weights and embeddings (not biases, not norms).
    pub weight_decay: f64,
    /// Global gradient norm above which gradients are scaled down; 0: off.
    pub grad_clip: f64,
    /// Dropout probability.
    pub dropout: f64,
    /// Stop when validation accuracy exceeds this.
    pub target_accuracy: Option<f64>,
    /// Threads; results do not depend on it (on CPU).
    pub threads: usize,
    /// Seed of order and dropout.
    pub seed: Seed,
}

impl TrainOptions {
    fn check(&self) -> Result<()> {
        let refuse = |what: &str| Err(Error::usage(format!("training: {what}")));
        if self.epochs == 0 || self.max_steps == Some(0) {
            return refuse("there must be at least one epoch and one step");
        }
        if self.batch_size == 0 || self.micro_batch == 0 {
            return refuse("batch size and micro-batch must be at least 1");
        }
        if self.eval_every == Some(0) || self.log_every == 0 {
            return refuse("steps between evaluations and log lines must be at least 1");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return refuse(&format!("dropout {} is not in 0..1", self.dropout));
        }
        if !(0.0..=1.0).contains(&self.warmup_ratio) {
            return refuse(&format!(
                "warm-up ratio {} is not in 0..=1",
                self.warmup_ratio
            ));
        }
        for (name, value) in [
            ("learning rate", self.learning_rate),
            ("weight decay", self.weight_decay),
            ("gradient clipping", self.grad_clip),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return refuse(&format!("{name} {value} is not a number of at least 0"));
            }
        }
        Ok(())
    }
}

/// What the loop tells while it runs.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainEvent {
    /// Every `log_every` steps.
    Step {
        /// 1-based step.
        step: usize,
        /// Steps in all.
        total: usize,
        /// Mean loss since the last event.
        loss: f64,
        /// Learning rate of this step.
        learning_rate: f64,
        /// Tokens computed since the last event.
        tokens: usize,
    },
    /// After an evaluation.
    Evaluation {
        /// Step.
        step: usize,
        /// Accuracy on the validation examples.
        accuracy: f64,
        /// True if it is the best so far.
        best: bool,
    },
}

/// What training gives.
pub struct Trained {
    /// The best weights seen (by validation accuracy; the last without validation).
    pub params: Params,
    /// Best validation accuracy.
    pub accuracy: Option<f64>,
    /// Step of the best weights.
    pub best_step: usize,
    /// Steps done.
    pub steps: usize,
    /// Mean training loss over the last epoch's steps.
    pub final_loss: f64,
}

/// See [`crate::train()`].
pub(crate) fn train_on<B: ActBackend>(
    device: &B::Device,
    artifact: &Artifact,
    train: Examples<'_>,
    validation: Option<Examples<'_>>,
    objective: Objective,
    options: &TrainOptions,
    on_event: &mut dyn FnMut(TrainEvent) -> bool,
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
    let mut run = Run {
        weights: Weights::<B>::load(artifact, device)?,
        best: None,
        pool: crate::pool(threads)?,
        threads,
        train,
        validation,
        objective,
        options,
        pad_id: artifact.tokenizer.pad_id,
    };
    run.train(on_event)
}

/// The best weights so far.
struct Best<B: ActBackend> {
    weights: Weights<B>,
    accuracy: f64,
    step: usize,
}

/// A training run.
struct Run<'a, B: ActBackend> {
    weights: Weights<B>,
    best: Option<Best<B>>,
    pool: ThreadPool,
    threads: usize,
    train: Examples<'a>,
    validation: Option<Examples<'a>>,
    objective: Objective,
    options: &'a TrainOptions,
    pad_id: u32,
}

impl<B: ActBackend> Run<'_, B> {
    fn train(&mut self, on_event: &mut dyn FnMut(TrainEvent) -> bool) -> Result<Trained> {
        let options = self.options;
        let examples = self.train.encodings.len();
        let per_epoch = examples.div_ceil(options.batch_size);
        let total = (options.epochs * per_epoch).min(options.max_steps.unwrap_or(usize::MAX));
        let schedule = Schedule {
            peak: options.learning_rate,
            warmup: (options.warmup_ratio * total as f64).round() as usize,
            total,
            decay: options.linear_decay,
        };
        let mut optimizer = AdamW::new(&self.weights, options.weight_decay, options.grad_clip);
        let (mut step, mut since_event, mut epoch_loss) = (0, Mean::default(), Mean::default());
        let mut tokens = 0;
        'training: for epoch in 0..options.epochs {
            epoch_loss = Mean::default();
            let batches = batches::epoch(examples, options.batch_size, options.seed, epoch);
            for (in_epoch, batch) in batches.iter().enumerate() {
                step += 1;
                let learning_rate = schedule.rate(step);
                let loss = self.step(&mut optimizer, batch, step, learning_rate)?;
                since_event.add(loss);
                epoch_loss.add(loss);
                tokens += batch
                    .iter()
                    .map(|&i| self.train.encodings[i].len())
                    .sum::<usize>();
                let mut go_on = true;
                if step % options.log_every == 0 || step == total {
                    go_on = on_event(TrainEvent::Step {
                        step,
                        total,
                        loss: std::mem::take(&mut since_event).value(),
                        learning_rate,
                        tokens: std::mem::take(&mut tokens),
                    });
                }
                let due = match options.eval_every {
                    Some(every) => step % every == 0,
                    None => in_epoch + 1 == per_epoch,
                };
                if go_on && (due || step == total) {
                    go_on = self.evaluate(step, on_event);
                }
                if !go_on || step == total {
                    break 'training;
                }
            }
        }
        let last = epoch_loss.value();
        Ok(match self.best.take() {
            Some(best) => Trained {
                params: best.weights.to_params(),
                accuracy: Some(best.accuracy),
                best_step: best.step,
                steps: step,
                final_loss: last,
            },
            None => Trained {
                params: self.weights.to_params(),
                accuracy: None,
                best_step: step,
                steps: step,
                final_loss: last,
            },
        })
    }

    /// One optimiser step on one batch; its loss.
    fn step(
        &mut self,
        optimizer: &mut AdamW<B>,
        batch: &[usize],
        step: usize,
        learning_rate: f64,
    ) -> Result<f64> {
        let (loss, gradients) = self.gradients(batch, step)?;
        if !loss.is_finite() {
            return Err(diverged("loss", loss, step, learning_rate));
        }
        let weights = &mut self.weights;
        let norm = self
            .pool
            .install(|| optimizer.step(weights, gradients, learning_rate));
        if !norm.is_finite() {
            return Err(diverged("gradient's norm", norm, step, learning_rate));
        }
        Ok(loss)
    }

    /// Loss and gradients of a batch, in the weights' order. As many micro-batches as there are
    /// threads are computed at a time and then added, one after the other.
    fn gradients(&self, batch: &[usize], step: usize) -> Result<(f64, Vec<Tensor<B, 2>>)> {
        let (options, weights, objective) = (self.options, &self.weights, &self.objective);
        let seed = options.seed.derive("dropout");
        let shards = batches::shards(batch, self.train.encodings, options.micro_batch);
        let shards: Vec<_> = shards.into_iter().enumerate().collect();
        let of_shard = |(number, indices): &(usize, Vec<usize>)| {
            let plan = &weights.layout.plan;
            let shard = Shard::new(&self.train, indices, objective, plan, self.pad_id)?;
            let noise = Noise::new(options.dropout, seed, step, *number);
            ShardGradients::new(weights, &shard, objective, batch.len(), noise)
        };
        let mut sum = Sum::new(weights);
        for round in shards.chunks(self.threads) {
            self.pool.install(|| {
                let computed = round.par_iter().map(of_shard).collect::<Result<_>>()?;
                sum.add(weights, computed);
                Ok::<_, Error>(())
            })?;
        }
        Ok((sum.loss, sum.into_tensors(weights)))
    }

    /// Measures the validation examples and keeps the weights if they are the best. False: stop.
    fn evaluate(&mut self, step: usize, on_event: &mut dyn FnMut(TrainEvent) -> bool) -> bool {
        let Some(validation) = &self.validation else {
            return true;
        };
        let (weights, size) = (&self.weights, self.options.micro_batch);
        let measure = || predict::accuracy(weights, validation, size, self.pad_id);
        let accuracy = self.pool.install(measure);
        let best = self.best.as_ref().is_none_or(|b| accuracy > b.accuracy);
        if best {
            let weights = self.weights.clone();
            self.best = Some(Best {
                weights,
                accuracy,
                step,
            });
        }
        let go_on = on_event(TrainEvent::Evaluation {
            step,
            accuracy,
            best,
        });
        go_on
            && self
                .options
                .target_accuracy
                .is_none_or(|target| accuracy <= target)
    }
}

/// The mean of what was added.
#[derive(Debug, Default)]
struct Mean {
    sum: f64,
    n: usize,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.n += 1;
    }

    fn value(&self) -> f64 {
        self.sum / self.n.max(1) as f64
    }
}

fn diverged(what: &str, value: f64, step: usize, learning_rate: f64) -> Error {
    Error::failed(format!(
        "training diverged: the {what} is {value} at step {step} with learning rate \
         {learning_rate:e}; lower the learning rate or lengthen the warm-up"
    ))
}
