//! Post-norm residual blocks in one pass: `layer_norm(residual + dropout(branch))`
//! (Ba et al. 2016; biased variance, epsilon inside the root).

use super::simd::simd_fn;
use super::sum::sum;
use crate::dropout::Dropout;

/// What the backward pass needs.
#[derive(Debug)]
pub(crate) struct Saved {
    /// Rows with mean 0 and variance 1, `[n, width]`.
    pub(crate) normalized: Vec<f32>,
    /// One over the standard deviation of each row, `[n]`.
    pub(crate) inverse_deviation: Vec<f32>,
}

simd_fn! {
    /// `branch` and `residual` are `[n, width]`, `gamma` and `beta` `[width]`.
    pub(crate) fn forward(
        branch: &[f32],
        residual: &[f32],
        gamma: &[f32],
        beta: &[f32],
        eps: f32,
        dropout: &Dropout,
    ) -> (Vec<f32>, Saved) {
        let width = gamma.len();
        let mut normalized = add_dropped(branch, residual, width, dropout);
        let mut y = vec![0f32; normalized.len()];
        let mut inverse_deviation = Vec::with_capacity(y.len() / width);
        for (row, y) in normalized.chunks_exact_mut(width).zip(y.chunks_exact_mut(width)) {
            let mean = sum(width, |i| row[i]) / width as f32;
            row.iter_mut().for_each(|v| *v -= mean);
            let variance = sum(width, |i| row[i] * row[i]) / width as f32;
            let inverse = 1.0 / (variance + eps).sqrt();
            for (((v, y), g), b) in row.iter_mut().zip(y).zip(gamma).zip(beta) {
                *v *= inverse;
                *y = *v * g + b;
            }
            inverse_deviation.push(inverse);
        }
        (y, Saved { normalized, inverse_deviation })
    }
}

/// `residual + dropout(branch)`.
#[inline(always)]
fn add_dropped(branch: &[f32], residual: &[f32], width: usize, dropout: &Dropout) -> Vec<f32> {
    let pairs = branch.iter().zip(residual);
    if dropout.is_off() {
        return pairs.map(|(b, r)| b + r).collect();
    }
    let mut sum = vec![0f32; branch.len()];
    let mut start = 0;
    for &(rows, mask) in dropout.examples() {
        let own = start..start + rows * width;
        let pairs = branch[own.clone()].iter().zip(&residual[own.clone()]);
        for (i, (s, (b, r))) in sum[own.clone()].iter_mut().zip(pairs).enumerate() {
            *s = b * mask.factor(i as u32) + r;
        }
        start = own.end;
    }
    sum
}

simd_fn! {
    /// Gradients of the sum before the norm (which is that of `residual`), of `gamma` and of
    /// `beta`; the branch's is [`masked`] of the first.
    pub(crate) fn backward(
        dy: &[f32],
        saved: &Saved,
        gamma: &[f32],
    ) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let width = gamma.len();
        let mut dx = vec![0f32; dy.len()];
        let mut dgamma = vec![0f32; width];
        let mut dbeta = vec![0f32; width];
        let rows = dy.chunks_exact(width).zip(saved.normalized.chunks_exact(width));
        for (((dy, v), inverse), dx) in
            rows.zip(&saved.inverse_deviation).zip(dx.chunks_exact_mut(width))
        {
            for ((((dx, dy), v), (dg, db)), g) in
                dx.iter_mut().zip(dy).zip(v).zip(dgamma.iter_mut().zip(&mut dbeta)).zip(gamma)
            {
                *dg += dy * v;
                *db += dy;
                *dx = dy * g;
            }
            let mean = sum(width, |i| dx[i]) / width as f32;
            let slope = sum(width, |i| dx[i] * v[i]) / width as f32;
            for (dx, v) in dx.iter_mut().zip(v) {
                *dx = inverse * (*dx - mean - v * slope);
            }
        }
        (dx, dgamma, dbeta)
    }
}

simd_fn! {
    /// `dropout(x)` of `[n, width]`: forward and, with the same dropout, backward.
    pub(crate) fn masked(x: &[f32], width: usize, dropout: &Dropout) -> Vec<f32> {
        let mut y = vec![0f32; x.len()];
        let mut start = 0;
        for &(rows, mask) in dropout.examples() {
            let own = start..start + rows * width;
            let pairs = y[own.clone()].iter_mut().zip(&x[own.clone()]);
            for (i, (y, x)) in pairs.enumerate() {
                *y = x * mask.factor(i as u32);
            }
            start = own.end;
        }
        y
    }
}
