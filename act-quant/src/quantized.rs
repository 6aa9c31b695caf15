//! What quantisation gives.

use act_core::{Artifact, Embedding};
use act_stage::config::JudgeTexts;
use act_stage::report::Cut;

use crate::alternatives::Costs;
use crate::apply::WeightNoise;
use crate::judge::Score;
use crate::scheme::Assignment;
use crate::search::Trial;
use crate::statistics::Sites;

/// An int8 model, and all that is known of how it came about.
pub struct Quantized {
    /// The int8 model; its provenance is still that of the float one.
    pub artifact: Artifact,
    /// All trials, in order.
    pub trials: Vec<Trial>,
    /// The best one's index.
    pub best: usize,
    /// What each input became, and why.
    pub assignment: Assignment,
    /// Estimated signal to noise of each input's layers in decibels, in the assignment's order.
    pub sqnr_db: Vec<f64>,
    /// What leaving each input alone in float would take off the divergence, in nats an example, in
    /// the assignment's order; of one that is float nothing. On few examples, so that it may be below
    /// zero where there is nothing to gain.
    pub float_gains: Vec<f64>,
    /// What each input costs and what its other schemes would have cost, if that was asked for.
    pub costs: Option<Costs>,
    /// What rounding did to each quantised weight.
    pub weights: Vec<WeightNoise>,
    /// Signal to noise of each quantised table.
    pub tables: Vec<(Embedding, f64)>,
    /// What calibration saw at the input of each linear.
    pub statistics: Sites,
    /// Examples that were calibrated on.
    pub calibration_examples: usize,
    /// Examples that trials were judged on.
    pub held_out_examples: usize,
    /// Where those are from.
    pub judges: JudgeTexts,
    /// How the result does on the held-out examples of train, where it was judged on other texts.
    pub seen: Option<Score>,
    /// How many of both were cut.
    pub cut: Option<Cut>,
}

impl Quantized {
    /// The best trial.
    pub fn winner(&self) -> &Trial {
        &self.trials[self.best]
    }

    /// Tells the user if the result of calibration is far from the float model.
    pub fn warn_if_far(&self) {
        let score = self.winner().score;
        if !score.is_far() {
            return;
        }
        let figures = score.figures();
        log::warn!(
            "the int8 model answers differently from the float model: divergence {:.2e} nats an \
             example on {} held-out examples{figures}; allow more QuantPost.schemes, widen weight_max \
             and activation_max, or train (--mode qat)",
            score.divergence,
            score.examples
        );
    }
}
