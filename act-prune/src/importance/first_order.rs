//! First-order importance: the gradient of the loss by a mask (Michel, Levy & Neubig 2019, "Are
//! sixteen heads really better than one?", section 4.1, for heads; the same Taylor term summed over
//! a neuron's weights for neurons).
//!
//! PaddleSlim's `transformer_pruner` takes it on dev labels with dropout on. Here it is measured on
//! a slice of train with dropout off: dev stays clean for the final figure, and the result does not
//! depend on chance.

use act_core::{Artifact, Error, Result};
use act_nn::{Device, Examples, LayerImportance};

use crate::calibration::Calibration;

/// Scores every head and neuron. `on_batch` is told after each batch how many are scored and may
/// stop by returning `false`. Errors: interrupted; a score that is not finite.
pub fn first_order(
    device: Device,
    artifact: &Artifact,
    calibration: &Calibration,
    batch_size: usize,
    threads: usize,
    on_batch: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<LayerImportance>> {
    let examples = Examples {
        encodings: &calibration.encodings,
        labels: &calibration.labels,
        teacher_logits: None,
        teacher: None,
    };
    let scores = act_nn::importance(device, artifact, examples, batch_size, threads, on_batch)?;
    for (layer, scores) in scores.iter().enumerate() {
        let mut all = scores.heads.iter().chain(&scores.neurons);
        if !all.all(|score| score.is_finite()) {
            return Err(Error::failed(format!(
                "importance in layer {layer} is not finite: the model's loss or gradients overflow"
            )));
        }
    }
    Ok(scores)
}
