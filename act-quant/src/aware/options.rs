//! What quantisation-aware training is asked to do: the section `QuantAware`, with `TrainConfig` and
//! `Distillation` for what it does not say, turned into types.

use std::str::FromStr;

use act_core::{Artifact, Error, Result, Seed};
use act_nn::{InputSteps, Objective, TrainOptions, WeightSteps};
use act_stage::config::{
    AttentionKind, Config, Distillation, LearningRate, TrainedActivations, TrainedWeights,
};
use act_train::{Teacher, objective};

use crate::judge::Score;

/// Training after calibration is this many times shorter and gentler than `TrainConfig`'s, as in
/// PaddleSlim.
const GENTLER: usize = 10;

/// Evaluations of a training that says nothing about them.
const EVALUATIONS: usize = 10;

/// Whether to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Never: calibration alone.
    Post,
    /// Always.
    Aware,
    /// Where calibration loses more than is allowed.
    Auto,
}

impl Mode {
    /// As the command line says it.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Post => "ptq",
            Mode::Aware => "qat",
            Mode::Auto => "auto",
        }
    }
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "ptq" => Ok(Mode::Post),
            "qat" => Ok(Mode::Aware),
            "auto" => Ok(Mode::Auto),
            _ => Err(Error::usage(format!(
                "no mode is called {name:?}: write ptq, qat or auto"
            ))),
        }
    }
}

/// What training is asked to do.
#[derive(Debug, Clone)]
pub struct AwareOptions {
    /// Whether to train at all.
    pub mode: Mode,
    /// Divergence of the calibrated model, in nats an example, up to which [`Mode::Auto`] is content.
    pub max_divergence: f64,
    /// Where the weights' steps come from.
    pub weights: WeightSteps,
    /// Where the inputs' steps come from.
    pub inputs: InputSteps,
    /// Memory for the teacher's inner values, in bytes.
    pub cache: u64,
    /// The loop's own.
    pub training: TrainOptions,
    /// Steps between evaluations, if they are given.
    pub eval_iter: Option<usize>,
    losses: Distillation,
}

impl AwareOptions {
    /// What the configuration asks for; `mode` is the command line's, or else follows from whether
    /// there is a section `QuantAware`.
    ///
    /// # Errors
    /// Usage, naming the key.
    pub fn new(config: &Config, mode: Option<Mode>, seed: Seed, threads: usize) -> Result<Self> {
        let default = match config.quant_aware {
            Some(_) => Mode::Auto,
            None => Mode::Post,
        };
        let section = config.quant_aware.clone().unwrap_or_default();
        section.check()?;
        section.check_together()?;
        let mode = mode.unwrap_or(default);
        if mode != Mode::Post
            && config.quant_post.shift
            && config.distillation.weights()?.hidden != 0.0
        {
            return Err(Error::usage(
                "Distillation.hidden: calibration shifts channels, so that hidden states are not \
                 comparable with the teacher's; set QuantPost.shift to false, or leave the loss out",
            ));
        }
        if mode != Mode::Post && config.quant_post.attention == AttentionKind::Int8 {
            return Err(Error::usage(
                "QuantPost.attention: int8 is not simulated in training; set it to f32, or calibrate only \
                 (--mode ptq)",
            ));
        }
        let mut acting = config.clone();
        let train = &mut acting.train;
        if mode != Mode::Post || section.learning_rate.is_some() {
            train.learning_rate = rate(section.learning_rate, &config.train.learning_rate)?;
        }
        train.epochs = section.epochs.unwrap_or((train.epochs / GENTLER).max(1));
        let tenth = train.train_iter.map(|steps| steps.div_ceil(GENTLER));
        train.train_iter = section.train_iter.or(tenth);
        train.dropout = section.dropout;
        // The score of an evaluation is no accuracy.
        (train.target_metric, train.patience) = (None, None);
        let training_seed = train.seed.map_or(seed, Seed).derive("quant.train");
        Ok(Self {
            mode,
            max_divergence: section.max_divergence,
            weights: match section.weight_quantize_type {
                TrainedWeights::Learned => WeightSteps::Learned,
                TrainedWeights::RowPeak => WeightSteps::RowPeak,
                TrainedWeights::Peak => WeightSteps::Peak,
            },
            inputs: match section.activations() {
                TrainedActivations::Learned => InputSteps::Learned,
                TrainedActivations::MovingAverage => InputSteps::MovingAverage {
                    rate: section.moving_rate(),
                },
                TrainedActivations::RangePeak | TrainedActivations::Peak => InputSteps::Largest,
            },
            cache: config.distillation.cache_bytes(),
            eval_iter: section.eval_iter,
            training: act_train::train_options(&acting, training_seed, threads)?,
            losses: config.distillation.clone(),
        })
    }

    /// Whether to train after this calibration, and why; `held_out` is its result.
    pub fn decide(&self, held_out: &Score) -> (bool, String) {
        let (found, bound) = (held_out.divergence, self.max_divergence);
        match self.mode {
            Mode::Post => (false, "calibration alone was asked for".into()),
            Mode::Aware => (true, "training was asked for".into()),
            Mode::Auto if found > bound => (
                true,
                format!(
                    "calibration alone diverges by {found:.2e} nats on held-out examples, more than \
                     QuantAware.max_divergence {bound:e}"
                ),
            ),
            Mode::Auto => (
                false,
                format!(
                    "calibration alone diverges by {found:.2e} nats on held-out examples, within \
                     QuantAware.max_divergence {bound:e}"
                ),
            ),
        }
    }

    /// Losses of `model` against `teacher`. The automatic combination of a model that is its own
    /// teacher is the logits alone: labels would lead it away from the answers that it is to keep.
    ///
    /// # Errors
    /// Usage: losses that this teacher cannot serve.
    pub(super) fn objective(
        &self,
        model: &Artifact,
        teacher: &Teacher,
        own: bool,
    ) -> Result<Objective> {
        let mut losses = self.losses.clone();
        if own && losses.is_automatic() {
            losses.logits = Some(1.0);
        }
        let plan = teacher.engine().plan();
        objective::objective(&losses, &model.plan, plan, teacher.observable())
    }

    /// The loop's options for so many examples: evaluations are spread over its steps.
    pub(super) fn training(&self, examples: usize) -> TrainOptions {
        let spread = self.steps(examples).div_ceil(EVALUATIONS);
        TrainOptions {
            eval_every: Some(self.eval_iter.unwrap_or(spread)),
            ..self.training.clone()
        }
    }

    /// Steps with so many examples at hand.
    pub(super) fn steps(&self, examples: usize) -> usize {
        let training = &self.training;
        let all = training
            .epochs
            .saturating_mul(examples.div_ceil(training.batch_size));
        all.min(training.max_steps.unwrap_or(usize::MAX)).max(1)
    }
}

/// The peak rate: as given, or a share of the training's before.
fn rate(given: Option<f64>, before: &LearningRate) -> Result<LearningRate> {
    match (given, before) {
        (Some(rate), _) => Ok(LearningRate::Peak(rate)),
        (None, LearningRate::Peak(rate)) => Ok(LearningRate::Peak(rate / GENTLER as f64)),
        (None, LearningRate::Scheduled(_)) => Err(Error::usage(
            "QuantAware.learning_rate: TrainConfig.learning_rate is a schedule, of which no tenth is \
             taken; give a number",
        )),
    }
}
