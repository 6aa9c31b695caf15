//! The trainable encoder on burn: devices, taps, the training loop, importance of heads and neurons.
//!
//! Inside, the code is generic over burn's backend; outside there is no backend type. Stages say as
//! data what they want done: losses with weights, masks, sites to observe.

mod backend;
mod batches;
pub mod checkpoint;
mod device;
mod dropout;
mod encoder;
mod exact;
mod examples;
#[cfg(feature = "ndarray")]
mod fused;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(all(test, feature = "ndarray"))]
mod gradcheck;
mod gradient;
mod importance;
mod journal;
mod kernels;
pub mod linalg;
mod loss;
mod objective;
mod optim;
mod pool;
mod predict;
mod quantize;
mod ragged;
mod recorded;
mod schedule;
mod shapes;
mod taps;
mod tensors;
mod train;
mod update;
mod weights;

pub use act_core::Device;
pub use device::{available, mixes_precision};
pub use examples::{Examples, TeacherFeatures, Validation};
pub use importance::{
    LayerScores, MaskGradients, WidthScores, importance, mask_gradients, width_importance,
};
pub use journal::{Evaluation, Journal, LossPoint, TrainEvent};
pub use objective::{
    Comparison, Emphasis, Hidden, LayerPair, Objective, Relations, Rows, SoftLabels,
};
pub use optim::{OptimizerOptions, UpdateRule};
pub use predict::{observe, predict, predict_mixed, predict_quantized};
pub use quantize::{FakeQuantization, InputSteps, WeightSteps};
pub use schedule::{Decay, Schedule};
pub use train::{Course, Listener, Quantizing, TrainOptions, Trained, Training, train};
