//! Layer normalisation (Ba et al. 2016) with the biased variance.

use std::convert::identity;
use std::ops::Add;

use super::{for_each_isa, reduce};

/// Gamma, beta and epsilon of one layer norm.
pub(crate) struct LayerNorm {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
    pub epsilon: f32,
}

for_each_isa! {
    /// Normalises every row of `values`.
    pub(crate) fn layer_norm(values: &mut [f32], norm: &LayerNorm) {
        for row in values.chunks_exact_mut(norm.gamma.len()) {
            normalize(row, norm);
        }
    }

    /// The normalised rows of `values`, into `out`.
    pub(crate) fn layer_norm_into(values: &[f32], norm: &LayerNorm, out: &mut [f32]) {
        let width = norm.gamma.len();
        for (row, out) in values.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            out.copy_from_slice(row);
            normalize(out, norm);
        }
    }
}

#[inline(always)]
fn normalize(row: &mut [f32], norm: &LayerNorm) {
    let count = row.len() as f32;
    let mean = reduce(row, 0.0, identity, Add::add) / count;
    for x in row.iter_mut() {
        *x -= mean;
    }
    let variance = reduce(row, 0.0, |x| x * x, Add::add) / count;
    let inverse = 1.0 / (variance + norm.epsilon).sqrt();
    let (gamma, beta) = (&norm.gamma[..row.len()], &norm.beta[..row.len()]);
    for i in 0..row.len() {
        row[i] = row[i] * inverse * gamma[i] + beta[i];
    }
}
