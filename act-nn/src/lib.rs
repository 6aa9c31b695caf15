//! The trainable encoder on burn: devices, taps, the training loop, importance of heads and neurons.
//!
//! Inside, the code is generic over burn's backend; outside there is no backend type. Stages say as
//! data what they want done: losses with weights, masks, sites to observe.

use std::str::FromStr;

use act_core::{Artifact, Encoding, Error, Params, Result, Seed, Site};

/// Where to compute; picks the backend once, in this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// burn's ndarray backend.
    NdArray,
    /// burn's flex backend (feature `flex`).
    Flex,
    /// A CUDA GPU (feature `cuda`).
    Cuda(usize),
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let _ = s;
        todo!()
    }
}

/// Examples to train on or to measure on.
#[derive(Debug, Clone, Copy)]
pub struct Examples<'a> {
    /// Token ids.
    pub encodings: &'a [Encoding],
    /// Classes, one an encoding.
    pub labels: &'a [u32],
    /// The teacher's logits, one row an encoding.
    pub teacher_logits: Option<&'a [Vec<f32>]>,
}

/// Losses and their weights; the total is their weighted sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// Cross-entropy with the labels.
    pub labels: f64,
    /// Mean squared error with the teacher's logits (PaddleSlim's distillation loss).
    pub logits: f64,
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
    /// Steps between `on_step` events.
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

/// Trains all parameters of a float artifact. `on_event` may stop the loop by returning `false`
/// (the best weights so far are returned). A loss that is not finite is an error that names the step.
pub fn train(
    device: Device,
    artifact: &Artifact,
    train: Examples<'_>,
    validation: Option<Examples<'_>>,
    objective: Objective,
    options: &TrainOptions,
    on_event: &mut dyn FnMut(TrainEvent) -> bool,
) -> Result<Trained> {
    let _ = (
        device, artifact, train, validation, objective, options, on_event,
    );
    todo!()
}

/// Logits of the trainable encoder with dropout off; one row an encoding, in order.
pub fn predict(
    device: Device,
    artifact: &Artifact,
    encodings: &[Encoding],
    batch_size: usize,
) -> Result<Vec<Vec<f32>>> {
    let _ = (device, artifact, encodings, batch_size);
    todo!()
}

/// Values at a site, one flat row-major `[tokens, width]` vector per encoding.
pub fn observe(
    device: Device,
    artifact: &Artifact,
    encodings: &[Encoding],
    sites: &[Site],
) -> Result<Vec<Vec<Vec<f32>>>> {
    let _ = (device, artifact, encodings, sites);
    todo!()
}

/// First-order importance of one layer's heads and neurons.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerImportance {
    /// One score a head: sum over batches of |dL/d mask|.
    pub heads: Vec<f64>,
    /// One score a neuron: sum over batches of |sum w dw| of its incoming weights with bias, plus
    /// the same of its outgoing weights.
    pub neurons: Vec<f64>,
}

/// Importance of heads and neurons on labelled examples, dropout off (Michel et al. 2019, section
/// 4.1; as PaddleSlim's transformer_pruner, which however measures on dev with dropout on).
/// `on_batch` is called after each batch and may stop by returning `false` (error: interrupted).
pub fn importance(
    device: Device,
    artifact: &Artifact,
    examples: Examples<'_>,
    batch_size: usize,
    threads: usize,
    on_batch: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<LayerImportance>> {
    let _ = (device, artifact, examples, batch_size, threads, on_batch);
    todo!()
}
