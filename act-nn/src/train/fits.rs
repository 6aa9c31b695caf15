//! Whether a state that was read back can be one of this run. Files can be signed anew by anybody, and
//! what they say would otherwise be trusted: a number of steps, a count that overflows, a set that is
//! not there.

use act_core::{Artifact, Error, Params, Result};

use super::quantized::Quantized;
use super::training::Training;
use crate::checkpoint::{BestAt, Position, Resumed};

/// # Errors
/// Rejected: what is said is not what this run, of `total` steps, with `quantized` or without, could
/// have saved.
pub(super) fn check(
    resumed: &Resumed,
    training: &Training<'_>,
    quantized: Option<&Quantized<'_>>,
    total: usize,
) -> Result<()> {
    let Position {
        step,
        evaluated,
        since_best,
        best,
        epoch_loss,
    } = resumed.position;
    let refuse = |what: &str| Err(Error::rejected(format!("{what} is none of this run")));
    if step > total {
        return refuse(&format!("step {step} of {total}"));
    }
    if evaluated > step || since_best > step || epoch_loss.count() > step {
        return refuse("a position that counts more than its steps");
    }
    let impossible = |best: BestAt| best.step > evaluated || !best.score.is_finite();
    if best.is_some() != resumed.best.is_some() || best.is_some_and(impossible) {
        return refuse("the best evaluation");
    }
    if !resumed.journal.counts_at_most(step) {
        return refuse("a journal of more steps than were done");
    }
    let moments = training.options.optimizer.moments();
    if resumed.moments.len() != moments {
        let found = resumed.moments.len();
        return refuse(&format!("{found} sets of moments where {moments} are kept"));
    }
    let sets = resumed.moments.iter().chain(&resumed.best);
    if !sets
        .chain([&resumed.weights])
        .all(|set| has_shapes(set, training.artifact))
    {
        return refuse("a set of tensors");
    }
    let numbers = quantized.map_or(0, |quantized| quantized.numbers(best.is_some()));
    // They become single-precision numbers, which end before these do.
    let all_finite = resumed.steps.iter().all(|&s| (s as f32).is_finite());
    if resumed.steps.len() != numbers || !all_finite {
        return refuse("the state of quantisation's steps");
    }
    Ok(())
}

/// True for the tensors of the model, with their shapes.
fn has_shapes(params: &Params, model: &Artifact) -> bool {
    let fits = |(name, tensor): (&str, &act_core::Tensor)| {
        let there = params.get(name);
        there.is_ok_and(|there| there.shape() == tensor.shape())
    };
    params.len() == model.params.len() && model.params.iter().all(fits)
}
