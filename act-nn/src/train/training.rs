//! What the training loop is given and what it gives.

use act_core::{Artifact, Params, Result};

use super::options::TrainOptions;
use crate::examples::{Examples, Validation};
use crate::journal::Journal;
use crate::objective::Objective;
use crate::quantize::FakeQuantization;

/// A training of all parameters of a float model.
pub struct Training<'a> {
    /// The model, as it is before the first step.
    pub artifact: &'a Artifact,
    /// What it learns from.
    pub train: Examples<'a>,
    /// By which the best weights are chosen; without any examples, and without a judge of int8 models,
    /// the last weights are the result.
    pub validation: Option<Validation<'a>>,
    /// To train for an int8 model: the linears and tables compute with rounded numbers, and what the
    /// judge says chooses the best weights, in place of `validation`. Mixed precision has no effect
    /// then.
    pub quantizing: Option<Quantizing<'a>>,
    /// What is minimised.
    pub objective: Objective,
    /// Hyper-parameters.
    pub options: &'a TrainOptions,
}

/// What is rounded, and how good the rounded model is.
pub struct Quantizing<'a> {
    /// What is rounded, with the steps to begin with.
    pub quantization: FakeQuantization,
    /// The score of an evaluation's int8 model; larger is better.
    pub judge: &'a dyn Fn(&Artifact) -> Result<f64>,
}

/// What training gives.
pub struct Trained {
    /// The best weights seen, by score; the last if nothing was judged.
    pub params: Params,
    /// The best score.
    pub score: Option<f64>,
    /// Fake quantisation with the steps that belong to `params`, if there was any.
    pub quantization: Option<FakeQuantization>,
    /// How it went.
    pub course: Course,
}

/// How a training went.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Course {
    /// Steps done.
    pub steps: usize,
    /// Step of the best weights.
    pub best_step: usize,
    /// Mean loss over the last epoch's steps.
    pub final_loss: f64,
    /// Losses and evaluations, those before a checkpoint among them.
    pub journal: Journal,
    /// Why training ended early, if loss or gradient stopped being finite; the best weights are those
    /// of an evaluation before.
    pub diverged: Option<String>,
}
