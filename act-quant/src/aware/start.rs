//! The float model that training starts from: the one that calibration rounded, with channels shifted
//! and smoothed and biases corrected as its result has them.

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
        embeddings: false, // Only to be spared rounding the tables again.
        ..options.clone()
    };
    let quantizer = Quantizer::new(model, &calibrated.statistics, &options)?;
    let mut float = quantizer.float(&calibrated.assignment)?;
    for linear in model.plan.linears() {
        let bias = calibrated.artifact.params.get(&linear.bias())?;
        float.params.insert(linear.bias(), bias.clone());
    }
    Ok(float)
}
