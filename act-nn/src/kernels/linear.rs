//! `y = x Wᵀ + b` on 2-D activations, and its three gradients, each one matrix product or sum.

use ndarray::linalg::general_mat_mul;

use super::matrix::{matrix, matrix_mut, product};
use super::simd::simd_fn;

/// `x [n, inputs]`, `weight [outputs, inputs]`, `bias [outputs]` to `[n, outputs]`.
pub(crate) fn forward(x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let outputs = bias.len();
    let inputs = weight.len() / outputs;
    let n = x.len() / inputs;
    let mut y = Vec::with_capacity(n * outputs);
    (0..n).for_each(|_| y.extend_from_slice(bias));
    let x = matrix(x, n, inputs, inputs);
    let weight = matrix(weight, outputs, inputs, inputs);
    let mut sum = matrix_mut(&mut y, n, outputs, outputs);
    general_mat_mul(1.0, &x, &weight.t(), 1.0, &mut sum);
    y
}

/// Gradient of `x`: `dy W`.
pub(crate) fn input_gradient(dy: &[f32], weight: &[f32], outputs: usize) -> Vec<f32> {
    let inputs = weight.len() / outputs;
    let dy = matrix(dy, dy.len() / outputs, outputs, outputs);
    product(dy, matrix(weight, outputs, inputs, inputs))
}

/// Gradient of `weight`: `dyᵀ x`, one product over all tokens.
pub(crate) fn weight_gradient(dy: &[f32], x: &[f32], outputs: usize) -> Vec<f32> {
    let n = dy.len() / outputs;
    let inputs = x.len() / n;
    let dy = matrix(dy, n, outputs, outputs);
    product(dy.reversed_axes(), matrix(x, n, inputs, inputs))
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
