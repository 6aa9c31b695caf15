//! Softmax over attention scores, row by row.

use super::elementary::exp;
use super::{LANES, combine_lanes, for_each_isa, larger};

/// Rows that are taken through each step together: what one waits for, others compute meanwhile.
const TOGETHER: usize = 8;

for_each_isa! {
    /// `softmax(scale * row)` in place for every row of `stride` numbers, a multiple of [`LANES`];
    /// `scale` is positive. What is to be left out is minus infinity.
    pub(crate) fn softmax_rows(scores: &mut [f32], stride: usize, scale: f32) {
        for rows in scores.chunks_mut(TOGETHER * stride) {
            let mut largest = [0f32; TOGETHER];
            for (row, largest) in rows.chunks_exact(stride).zip(&mut largest) {
                let mut lanes = [f32::NEG_INFINITY; LANES];
                for line in row.as_chunks::<LANES>().0 {
                    for i in 0..LANES {
                        lanes[i] = larger(lanes[i], line[i]);
                    }
                }
                // Rounding keeps order: the largest product is that of the largest score.
                *largest = combine_lanes(lanes, larger) * scale;
            }
            let mut sums = [[0f32; LANES]; TOGETHER];
            let each = rows.chunks_exact_mut(stride).zip(&largest);
            for ((row, &largest), sums) in each.zip(&mut sums) {
                let mut lanes = [0f32; LANES];
                for line in row.as_chunks_mut::<LANES>().0 {
                    for i in 0..LANES {
                        line[i] = exp(line[i] * scale - largest);
                        lanes[i] += line[i];
                    }
                }
                *sums = lanes;
            }
            for (row, sums) in rows.chunks_exact_mut(stride).zip(&sums) {
                let inverse = 1.0 / combine_lanes(*sums, |a, b| a + b);
                for x in row.iter_mut() {
                    *x *= inverse;
                }
            }
        }
    }

    /// `row = scale * row + mask` for every row of `stride` numbers, of which those beyond the mask
    /// stay as they are.
    pub(crate) fn mask_rows(scores: &mut [f32], stride: usize, scale: f32, mask: &[f32]) {
        for row in scores.chunks_exact_mut(stride) {
            for (x, m) in row.iter_mut().zip(mask) {
                *x = *x * scale + m;
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
        let mut scores = vec![f32::NEG_INFINITY; 64];
        for (i, x) in scores.iter_mut().enumerate().filter(|(i, _)| i % 32 < 23) {
            *x = (i * 7 % 23) as f32 - 11.0;
        }
        let mut mask = vec![0.0; 23];
        mask[5] = -1e4;
        mask_rows(Isa::PORTABLE, &mut scores, 32, 0.3, &mask);
        softmax_rows(Isa::PORTABLE, &mut scores, 32, 1.0);
        for row in scores.chunks(32) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert_eq!(row[5], 0.0);
            assert_eq!(row[23..], [0.0; 9]);
        }
        let ratio = scores[1] / scores[0];
        assert!((ratio - (0.3f32 * 7.0).exp()).abs() < 1e-4);
    }
}
