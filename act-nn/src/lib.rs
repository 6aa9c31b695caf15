//! The trainable encoder on burn: devices, taps, the training loop, importance of heads and neurons.
//!
//! Inside, the code is generic over burn's backend; outside there is no backend type. Stages say as
//! data what they want done: losses with weights, masks, sites to observe.

use act_core::{Artifact, Result};

mod backend;
mod batches;
pub mod checkpoint;
mod device;
pub mod distillation;
mod dropout;
mod encoder;
#[cfg(feature = "ndarray")]
mod fused;
#[cfg(all(test, feature = "ndarray"))]
mod gradcheck;
mod gradient;
mod importance;
mod kernels;
mod loss;
mod optim;
mod pool;
mod predict;
mod quantize;
mod ragged;
mod schedule;
mod shapes;
mod taps;
mod tensors;
mod train;
mod update;
mod weights;

pub use act_core::Device;
pub use device::{available, mixes_precision};
pub use importance::{LayerScores, MaskGradients, importance, mask_gradients};
pub use loss::objective::{
    Comparison, Hidden, LayerPair, Objective, Relations, Rows, SoftLabels, Teacher,
};
pub use optim::{OptimizerOptions, UpdateRule};
pub use predict::{observe, predict, predict_quantized};
pub use quantize::{FakeQuantization, InputSteps, WeightSteps};
pub use schedule::{Decay, Schedule};
pub use train::{
    Evaluation, Examples, Journal, LossPoint, Quantizing, TrainEvent, TrainOptions, Trained,
};

use device::dispatch;
use train::train_on;

/// Trains all parameters of a float artifact. `on_event` may stop the loop by returning `false`
/// (the best weights so far are returned). A loss that is not finite ends training with the best
/// weights so far and says so, or is an error that names the step where nothing was evaluated yet.
pub fn train(
    device: Device,
    artifact: &Artifact,
    train: Examples<'_>,
    validation: Option<Examples<'_>>,
    objective: Objective,
    options: &TrainOptions,
    on_event: &mut dyn FnMut(TrainEvent) -> bool,
) -> Result<Trained> {
    let keeper = &mut checkpoint::Unkept;
    resume(
        device, artifact, train, validation, objective, options, keeper, on_event,
    )
}

/// As [`train()`], from where `keeper` has kept a run of the same arguments, if it has, to the same
/// bits as without a break (on CPU). A run that `on_event` stops after a step is kept as well.
#[allow(clippy::too_many_arguments)]
pub fn resume(
    device: Device,
    artifact: &Artifact,
    train: Examples<'_>,
    validation: Option<Examples<'_>>,
    objective: Objective,
    options: &TrainOptions,
    keeper: &mut dyn checkpoint::Keeper,
    on_event: &mut dyn FnMut(TrainEvent) -> bool,
) -> Result<Trained> {
    dispatch!(
        device,
        train_on(
            artifact, train, validation, None, objective, options, keeper, on_event
        )
    )
}

/// As [`resume()`], for an int8 model: linears and tables compute with rounded numbers, and what the
/// judge says of the int8 model chooses the best weights. Mixed precision has no effect.
#[allow(clippy::too_many_arguments)]
pub fn train_quantized(
    device: Device,
    artifact: &Artifact,
    train: Examples<'_>,
    quantizing: Quantizing<'_>,
    objective: Objective,
    options: &TrainOptions,
    keeper: &mut dyn checkpoint::Keeper,
    on_event: &mut dyn FnMut(TrainEvent) -> bool,
) -> Result<Trained> {
    let quantizing = Some(quantizing);
    let options = &TrainOptions {
        mixed_precision: false,
        ..options.clone()
    };
    dispatch!(
        device,
        train_on(
            artifact, train, None, quantizing, objective, options, keeper, on_event
        )
    )
}
