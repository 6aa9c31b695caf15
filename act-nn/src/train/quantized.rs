//! Quantisation-aware training as the loop's: the state of the rounding, and the judge of its results.

use act_core::{Artifact, Params, Result};

use super::TrainOptions;
use crate::backend::ActBackend;
use crate::quantize::{FakeQuantization, Quantizer};
use crate::weights::Weights;

/// The rounding of a run.
pub(super) struct Quantized<'a> {
    pub(super) quantizer: Quantizer,
    /// With the steps of the best evaluation.
    pub(super) best: Option<FakeQuantization>,
    /// The model without tensors.
    frame: Artifact,
    judge: &'a mut dyn FnMut(&Artifact) -> Result<f64>,
}

impl<'a> Quantized<'a> {
    pub(super) fn new<B: ActBackend>(
        model: &Artifact,
        quantization: FakeQuantization,
        judge: &'a mut dyn FnMut(&Artifact) -> Result<f64>,
        weights: &Weights<B>,
        options: &TrainOptions,
    ) -> Result<Self> {
        Ok(Self {
            quantizer: Quantizer::new(quantization, &weights.layout, options.optimizer)?,
            best: None,
            frame: Artifact {
                params: Params::new(),
                ..model.clone()
            },
            judge,
        })
    }

    /// What the judge says of the int8 model that the weights now stand for.
    pub(super) fn score<B: ActBackend>(&mut self, weights: &Weights<B>) -> Result<f64> {
        let float = Artifact {
            params: weights.to_params(),
            ..self.frame.clone()
        };
        (self.judge)(&self.quantizer.current(weights).export(&float)?)
    }
}
