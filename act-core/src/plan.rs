//! The plan: what an encoder is made of, part by part and layer by layer.
//!
//! After pruning no two layers need have the same number of heads or neurons, so the plan holds
//! the shape of every layer, and from it (with the quantisation) follows the exact list of tensors
//! that a model must have. Readers check files against that list name by name.

mod parts;
mod tensors;
#[cfg(test)]
mod tests;

pub use parts::{
    Activation, Block, Embeddings, Family, Head, HeadActivation, HeadDense, LayerPlan, NormPlace,
    Plan, Pooling, Position,
};
pub use tensors::TensorSpec;
