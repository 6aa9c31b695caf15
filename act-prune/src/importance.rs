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

use std::fmt;
use std::str::FromStr;

use act_core::{Artifact, Error, Plan, Result};
use act_nn::Device;

use crate::calibration::Calibration;
use crate::compensate::{Repair, repair};
use crate::passes::Passes;
use crate::rearrange::rearrange;
use crate::select::Kept;
use crate::shrink::shrink;

pub use act_nn::LayerScores;
pub use first_order::first_order;
pub use fisher::fisher;
pub use magnitude::magnitude;
pub use obs::obs;

/// How importance is measured; the names are those of `Prune.criterion`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// `magnitude`: the squares of a structure's weights; the naive baseline, needs no data.
    Magnitude,
    /// `first_order`: the gradient by a mask, as PaddleSlim's transformer_pruner; the reference.
    FirstOrder,
    /// `fisher`: Fisher information of masks, re-pairing, mask tuning (Kwon et al. 2022).
    Fisher,
    /// `obs`: optimal brain surgeon on whole structures (ZipLM, Kurtic et al. 2023).
    Obs,
}

impl Importance {
    /// Every criterion, the simplest first.
    pub const ALL: [Importance; 4] = [
        Importance::Magnitude,
        Importance::FirstOrder,
        Importance::Fisher,
        Importance::Obs,
    ];

    /// Name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Importance::Magnitude => "magnitude",
            Importance::FirstOrder => "first_order",
            Importance::Fisher => "fisher",
            Importance::Obs => "obs",
        }
    }
}

impl fmt::Display for Importance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Importance {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|c| c.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Importance::name).join(", ");
            Error::usage(format!("Prune.criterion is {name:?}: one of {names}"))
        })
    }
}

/// On what importance is measured, and with what.
#[derive(Debug, Clone, Copy)]
pub struct Measure<'a> {
    /// Training examples.
    pub calibration: &'a Calibration,
    /// Examples a batch. It matters to [`first_order`] alone, which sums absolute values.
    pub batch_size: usize,
    /// Where gradients are computed.
    pub device: Device,
    /// Threads; results do not depend on it.
    pub threads: usize,
}

/// Scores of every structure of every layer: what removing it costs, comparable over all heads and
/// neurons of the model. `on_batch` is told how many batches are done and may stop by returning
/// `false` (error: interrupted). Errors also: no examples; values that are not finite; for `obs`,
/// activations that never change.
pub fn scores(
    criterion: Importance,
    artifact: &Artifact,
    measure: &Measure<'_>,
    on_batch: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<LayerScores>> {
    let scores = match criterion {
        Importance::Magnitude => magnitude(artifact)?,
        Importance::FirstOrder => first_order(artifact, measure, on_batch)?,
        Importance::Fisher => fisher(artifact, measure, on_batch)?,
        Importance::Obs => obs(artifact, measure, on_batch)?,
    };
    check_finite(&scores)?;
    Ok(scores)
}

/// Batches that [`scores`] computes, for showing how far it is.
pub fn batches(criterion: Importance, plan: &Plan, measure: &Measure<'_>) -> usize {
    let examples = &measure.calibration.encodings;
    match criterion {
        Importance::Magnitude => 0,
        Importance::FirstOrder | Importance::Fisher => examples.len().div_ceil(measure.batch_size),
        Importance::Obs => obs::batches(plan, examples),
    }
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
/// the other criteria only cut. The shape is that of `kept`. Errors as in [`scores`], and those of
/// [`shrink`].
pub fn compensate(
    criterion: Importance,
    original: &Artifact,
    kept: &[Kept],
    measure: &Measure<'_>,
    on_batch: &mut dyn FnMut(usize) -> bool,
) -> Result<Compensated> {
    let kept = match criterion {
        Importance::Fisher => rearranged(original, kept, measure, on_batch)?,
        _ => kept.to_vec(),
    };
    let mut artifact = shrink(original.clone(), &kept)?;
    let how = match criterion {
        Importance::Magnitude | Importance::FirstOrder => None,
        Importance::Fisher => Some(Repair::Rescale),
        Importance::Obs => Some(Repair::Refit),
    };
    if let Some(how) = how {
        let encodings = &measure.calibration.encodings;
        let mut passes = Passes::new(encodings, measure.threads, on_batch)?;
        artifact = repair(original, artifact, how, &mut passes)?;
    }
    Ok(Compensated { artifact, kept })
}

/// The choice of Fisher information with the interplay within each layer; counts stay.
fn rearranged(
    original: &Artifact,
    kept: &[Kept],
    measure: &Measure<'_>,
    on_batch: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<Kept>> {
    let gradients = fisher::mask_gradients(original, measure, on_batch)?;
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
