//! Cross-entropy with the labels.

use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;
use burn::tensor::backend::Backend;

/// Summed over the rows: `-log softmax(logits)` of each row's class; `classes` is one-hot.
pub(crate) fn cross_entropy<B: Backend>(
    logits: Tensor<B, 2>,
    classes: Tensor<B, 2>,
) -> Tensor<B, 1> {
    -(log_softmax(logits, 1) * classes).sum()
}
