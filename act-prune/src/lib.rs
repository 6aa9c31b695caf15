//! Structured pruning: fewer attention heads and feed-forward neurons, physically removed.
//!
//! Score ([`importance`]), decide how many stay ([`ratio`]), choose them ([`select`]), cut
//! ([`shrink`]): each is a module of its own, so that other scores and other ways to set the counts
//! fit in between. Nothing here reads dev or measures accuracy.

mod activations;
pub mod allocate;
pub mod calibration;
mod compensate;
pub mod importance;
mod matrix;
pub mod options;
pub mod outcome;
pub mod ratio;
mod rearrange;
pub mod record;
mod refit;
mod rescale;
pub mod select;
pub mod shrink;

use act_core::{Artifact, Error, Result};
use act_nn::Device;

pub use calibration::Calibration;
pub use importance::{Importance, LayerScores, Measure};
pub use options::Options;
pub use outcome::{LayerOutcome, Pruned};
pub use ratio::Ratio;
pub use select::Kept;

/// Removes the least important heads and neurons of every layer. `on_batch` is told
/// after each batch how many are scored and may stop by returning `false` (error: interrupted).
/// Equal inputs give equal results, whatever `threads` is.
pub fn prune(
    input: Artifact,
    calibration: &Calibration,
    options: &Options,
    device: Device,
    threads: usize,
    on_batch: &mut dyn FnMut(usize) -> bool,
) -> Result<Pruned> {
    if !input.quant.is_empty() {
        return Err(Error::usage(
            "the model is already int8: prune the float model, then quantise",
        ));
    }
    let digest = input.model_digest()?;
    for misfit in options.ratio.misfits(&input.plan.layers) {
        log::info!("{misfit}");
    }
    let measure = Measure {
        calibration,
        batch_size: options.batch_size,
        device,
        threads,
    };
    let scores = importance::scores(Importance::FirstOrder, &input, &measure, on_batch)?;
    let kept: Vec<Kept> = input
        .plan
        .layers
        .iter()
        .zip(&scores)
        .map(|(layer, scores)| Kept::strongest(scores, options.ratio.keep(layer)))
        .collect();
    let before = input.plan.clone();
    let artifact = shrink::shrink(input, &kept)?;
    Ok(Pruned {
        input: digest,
        calibration_examples: calibration.len(),
        parameters_before: before.parameters(),
        layers: outcome::layers(&artifact.plan, &before, &kept, &scores),
        artifact,
    })
}
