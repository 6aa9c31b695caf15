//! `y = x Wᵀ + b` on 2-D activations, and its three gradients, each one matrix product or sum.

use super::gemm::{Mat, gemm, product};
use super::simd::simd_fn;

/// `x [n, inputs]`, `weight [outputs, inputs]`, `bias [outputs]` to `[n, outputs]`.
pub(crate) fn forward(x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let outputs = bias.len();
    let inputs = weight.len() / outputs;
    let n = x.len() / inputs;
    let mut y = Vec::with_capacity(n * outputs);
    (0..n).for_each(|_| y.extend_from_slice(bias));
    let x = Mat::new(x, n, inputs, inputs);
    let weight = Mat::new(weight, outputs, inputs, inputs);
    gemm(1.0, x, weight.t(), 1.0, &mut y, outputs);
    y
}

/// Gradient of `x`: `dy W`.
pub(crate) fn input_gradient(dy: &[f32], weight: &[f32], outputs: usize) -> Vec<f32> {
    let inputs = weight.len() / outputs;
    let dy = Mat::new(dy, dy.len() / outputs, outputs, outputs);
    product(dy, Mat::new(weight, outputs, inputs, inputs))
}

/// Gradient of `weight`: `dyᵀ x`, one product over all tokens.
pub(crate) fn weight_gradient(dy: &[f32], x: &[f32], outputs: usize) -> Vec<f32> {
    let n = dy.len() / outputs;
    let inputs = x.len() / n;
    let dy = Mat::new(dy, n, outputs, outputs);
    product(dy.t(), Mat::new(x, n, inputs, inputs))
}

simd_fn! {
    /// Gradient of `bias`: the sum of the rows of `dy`.
    pub(crate) fn bias_gradient(dy: &[f32], outputs: usize) -> Vec<f32> {
        let mut db = vec![0f32; outputs];
        for row in dy.chunks_exact(outputs) {
            for (b, d) in db.iter_mut().zip(row) {
                *b += d;
            }
        }
        db
    }
}
