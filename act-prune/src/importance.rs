//! Importance: what removing a head or a neuron would cost, by one of four criteria.
//!
//! Each criterion is a file and gives [`LayerScores`] of every layer, which is all that
//! [`select`](crate::select) and any search over budgets see. After the choice [`compensate`]
//! mends what stays, without any training. Only training examples are looked at, dropout is off.

mod elimination;
mod first_order;
mod fisher;
mod magnitude;
mod obs;

use act_core::{Artifact, Error, Result};
use act_stage::config::Criterion;

use crate::compensate::{Repair, repair};
use crate::measure::Measure;
use crate::passes::Passes;
use crate::rearrange::rearrange;
use crate::select::Kept;
use crate::shrink::shrink;

pub use act_nn::LayerScores;
pub use first_order::first_order;
pub use fisher::fisher;
pub use magnitude::magnitude;
pub use obs::obs;

/// Scores of every structure of every layer: what removing it costs, comparable over all heads and
/// neurons of the model.
///
/// # Errors
/// Interrupted; no examples; values that are not finite; for `obs`, activations that never change.
pub fn scores(
    criterion: Criterion,
    artifact: &Artifact,
    measure: &Measure<'_>,
) -> Result<Vec<LayerScores>> {
    let scores = match criterion {
        Criterion::Magnitude => magnitude(artifact)?,
        Criterion::FirstOrder => first_order(artifact, measure)?,
        Criterion::Fisher => fisher(artifact, measure)?,
        Criterion::Obs => obs(artifact, measure)?,
    };
    check_finite(&scores)?;
    Ok(scores)
}

/// A model that was cut and mended.
pub struct Compensated {
    /// The smaller model.
    pub artifact: Artifact,
    /// What stays of each layer of the original: as many as were asked for, not always the same.
    pub kept: Vec<Kept>,
}

/// Reduces a model to `kept`, one entry a layer, and mends what is left: for `fisher` the heads and
/// neurons are re-paired and their masks tuned, for `obs` the output projections are solved anew;
/// the other criteria only cut. The shape is that of `kept`.
///
/// # Errors
/// As in [`scores`], and those of [`shrink`].
pub fn compensate(
    criterion: Criterion,
    original: &Artifact,
    kept: &[Kept],
    measure: &Measure<'_>,
) -> Result<Compensated> {
    let (kept, how) = match criterion {
        Criterion::Magnitude | Criterion::FirstOrder => (kept.to_vec(), None),
        Criterion::Fisher => (rearranged(original, kept, measure)?, Some(Repair::Rescale)),
        Criterion::Obs => (kept.to_vec(), Some(Repair::Refit)),
    };
    let mut artifact = shrink(original.clone(), &kept)?;
    if let Some(how) = how {
        artifact = repair(original, artifact, how, &Passes::new(measure)?)?;
    }
    Ok(Compensated { artifact, kept })
}

/// The choice of Fisher information with the interplay within each layer; counts stay.
fn rearranged(original: &Artifact, kept: &[Kept], measure: &Measure<'_>) -> Result<Vec<Kept>> {
    let gradients = fisher::mask_gradients(original, measure, "re-pairing")?;
    let layers = original.plan.layers.iter();
    let shapes: Vec<_> = layers.map(|l| (l.heads(), l.intermediate_size)).collect();
    Ok(rearrange(kept, &gradients, &shapes))
}

/// Scores that cannot be compared are an error.
fn check_finite(scores: &[LayerScores]) -> Result<()> {
    for (layer, scores) in scores.iter().enumerate() {
        let mut all = scores.heads.iter().chain(&scores.neurons);
        if !all.all(|score| score.is_finite()) {
            return Err(Error::failed(format!(
                "importance in layer {layer} is not finite: the model's loss or gradients overflow"
            )));
        }
    }
    Ok(())
}
