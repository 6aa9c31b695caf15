//! The float model that training starts from: what calibration rounded, that is with channels shifted
//! and smoothed, and biases corrected as its result has them.

use act_core::{Artifact, Result};

use crate::Quantized;
use crate::apply::Quantizer;
use crate::options::Options;

/// `model` as calibration left it before rounding.
pub(super) fn float(
    model: &Artifact,
    calibrated: &Quantized,
    options: &Options,
) -> Result<Artifact> {
    let options = Options {
        embeddings: false,
        ..options.clone()
    };
    let quantizer = Quantizer::new(model, &calibrated.statistics, &options)?;
    let mut float = quantizer.float(&calibrated.assignment)?;
    for (name, _) in model.params.iter() {
        // Biases, norms and what was left in float.
        if calibrated.artifact.params.f32(name).is_ok() {
            let tensor = calibrated.artifact.params.get(name)?.clone();
            float.params.insert(name, tensor);
        }
    }
    Ok(float)
}
