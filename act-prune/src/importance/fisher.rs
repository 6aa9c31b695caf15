//! Fisher information of masks (Kwon et al. 2022, "A fast post-training pruning framework for
//! transformers", section 4.2): the mean square of each example's gradient by the mask of a head or
//! a neuron.
//!
//! To second order, and with the Hessian approximated by the Fisher information, half of it is what
//! the loss gains when the structure goes; so heads and neurons of all layers compare.

use act_core::{Artifact, Result};
use act_nn::{LayerScores, MaskGradients};

use crate::measure::Measure;

/// Scores every head and neuron. Errors: as in [`scores`](super::scores).
pub fn fisher(artifact: &Artifact, measure: &Measure<'_>) -> Result<Vec<LayerScores>> {
    let gradients = mask_gradients(artifact, measure, "importance")?;
    let layers = gradients.iter().zip(&artifact.plan.layers);
    let scores = layers.map(|(gradients, layer)| LayerScores {
        heads: half_mean_squares(&gradients.heads, layer.heads()),
        neurons: half_mean_squares(&gradients.neurons, layer.intermediate_size),
    });
    Ok(scores.collect())
}

/// Gradients of every example's loss by the masks of every layer; `what` they are for.
pub(crate) fn mask_gradients(
    artifact: &Artifact,
    measure: &Measure<'_>,
    what: &str,
) -> Result<Vec<MaskGradients>> {
    measure.begin(what);
    act_nn::mask_gradients(
        measure.device,
        artifact,
        measure.calibration.examples(),
        measure.batch_size,
        measure.threads,
        measure.progress,
    )
}

/// Half of the mean square of each column.
fn half_mean_squares(rows: &[f32], columns: usize) -> Vec<f64> {
    let mut sums = vec![0.0; columns];
    if columns == 0 {
        return sums;
    }
    for row in rows.chunks_exact(columns) {
        let terms = sums.iter_mut().zip(row);
        terms.for_each(|(sum, &g)| *sum += f64::from(g).powi(2));
    }
    let examples = (rows.len() / columns) as f64;
    sums.iter_mut().for_each(|sum| *sum /= 2.0 * examples);
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_half_the_mean_square() {
        assert_eq!(half_mean_squares(&[1., 2., 3., -4.], 2), [2.5, 5.0]);
        assert!(half_mean_squares(&[], 0).is_empty());
    }
}
