//! `y = x Wᵀ + b` on 2-D activations, and its three gradients, each one matrix product or sum; and the
//! same of rounded operands by their integers, as act-infer computes it.

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

/// What the inputs of a linear are whole numbers of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputUnits<'a> {
    /// The step of each row, or one of all.
    pub(crate) steps: &'a [f32],
    /// What each channel was multiplied by before it was rounded, and divided by afterwards; empty: nothing.
    pub(crate) multiplier: &'a [f32],
}

/// As [`forward`], for `x` that is whole numbers of `inputs` and `weight` that is of `steps`, one a row:
/// the sums are those of the integers, which are exact below 2^24 whatever their order, and become results as
/// act-infer's do, `sum * (input step * weight step) + bias`.
pub(crate) fn forward_in_integers(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    inputs: InputUnits<'_>,
    steps: &[f32],
) -> Vec<f32> {
    let (outputs, multiplier) = (bias.len(), inputs.multiplier);
    let columns = weight.len() / outputs;
    let rows = x.len() / columns;
    let divisor: Vec<f32> = multiplier.iter().map(|m| 1.0 / m).collect();
    let a = integers(x, columns, inputs.steps, multiplier);
    let w = integers(weight, columns, steps, &divisor);
    let (a, w) = (
        matrix(&a, rows, columns, columns),
        matrix(&w, outputs, columns, columns),
    );
    let mut y = product(a, w.t());
    scale(&mut y, inputs.steps, steps, bias);
    y
}

simd_fn! {
    /// The integers that the numbers are: `x / step * factor`, a step a row or one for all, a factor a column
    /// or none. That is off by the rounding of three operations, and then rounded to what is meant.
    fn integers(x: &[f32], columns: usize, steps: &[f32], factors: &[f32]) -> Vec<f32> {
        let mut integers = Vec::with_capacity(x.len());
        for (i, row) in x.chunks_exact(columns).enumerate() {
            let inverse = 1.0 / if let [step] = steps { *step } else { steps[i] };
            if factors.is_empty() {
                integers.extend(row.iter().map(|x| (x * inverse).round_ties_even()));
            } else {
                let row = row.iter().zip(factors);
                integers.extend(row.map(|(x, f)| (x * inverse * f).round_ties_even()));
            }
        }
        integers
    }
}

simd_fn! {
    /// From sums to results.
    fn scale(sums: &mut [f32], of_rows: &[f32], of_columns: &[f32], bias: &[f32]) {
        for (i, row) in sums.chunks_exact_mut(bias.len()).enumerate() {
            let of_row = if let [step] = of_rows { *step } else { of_rows[i] };
            for ((sum, step), b) in row.iter_mut().zip(of_columns).zip(bias) {
                *sum = *sum * (of_row * step) + b;
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_integers_are_exact_and_become_results_as_in_the_engine() {
        let (a, w) = ([[3, -127, 55], [90, 0, -4]], [[64, 127, -1], [-100, 2, 77]]);
        let (rows, outputs, bias) = ([0.037f32, 1.3e-3], [2.1e-4f32, 0.9], [0.5, -7.0]);
        for multiplier in [[1.0f32, 1.0, 1.0], [0.3, 123.4, 7.0]] {
            let columns = 0..3;
            let x = |r: usize| {
                columns
                    .clone()
                    .map(move |c| a[r][c] as f32 * rows[r] / multiplier[c])
            };
            let v = |r: usize| {
                columns
                    .clone()
                    .map(move |c| w[r][c] as f32 * outputs[r] * multiplier[c])
            };
            let (x, v): (Vec<f32>, Vec<f32>) =
                (x(0).chain(x(1)).collect(), v(0).chain(v(1)).collect());
            let units = InputUnits {
                steps: &rows,
                multiplier: if multiplier[0] == 1.0 {
                    &[]
                } else {
                    &multiplier
                },
            };
            let y = forward_in_integers(&x, &v, &bias, units, &outputs);
            let want = [0, 1].map(|r| {
                [0, 1].map(|o| {
                    let sum: i32 = columns.clone().map(|c| a[r][c] * w[o][c]).sum();
                    sum as f32 * (rows[r] * outputs[o]) + bias[o]
                })
            });
            assert_eq!(y, want.concat());
        }
        let one = InputUnits {
            steps: &[0.5],
            multiplier: &[],
        };
        let y = forward_in_integers(&[1.0, f32::NAN], &[2.0], &[1.0], one, &[2.0]);
        assert_eq!(y[0], 3.0);
        assert!(y[1].is_nan());
    }
}
