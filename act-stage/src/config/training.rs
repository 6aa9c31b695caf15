//! The section `TrainConfig`: the training loop in PaddleSlim's vocabulary, with Paddle's learning
//! rate schedulers and optimisers. `docs/config.md` explains each key; what they compute is act-nn's.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use act_core::metrics::Metric;

use super::choices::{AmpDtype, LrDecay, OptimizerKind, Penalty};
use super::class_weights::ClassWeights;
use super::section::section;

/// Warm-up where a plain number is the learning rate and nothing else is said.
const WARMUP_RATIO: f64 = 0.1;

/// AdamW's decay where none is said.
const WEIGHT_DECAY: f64 = 0.01;

section! {
    /// The training loop.
    pub struct TrainConfig {
        /// Passes over the training data.
        pub epochs: usize = 3,
        /// Upper bound of optimiser steps.
        pub train_iter: Option<usize>,
        /// Steps between evaluations; default: once an epoch.
        pub eval_iter: Option<usize>,
        /// Steps between log lines.
        pub logging_iter: usize = 100,
        /// Peak learning rate, or a schedule of Paddle's.
        pub learning_rate: LearningRate = LearningRate::Peak(2e-5),
        /// Ours: share of the steps over which the rate rises from 0; see [`TrainConfig::warmup`].
        pub warmup_ratio: Option<f64>,
        /// Ours: what a rate that is a number does after warm-up; see [`TrainConfig::decay`].
        pub lr_decay: Option<LrDecay>,
        /// Ours: sequences a batch; overrides `Global.batch_size`.
        pub batch_size: Option<usize>,
        /// Ours: batches whose gradients make one step.
        pub gradient_accumulation: usize = 1,
        /// Ours: sequences computed together; default: the device's, whatever the threads.
        pub micro_batch: Option<usize>,
        /// Ours: dropout of hidden states and attention probabilities while training.
        pub dropout: f64 = 0.1,
        /// Ours: share of train held out for early stopping and choice of the best weights.
        pub validation_ratio: f64 = 0.05,
        /// Ours: share of train that no stage reads, kept to judge a promise on.
        pub judge_ratio: Option<f64>,
        /// Ours: evaluations without a better one after which training stops.
        pub patience: Option<usize>,
        /// Ours: seed of order and dropout; default `--seed`, which also chooses the held-out share.
        pub seed: Option<u64>,
        /// Ours: how much the examples of each class weigh in the loss with the labels.
        pub class_weights: Option<ClassWeights>,
        /// Ours: gamma of the focal loss, which takes the place of cross-entropy with the labels.
        pub focal_gamma: Option<f64>,
        /// The optimiser.
        pub optimizer_builder: OptimizerBuilder,
        /// Mixed precision on a GPU.
        pub amp_config: Option<AmpConfig>,
        /// Ours: what chooses the best weights and trials; default: the task's own.
        #[cfg_attr(test, schemars(schema_with = "super::schema::metric"))]
        pub metric: Option<Metric>,
        /// What the input model must have of the metric, checked before work starts.
        pub origin_metric: Option<f64>,
        /// Stop as soon as this much of the metric is passed.
        pub target_metric: Option<f64>,
    }
}

impl TrainConfig {
    /// Share of warm-up steps: as said, else a tenth for a number and none for a schedule, which
    /// brings its own.
    pub fn warmup(&self) -> f64 {
        let automatic = match self.learning_rate {
            LearningRate::Peak(_) => WARMUP_RATIO,
            LearningRate::Scheduled(_) => 0.0,
        };
        self.warmup_ratio.unwrap_or(automatic)
    }

    /// What a rate that is a number does after warm-up.
    pub fn decay(&self) -> LrDecay {
        self.lr_decay.unwrap_or(LrDecay::Linear)
    }
}

/// A number, or one of Paddle's schedulers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum LearningRate {
    /// The highest rate; `warmup_ratio` and `lr_decay` shape the rest.
    Peak(f64),
    /// `{type: PiecewiseDecay, ...}`.
    Scheduled(Scheduler),
}

impl<'de> Deserialize<'de> for LearningRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Object(schedule) => serde_json::from_value(schedule.into())
                .map(LearningRate::Scheduled)
                .map_err(D::Error::custom),
            Value::Number(rate) => rate
                .as_f64()
                .map(LearningRate::Peak)
                .ok_or_else(|| D::Error::custom("expected a number")),
            other => Err(D::Error::custom(format!(
                "found {other}, expected a number or a schedule, as in \
                 {{type: CosineAnnealingDecay, learning_rate: 2.0e-5}}"
            ))),
        }
    }
}

