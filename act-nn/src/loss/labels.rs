//! Losses with the right answers: of one label, of several, of a score.

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

/// The same with every class's term times `(1 - p)^gamma`, the focal loss (Lin et al. 2017, equation 5):
/// what is nearly certain weighs little. `classes` is one-hot times the classes' weights.
pub(crate) fn focal<B: Backend>(
    logits: Tensor<B, 2>,
    classes: Tensor<B, 2>,
    gamma: f64,
) -> Tensor<B, 1> {
    let logs = log_softmax(logits, 1);
    // A power below 1 has no slope at 0.
    let doubt = (-logs.clone().exp() + 1.0).clamp_min(1e-6);
    -(doubt.powf_scalar(gamma) * logs * classes).sum()
}

/// Each label by itself as a choice of two: from `[sequences, labels]` the rows `(logit, 0)`, whose
/// softmax is the logistic function of the logit and one minus it.
pub(crate) fn each_alone<B: Backend>(logits: Tensor<B, 2>) -> Tensor<B, 2> {
    let [rows, labels] = logits.dims();
    let logits = logits.reshape([rows * labels, 1]);
    let zeros = logits.zeros_like();
    Tensor::cat(vec![logits, zeros], 1)
}
