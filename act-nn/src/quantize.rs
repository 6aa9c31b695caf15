//! Quantisation-aware training: the forward pass computes with the numbers that the int8 model will
//! have, the backward pass looks through the rounding (Jacob et al. 2018, section 3).
//!
//! Gradients pass straight through where nothing was clipped (Bengio et al. 2013); steps are learned
//! as LSQ does (Esser et al. 2020), or follow the largest magnitudes, as PaddleSlim's do. What is
//! quantised is data, [`FakeQuantization`], made from an int8 artifact and turned into one by
//! [`FakeQuantization::export`], with the very integers that the forward pass used. The optimiser's
//! weights stay float. Where to begin and what is good enough are for the stage to say.
//!
//! One idea a file: [`spec`] is what is rounded, [`ops`] are the operations, [`inputs`] puts them where
//! a linear reads its input, [`steps`] is how steps are learned, [`quantizer`] what a step of the
//! training loop needs.

mod channels;
mod four_bits;
mod grouped;
mod inputs;
pub(crate) mod ops;
mod quantizer;
mod spec;
mod steps;

pub(crate) use inputs::Observed;
pub(crate) use quantizer::{FakeQuantizer, StepGradients};
pub use spec::{FakeQuantization, InputSteps, WeightSteps};
