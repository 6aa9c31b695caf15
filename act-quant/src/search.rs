//! Tries every combination of calibrator and weight granularity that the options name and keeps the
//! best. Statistics are collected beforehand, so a trial is: read thresholds, put the artifact
//! together, judge it. Knows no engine: the judge is given.

use act_core::{Artifact, Result};

use crate::apply::{Weights, activations, apply};
use crate::judge::Score;
use crate::options::{Candidate, Options};
use crate::statistics::Sites;

/// One trial and how it did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// What was tried.
    pub candidate: Candidate,
    /// How it was judged.
    pub score: Score,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// All trials, in order.
    pub trials: Vec<Trial>,
    /// The best one's index; the first of equals.
    pub best: usize,
}

impl Search {
    /// The best trial.
    pub fn winner(&self) -> &Trial {
        &self.trials[self.best]
    }
}

/// The search and the best trial's weights and artifact.
pub struct Found {
    /// All trials.
    pub search: Search,
    /// The best trial's integer weights.
    pub weights: Weights,
    /// The best trial's artifact, provenance as it was.
    pub artifact: Artifact,
}

/// Makes every trial of `options` on a float model. At most two quantised models are held at once,
/// and integer weights are made once for each granularity in turn.
///
/// # Errors
/// Those of the judge; rejected: a weight that is not finite.
pub fn search(
    model: &Artifact,
    statistics: &Sites,
    options: &Options,
    judge: &mut dyn FnMut(Artifact) -> Result<Score>,
) -> Result<Found> {
    let linears = model.plan.linears();
    let candidates = options.candidates();
    let mut weights = Weights::quantize(model, candidates[0].granularity, options)?;
    let mut search = Search {
        trials: Vec::with_capacity(candidates.len()),
        best: 0,
    };
    for (i, &candidate) in candidates.iter().enumerate() {
        if candidate.granularity != weights.granularity {
            weights = Weights::quantize(model, candidate.granularity, options)?;
        }
        let scales = activations(&linears, statistics, candidate.method, options);
        let score = judge(apply(model, &weights, scales))?;
        log_trial(i, candidates.len(), candidate, &score);
        search.trials.push(Trial { candidate, score });
        if score.beats(&search.winner().score) {
            search.best = i;
        }
    }
    let best = search.winner().candidate;
    log::info!(
        "chose trial {}: {}, weights {}",
        search.best + 1,
        best.method,
        best.granularity.name()
    );
    if best.granularity != weights.granularity {
        weights = Weights::quantize(model, best.granularity, options)?;
    }
    let scales = activations(&linears, statistics, best.method, options);
    let artifact = apply(model, &weights, scales);
    Ok(Found {
        search,
        weights,
        artifact,
    })
}

fn log_trial(index: usize, total: usize, candidate: Candidate, score: &Score) {
    let accuracy = score
        .accuracy
        .map_or(String::new(), |a| format!(", accuracy {:.4}", a.value));
    log::info!(
        "trial {}/{total}: {}, weights {}: divergence {:.3e}{accuracy}",
        index + 1,
        candidate.method,
        candidate.granularity.name(),
        score.divergence,
    );
}