/// Paddle's learning rate schedulers (`paddle.optimizer.lr`, 2.6), counted in optimiser steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", deny_unknown_fields)]
#[allow(missing_docs)] // The fields bear Paddle's names and meanings.
pub enum Scheduler {
    /// `values[i]` until step `boundaries[i]`, the last value afterwards.
    PiecewiseDecay {
        boundaries: Vec<usize>,
        values: Vec<f64>,
    },
    /// Half a cosine from `learning_rate` to `eta_min` in `T_max` steps (default: the run's).
    CosineAnnealingDecay {
        learning_rate: f64,
        #[serde(rename = "T_max", default, skip_serializing_if = "Option::is_none")]
        t_max: Option<usize>,
        #[serde(default)]
        eta_min: f64,
    },
    /// `(learning_rate - end_lr) * (1 - t / decay_steps) ^ power + end_lr`; `decay_steps` defaults
    /// to the run's steps.
    PolynomialDecay {
        learning_rate: f64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decay_steps: Option<usize>,
        #[serde(default = "end_lr")]
        end_lr: f64,
        #[serde(default = "one")]
        power: f64,
        #[serde(default)]
        cycle: bool,
    },
    /// Linear from `start_lr` to `end_lr`, then the inner rate from its beginning.
    LinearWarmup {
        learning_rate: Box<LearningRate>,
        warmup_steps: usize,
        start_lr: f64,
        end_lr: f64,
    },
    /// `learning_rate * gamma ^ t`.
    ExponentialDecay { learning_rate: f64, gamma: f64 },
    /// `learning_rate * gamma ^ floor(t / step_size)`.
    StepDecay {
        learning_rate: f64,
        step_size: usize,
        #[serde(default = "tenth")]
        gamma: f64,
    },
    /// `learning_rate * gamma ^ (milestones passed)`.
    MultiStepDecay {
        learning_rate: f64,
        milestones: Vec<usize>,
        #[serde(default = "tenth")]
        gamma: f64,
    },
}

fn end_lr() -> f64 {
    1e-4
}

fn one() -> f64 {
    1.0
}

fn tenth() -> f64 {
    0.1
}

section! {
    /// The optimiser, as PaddleSlim writes it.
    pub struct OptimizerBuilder {
        /// Its kind.
        pub optimizer: Optimizer,
        /// AdamW: decoupled decay. The others: coefficient of an L2 penalty. Biases and norms are left
        /// out of both.
        pub weight_decay: Option<f64>,
        /// A penalty whose gradient is added to that of the loss.
        pub regularizer: Option<Regularizer>,
        /// Global gradient norm above which gradients are scaled down; 0 switches it off.
        pub grad_clip: f64 = 1.0,
    }
}

impl OptimizerBuilder {
    /// Decoupled decay: AdamW's alone.
    pub fn decoupled_decay(&self) -> f64 {
        match self.optimizer.kind {
            OptimizerKind::AdamW => self.weight_decay.unwrap_or(WEIGHT_DECAY),
            OptimizerKind::Adam | OptimizerKind::Sgd | OptimizerKind::Momentum => 0.0,
        }
    }

    /// Coefficients of the L1 and L2 penalties.
    pub fn penalties(&self) -> (f64, f64) {
        match &self.regularizer {
            Some(of) => match of.kind {
                Penalty::L1 => (of.coeff, 0.0),
                Penalty::L2 => (0.0, of.coeff),
            },
            None if self.optimizer.kind == OptimizerKind::AdamW => (0.0, 0.0),
            None => (0.0, self.weight_decay.unwrap_or(0.0)),
        }
    }
}

section! {
    /// `optimizer: {type: AdamW}`, with the arguments of Paddle's class of that name.
    pub struct Optimizer {
        /// Its class.
        #[serde(rename = "type")]
        pub kind: OptimizerKind,
        /// Adam and AdamW: decay of the first moment.
        pub beta1: Option<f64>,
        /// Adam and AdamW: decay of the second moment.
        pub beta2: Option<f64>,
        /// Adam and AdamW: added to the root of the second moment.
        pub epsilon: Option<f64>,
        /// Momentum: share of the old velocity that is kept.
        pub momentum: Option<f64>,
        /// Momentum: Nesterov's form.
        pub use_nesterov: Option<bool>,
    }
}

/// What each is where it is not given: Paddle's defaults.
impl Optimizer {
    /// Adam and AdamW: decay of the first moment.
    pub fn beta1(&self) -> f64 {
        self.beta1.unwrap_or(0.9)
    }

    /// Adam and AdamW: decay of the second moment.
    pub fn beta2(&self) -> f64 {
        self.beta2.unwrap_or(0.999)
    }

    /// Adam and AdamW: added to the root of the second moment.
    pub fn epsilon(&self) -> f64 {
        self.epsilon.unwrap_or(1e-8)
    }

    /// Momentum: share of the old velocity that is kept.
    pub fn momentum(&self) -> f64 {
        self.momentum.unwrap_or(0.9)
    }

    /// Momentum: Nesterov's form.
    pub fn use_nesterov(&self) -> bool {
        self.use_nesterov.unwrap_or(false)
    }
}

/// `regularizer: {type: L2Decay, coeff: 4.0e-5}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Regularizer {
    /// Of what.
    #[serde(rename = "type")]
    pub kind: Penalty,
    /// Weight of the penalty.
    pub coeff: f64,
}

section! {
    /// `amp_config: {dtype: bfloat16}`: products of matrices in bfloat16, all else in single precision.
    pub struct AmpConfig {
        /// Of the products.
        pub dtype: AmpDtype,
    }
}
