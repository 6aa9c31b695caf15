//! Weights of an input whose channels have a multiplier: rounded are their quotients.

use burn::tensor::Tensor;

use crate::backend::ActBackend;
use crate::tensors::tensor;

/// A number for each column of a matrix, `[1, columns]`; none: 1.
pub(super) struct Channels<B: ActBackend>(Option<Tensor<B, 2>>);

impl<B: ActBackend> Channels<B> {
    /// These numbers.
    pub(super) fn new(numbers: Option<&[f32]>, device: &B::Device) -> Self {
        Self(numbers.map(|numbers| tensor(numbers.to_vec(), [1, numbers.len()], device)))
    }

    /// A matrix, its columns divided by them.
    pub(super) fn divided(&self, w: &Tensor<B, 2>) -> Tensor<B, 2> {
        match &self.0 {
            Some(numbers) => w.clone() / numbers.clone(),
            None => w.clone(),
        }
    }

    /// A matrix, its columns multiplied by them.
    pub(super) fn multiplied(&self, w: Tensor<B, 2>) -> Tensor<B, 2> {
        match &self.0 {
            Some(numbers) => w * numbers.clone(),
            None => w,
        }
    }
}
