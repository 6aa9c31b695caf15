//! What goes into the training loop besides options, what it tells on the way, and what comes out.

use act_core::{Artifact, Params, Result};

use crate::loss::objective::Teacher;
use crate::quantize::FakeQuantization;

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
        /// Accuracy on the validation examples, or what the caller's judge says.
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
    /// Why training ended early, if loss or gradient stopped being finite. There is a best
    /// evaluation then, and `params` are its weights.
    pub diverged: Option<String>,
    /// Fake quantisation with the steps that belong to `params`, if there was any.
    pub quantization: Option<FakeQuantization>,
}

/// What is trained for: rounding, and how good a rounded model is.
pub struct Quantizing<'a> {
    /// What is rounded, with the steps to begin with.
    pub quantization: FakeQuantization,
    /// Takes the int8 model of an evaluation in place of validation examples; larger is better.
    pub judge: &'a mut dyn FnMut(&Artifact) -> Result<f64>,
}
