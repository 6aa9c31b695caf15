//! The trainable encoder on burn: devices, taps, the training loop, importance of heads and neurons.
//!
//! Inside, the code is generic over burn's backend; outside there is no backend type. Stages say as
//! data what they want done: losses with weights, masks, sites to observe.

use act_core::{Artifact, Encoding, Error, Result, Site};

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
mod predict;
mod quantize;
mod ragged;
mod schedule;
mod taps;
mod train;
mod weights;

pub use act_core::Device;
pub use device::{available, mixes_precision};
pub use importance::{LayerScores, MaskGradients};
pub use loss::objective::{
    Comparison, Hidden, LayerPair, Objective, Relations, Rows, SoftLabels, Teacher,
};
pub use optim::{OptimizerOptions, UpdateRule};
pub use quantize::{FakeQuantization, InputSteps, WeightSteps};
pub use schedule::{Decay, Schedule};
pub use train::{
    Evaluation, Examples, Journal, LossPoint, Quantizing, TrainEvent, TrainOptions, Trained,
};

use device::dispatch;
use importance::{importance_on, mask_gradients_on};
use predict::{observe_on, predict_on, predict_quantized_on};
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

/// Logits of the trainable encoder with dropout off; one row an encoding, in order.
pub fn predict(
    device: Device,
    artifact: &Artifact,
    encodings: &[Encoding],
    batch_size: usize,
) -> Result<Vec<Vec<f32>>> {
    dispatch!(device, predict_on(artifact, encodings, batch_size))
}

/// Logits of a float model whose linears and tables compute with rounded numbers, dropout off: those
/// of the model that [`FakeQuantization::export`] makes of it, up to the rounding of sums.
pub fn predict_quantized(
    device: Device,
    artifact: &Artifact,
    quantization: &FakeQuantization,
    encodings: &[Encoding],
    batch_size: usize,
) -> Result<Vec<Vec<f32>>> {
    dispatch!(
        device,
        predict_quantized_on(artifact, quantization, encodings, batch_size)
    )
}

/// Values at sites: for each site, for each encoding, one flat row-major `[tokens, width]` vector
/// (`[1, width]` after the encoder: the pooler's and classifier's inputs and the logits). A site
/// that this model does not have is an error.
pub fn observe(
    device: Device,
    artifact: &Artifact,
    encodings: &[Encoding],
    sites: &[Site],
) -> Result<Vec<Vec<Vec<f32>>>> {
    dispatch!(device, observe_on(artifact, encodings, sites))
}

/// Importance of heads and neurons on labelled examples, dropout off (Michel et al. 2019, section
/// 4.1; as PaddleSlim's transformer_pruner, which however measures on dev with dropout on).
/// `on_batch` is called after each batch and may stop by returning `false` (error: interrupted).
pub fn importance(
    device: Device,
    artifact: &Artifact,
    examples: Examples<'_>,
    batch_size: usize,
    threads: usize,
    on_batch: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<LayerScores>> {
    dispatch!(
        device,
        importance_on(artifact, examples, batch_size, threads, on_batch)
    )
}

/// Gradients of each example's loss by masks of ones on every head's context and every neuron's
/// activation, dropout off (Kwon et al. 2022, section 4.1); one entry a layer. `on_batch` as in
/// [`importance()`]. Memory: `examples * (heads + neurons)` floats a layer.
pub fn mask_gradients(
    device: Device,
    artifact: &Artifact,
    examples: Examples<'_>,
    batch_size: usize,
    threads: usize,
    on_batch: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<MaskGradients>> {
    dispatch!(
        device,
        mask_gradients_on(artifact, examples, batch_size, threads, on_batch)
    )
}

/// Threads of our own: burn's backends gain next to nothing from theirs.
fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Error::failed(format!("cannot start {threads} threads: {e}")))
}
