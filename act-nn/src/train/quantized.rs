//! Quantisation-aware training as the loop's: the state of the rounding, and the judge of its results.

use act_core::{Artifact, Error, Params, Result};

use super::options::TrainOptions;
use super::training::Quantizing;
use crate::backend::ActBackend;
use crate::quantize::{FakeQuantization, FakeQuantizer};
use crate::weights::{Layout, Weights};

/// The rounding of a run.
pub(super) struct Quantized<'a> {
    pub(super) quantizer: FakeQuantizer,
    /// With the steps of the best evaluation.
    pub(super) best: Option<FakeQuantization>,
    /// The model without tensors.
    frame: Artifact,
    judge: &'a dyn Fn(&Artifact) -> Result<f64>,
}

impl<'a> Quantized<'a> {
    pub(super) fn new(
        model: &Artifact,
        quantizing: Quantizing<'a>,
        options: &TrainOptions,
    ) -> Result<Self> {
        Ok(Self {
            quantizer: FakeQuantizer::new(
                quantizing.quantization,
                &Layout::new(&model.plan),
                options.optimizer,
            )?,
            best: None,
            frame: Artifact {
                params: Params::new(),
                ..model.clone()
            },
            judge: quantizing.judge,
        })
    }

    /// The state of the steps, and those of the best evaluation behind it.
    pub(super) fn state(&self) -> Vec<f64> {
        let mut state = self.quantizer.state();
        if let Some(mut best) = self.best.clone() {
            state.extend(best.all_steps().map(|step| f64::from(*step)));
        }
        state
    }

    /// How many numbers such a state has, which is with a best evaluation or without.
    pub(super) fn numbers(&self, with_best: bool) -> usize {
        let best = with_best.then(|| self.quantizer.spec().clone().all_steps().count());
        self.quantizer.state().len() + best.unwrap_or(0)
    }

    /// Goes on from such a state, which is with a best evaluation or without.
    ///
    /// # Errors
    /// Rejected: it is of other steps.
    pub(super) fn restore(&mut self, state: Vec<f64>, with_best: bool) -> Result<()> {
        let mut numbers = state.into_iter();
        let mut taken = self.quantizer.restore(&mut numbers);
        if with_best {
            let mut best = self.quantizer.spec().clone();
            for step in best.all_steps() {
                match numbers.next() {
                    Some(number) => *step = number as f32,
                    None => taken = None,
                }
            }
            self.best = Some(best);
        }
        let all = taken.filter(|()| numbers.next().is_none());
        all.ok_or_else(|| {
            Error::rejected("the checkpoint's quantisation steps are another model's")
        })
    }

    /// What the judge says of the int8 model that the weights now stand for.
    pub(super) fn score<B: ActBackend>(&self, weights: &Weights<B>) -> Result<f64> {
        let float = Artifact {
            params: weights.to_params(),
            ..self.frame.clone()
        };
        (self.judge)(&self.quantizer.current(weights).export(&float)?)
    }
}
