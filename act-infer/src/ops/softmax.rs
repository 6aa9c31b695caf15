//! Softmax over attention scores, row by row.

use std::convert::identity;
use std::ops::Add;

use super::elementary::exp;
use super::{for_each_isa, larger, reduce};

for_each_isa! {
    /// `softmax(scale * row + mask)` in place for every row of `keys` numbers. `mask` is empty or
    /// has one number a key.
    pub(crate) fn softmax_rows(scores: &mut [f32], keys: usize, scale: f32, mask: &[f32]) {
        for row in scores.chunks_exact_mut(keys) {
            for x in row.iter_mut() {
                *x *= scale;
            }
            for (x, m) in row.iter_mut().zip(mask) {
                *x += m;
            }
            let largest = reduce(row, f32::NEG_INFINITY, identity, larger);
            for x in row.iter_mut() {
                *x = exp(*x - largest);
            }
            let inverse = 1.0 / reduce(row, 0.0, identity, Add::add);
            for x in row.iter_mut() {
                *x *= inverse;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Isa;

    #[test]
    fn rows_sum_to_one_and_masked_keys_vanish() {
        let mut scores: Vec<f32> = (0..46).map(|i| (i * 7 % 23) as f32 - 11.0).collect();
        let mut mask = vec![0.0; 23];
        mask[5] = -1e4;
        softmax_rows(Isa::PORTABLE, &mut scores, 23, 0.3, &mask);
        for row in scores.chunks(23) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert_eq!(row[5], 0.0);
        }
        let ratio = scores[1] / scores[0];
        assert!((ratio - (0.3f32 * 7.0).exp()).abs() < 1e-4);
    }
}
