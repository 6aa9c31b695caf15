//! Where a run begins: at the model that is to be trained, or at a checkpoint of this run.

use act_core::{Artifact, Result};

use crate::backend::ActBackend;
use crate::checkpoint::{Position, Resumed};
use crate::journal::Journal;
use crate::weights::Weights;

/// Where a run begins.
pub(super) struct Start<B: ActBackend> {
    pub(super) position: Position,
    pub(super) journal: Journal,
    pub(super) weights: Weights<B>,
    pub(super) moments: Option<Vec<Weights<B>>>,
    pub(super) best: Option<Weights<B>>,
    /// State of the quantisation steps.
    pub(super) steps: Option<Vec<f64>>,
}

impl<B: ActBackend> Start<B> {
    /// At `resumed`, or else at the beginning.
    ///
    /// # Errors
    /// Rejected: tensors that are not this model's.
    pub(super) fn new(
        artifact: &Artifact,
        device: &B::Device,
        resumed: Option<Resumed>,
    ) -> Result<Self> {
        let Some(resumed) = resumed else {
            return Ok(Self {
                position: Position::default(),
                journal: Journal::default(),
                weights: Weights::load(artifact, device)?,
                moments: None,
                best: None,
                steps: None,
            });
        };
        let read = |params| Weights::read(&artifact.plan, params, device);
        let moments = resumed.moments.iter().map(read).collect::<Result<_>>()?;
        Ok(Self {
            position: resumed.position,
            journal: resumed.journal,
            weights: read(&resumed.weights)?,
            moments: Some(moments),
            best: resumed.best.as_ref().map(read).transpose()?,
            steps: Some(resumed.steps),
        })
    }
}
