//! The training loop: shuffled batches, split into micro-batches over threads, an optimiser step,
//! evaluation, best weights kept, checkpoints.
//!
//! [`training`] is what goes in and comes out, [`run`] the loop, [`start`] where it begins, [`fits`]
//! whether a checkpoint is one of it, [`quantized`] the rounding of an int8 model's training.

mod fits;
mod options;
mod quantized;
mod run;
mod start;
mod training;

use act_core::{Device, Result};

pub use options::TrainOptions;
pub use run::Listener;
pub use training::{Course, Quantizing, Trained, Training};

use crate::checkpoint::Keeper;
use crate::device::dispatch;
use run::train_on;

/// Trains, from where `keeper` has kept a run of the same training, if it has, to the same bits as
/// without a break (on CPU).
///
/// `listener` hears every step and evaluation; its error, by which it stops the run between two of
/// them, is returned once the state is saved. A loss that is not finite ends training with the best
/// weights so far and says so.
///
/// # Errors
/// Usage: options, examples or an objective that no run can be made of. Rejected: a checkpoint of
/// another model. Failed: a loss that is not finite before anything was evaluated, naming the step. The
/// listener's, the judge's, and those of the teacher's values.
pub fn train(
    device: Device,
    training: Training<'_>,
    keeper: &mut dyn Keeper,
    listener: Listener<'_>,
) -> Result<Trained> {
    dispatch!(device, train_on(training, keeper, listener))
}
