//! The state of a training run between two steps, and who keeps it.
//!
//! The loop hands a [`Snapshot`] to its [`Keeper`] and gets it back as [`Resumed`] in a later
//! process. Nothing random is part of it: order and dropout follow from the seed and the step. Where a
//! state is kept, and in what form, is the keeper's business.

use act_core::{Params, Result};
use serde::{Deserialize, Serialize};

use crate::journal::Journal;

/// Where a run stands: everything but tensors.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Steps done.
    pub step: usize,
    /// Step of the last evaluation.
    pub evaluated: usize,
    /// Evaluations since the best one.
    pub since_best: usize,
    /// The best evaluation.
    pub best: Option<BestAt>,
    /// Losses of the epoch so far.
    pub epoch_loss: Mean,
}

/// An evaluation that was the best so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BestAt {
    /// Its step.
    pub step: usize,
    /// Its score.
    #[serde(with = "crate::exact")]
    pub score: f64,
}

/// The mean of what was added.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mean {
    #[serde(with = "crate::exact")]
    sum: f64,
    n: usize,
}

impl Mean {
    pub(crate) fn add(&mut self, value: f64) {
        self.sum += value;
        self.n += 1;
    }

    /// How many were added.
    pub(crate) fn count(&self) -> usize {
        self.n
    }

    /// The mean; 0 of nothing.
    pub fn value(&self) -> f64 {
        self.sum / self.n.max(1) as f64
    }
}

/// One set of tensors of a run, in the shapes of the model's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorSet {
    /// The parameters.
    Weights,
    /// One of the optimiser's moments.
    Moment(usize),
    /// The parameters of the best evaluation.
    Best,
}

/// A run between two steps. Tensors are copied from the device only when they are asked for.
pub struct Snapshot<'a> {
    /// Where it stands.
    pub position: &'a Position,
    /// How it came there.
    pub journal: &'a Journal,
    /// Number of the optimiser's moments.
    pub moments: usize,
    /// Gives a set; [`TensorSet::Best`] only makes sense where the position has a best evaluation.
    pub tensors: &'a dyn Fn(TensorSet) -> Params,
    /// What quantisation-aware training has learned of its steps, without names; empty without it.
    pub steps: &'a [f64],
}

/// A snapshot that was read back.
pub struct Resumed {
    /// Where the run stood.
    pub position: Position,
    /// How it came there.
    pub journal: Journal,
    /// The parameters.
    pub weights: Params,
    /// The optimiser's moments.
    pub moments: Vec<Params>,
    /// The parameters of the best evaluation, if there was one.
    pub best: Option<Params>,
    /// As in [`Snapshot`].
    pub steps: Vec<f64>,
}

/// Keeps the state of a run. A keeper that cannot save says so itself: training goes on.
pub trait Keeper {
    /// The state to go on from, which `fits` must find to be one of this run; asked for once, before
    /// the first step.
    fn resume(&mut self, fits: &dyn Fn(&Resumed) -> Result<()>) -> Option<Resumed>;
    /// True if the state after `step` steps should be saved now; one that the listener's error ends is
    /// saved in any case.
    fn due(&mut self, step: usize) -> bool;
    /// Saves the state.
    fn save(&mut self, snapshot: &Snapshot<'_>);
}

/// Keeps nothing.
pub struct Unkept;

impl Keeper for Unkept {
    fn resume(&mut self, _: &dyn Fn(&Resumed) -> Result<()>) -> Option<Resumed> {
        None
    }

    fn due(&mut self, _: usize) -> bool {
        false
    }

    fn save(&mut self, _: &Snapshot<'_>) {}
}
