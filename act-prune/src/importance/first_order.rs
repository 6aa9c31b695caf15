//! First-order importance: the gradient of the loss by a mask (Michel, Levy & Neubig 2019, "Are
//! sixteen heads really better than one?", section 4.1, for heads; the same Taylor term summed over
//! a neuron's weights for neurons).
//!
//! PaddleSlim's `transformer_pruner` takes it on dev labels with dropout on. Here it is measured on
//! a slice of train with dropout off: dev stays clean for the final figure, and the result does not
//! depend on chance.

use act_core::{Artifact, Result};
use act_nn::LayerScores;

use crate::measure::Measure;

/// Scores every head and neuron. Errors: as in [`scores`](super::scores).
pub fn first_order(artifact: &Artifact, measure: &Measure<'_>) -> Result<Vec<LayerScores>> {
    measure.begin("importance");
    act_nn::importance(
        measure.device,
        artifact,
        measure.calibration.examples(),
        measure.batch_size,
        measure.threads,
        measure.progress,
    )
}
