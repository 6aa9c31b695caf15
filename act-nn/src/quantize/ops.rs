//! Fake quantisation as operations of a backend, in ordinary tensor operations; the CPU backend
//! replaces them with kernels. Steps of weights are plain numbers: there are few of them.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::kernels::linear::InputUnits;
use crate::kernels::quantize::Levels;
use crate::tensors::{tensor, to_vec};

/// The operations of quantisation-aware training.
pub(crate) trait QuantizeOps: Backend {
    /// True if products of rounded numbers are those of their integers, as in the engine.
    const INTEGERS: bool = false;

    /// `x Wᵀ + b`, computed as the engine does where [`QuantizeOps::INTEGERS`] says so. `x` is whole
    /// numbers of `inputs`, `weight` of `steps`, one a row.
    fn affine_in_integers(
        x: Tensor<Self, 2>,
        weight: Tensor<Self, 2>,
        bias: Tensor<Self, 2>,
        _inputs: InputUnits<'_>,
        _steps: &[f32],
    ) -> Tensor<Self, 2> {
        x.matmul(weight.transpose()) + bias
    }

    /// Rounds `x` to integers of `levels` times `step`, `[1, 1]` or one a column. Gradients: straight
    /// through to `x` where it was not clipped, LSQ's to `step` (Esser et al. 2020, equation 3, with
    /// their factor for the columns of a row together).
    fn fake_quantize(x: Tensor<Self, 2>, step: Tensor<Self, 2>, levels: Levels) -> Tensor<Self, 2> {
        let share = levels.share(x.dims()[1]);
        let scaled = step.clone() * share;
        let step = scaled.clone() - scaled.detach() + step.detach();
        let clipped = (x * step.clone().recip()).clamp(levels.low, levels.high);
        let rounded = clipped.clone().round().detach();
        (clipped.clone() - clipped.detach() + rounded) * step
    }

    /// Rounds every row of `x` with its own step, `max |x| / high`. Gradient: straight through.
    fn fake_quantize_rows(x: Tensor<Self, 2>, levels: Levels) -> Tensor<Self, 2> {
        let values = x.clone().detach();
        let step = values.clone().abs().max_dim(1) / levels.high;
        let none = step.clone().lower_elem(f32::MIN_POSITIVE);
        let step = step.mask_fill(none, 1.0);
        let integers = (values * step.clone().recip()).clamp(levels.low, levels.high);
        x.clone() - x.detach() + integers.round() * step
    }

    /// Rounds a weight with a step a row; not differentiated.
    fn round_rows(w: &Tensor<Self, 2>, steps: &[f32], levels: Levels) -> Tensor<Self, 2> {
        let steps = column(steps, w);
        let integers = w.clone() / steps.clone();
        integers.clamp(levels.low, levels.high).round() * steps
    }

    /// From the gradient of [`QuantizeOps::round_rows`]'s result those of the weight and of the steps.
    fn rounded_gradients(
        w: &Tensor<Self, 2>,
        gradient: Tensor<Self, 2>,
        steps: &[f32],
        levels: Levels,
    ) -> (Tensor<Self, 2>, Vec<f32>) {
        let v = w.clone() / column(steps, w);
        let outside = v
            .clone()
            .lower_elem(levels.low)
            .bool_or(v.clone().greater_elem(levels.high));
        let integers = v.clone().clamp(levels.low, levels.high).round();
        let toward_step = integers - v.mask_fill(outside.clone(), 0.0);
        let of_steps = (gradient.clone() * toward_step).sum_dim(1) * levels.share(w.dims()[1]);
        (gradient.mask_fill(outside, 0.0), to_vec(of_steps))
    }

    /// The largest magnitude of each row.
    fn row_peaks(w: &Tensor<Self, 2>) -> Vec<f32> {
        to_vec(w.clone().abs().max_dim(1))
    }
}

fn column<B: Backend>(values: &[f32], like: &Tensor<B, 2>) -> Tensor<B, 2> {
    tensor(values.to_vec(), [values.len(), 1], &like.device())
}
