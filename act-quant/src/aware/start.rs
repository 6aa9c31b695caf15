//! The float model that training starts from: what calibration rounded, that is with channels smoothed
//! and biases corrected as its result has them.

use act_core::{Artifact, Params, Result, Tensor};

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
    let smoothed = quantizer.smoothed(&calibrated.assignment)?;
    let mut params = Params::new();
    for (name, tensor) in model.params.iter() {
        let tensor = match calibrated.artifact.params.f32(name) {
            // Biases, norms and what was left in float.
            Ok(_) => calibrated.artifact.params.get(name)?.clone(),
            Err(_) => Tensor::f32(tensor.shape(), smoothed.f32(name)?.to_vec()),
        };
        params.insert(name, tensor);
    }
    Ok(Artifact {
        params,
        ..model.clone()
    })
}
