//! Fake quantisation without gradients, and that of weights, which is outside every graph.

use burn::tensor::Tensor;

use super::{Cpu, columns, matrix, owned, primitive, slice, slice_mut, tensor};
use crate::kernels::linear::{self, InputUnits};
use crate::kernels::quantize::{self, Levels};
use crate::quantize::ops::QuantizeOps;

impl QuantizeOps for Cpu {
    const INTEGERS: bool = true;

    fn affine_in_integers(
        x: Tensor<Self, 2>,
        weight: Tensor<Self, 2>,
        bias: Tensor<Self, 2>,
        inputs: InputUnits<'_>,
        steps: &[f32],
    ) -> Tensor<Self, 2> {
        let [x, w, b] = [x, weight, bias].map(primitive);
        let (x, w, bias) = (slice(&x), slice(&w), slice(&b));
        let y = linear::forward_in_integers(&x, &w, &bias, inputs, steps);
        tensor(matrix(y, bias.len()))
    }

    fn fake_quantize(x: Tensor<Self, 2>, step: Tensor<Self, 2>, levels: Levels) -> Tensor<Self, 2> {
        let (x, step) = (primitive(x), primitive(step));
        let y = quantize::static_steps(&slice(&x), columns(&x), &slice(&step), levels);
        tensor(matrix(y, columns(&x)))
    }

    fn fake_quantize_rows(x: Tensor<Self, 2>, levels: Levels) -> Tensor<Self, 2> {
        let x = primitive(x);
        let columns = columns(&x);
        tensor(matrix(
            quantize::row_steps(&slice(&x), columns, levels),
            columns,
        ))
    }

    fn round_rows(w: &Tensor<Self, 2>, steps: &[f32], levels: Levels) -> Tensor<Self, 2> {
        let w = primitive(w.clone());
        let columns = columns(&w);
        tensor(matrix(
            quantize::rounded(&slice(&w), columns, steps, levels),
            columns,
        ))
    }

    fn rounded_gradients(
        w: &Tensor<Self, 2>,
        gradient: Tensor<Self, 2>,
        steps: &[f32],
        levels: Levels,
    ) -> (Tensor<Self, 2>, Vec<f32>) {
        let (w, mut gradient) = (primitive(w.clone()), owned(primitive(gradient)));
        let dw = slice_mut(&mut gradient);
        let of_steps = quantize::rounded_gradients(&slice(&w), dw, columns(&w), steps, levels);
        (tensor(gradient.into()), of_steps)
    }

    fn row_peaks(w: &Tensor<Self, 2>) -> Vec<f32> {
        let w = primitive(w.clone());
        quantize::row_peaks(&slice(&w), columns(&w))
    }
}
