//! Softmax over attention scores, row by row.

use act_core::arithmetic::elementary::exp_up_to_88;

use super::{LANES, combine_lanes, for_each_isa, larger};

/// Rows that are taken through each step together: what one waits for, others compute meanwhile.
const TOGETHER: usize = 8;

for_each_isa! {
    /// `softmax(scale * row)` in place for every row of `stride` numbers, a multiple of [`LANES`];
    /// `scale` is positive. What is to be left out is minus infinity.
    pub(crate) fn softmax_rows(scores: &mut [f32], stride: usize, scale: f32) {
        for rows in scores.chunks_mut(TOGETHER * stride) {
            // Windows by number: iterators over rows side by side cost as much as a short row.
            let window = |r: usize| r * stride..(r + 1) * stride;
            let mut count = 0;
            let mut largest = [0f32; TOGETHER];
            while count < TOGETHER && (count + 1) * stride <= rows.len() {
                let mut lanes = [f32::NEG_INFINITY; LANES];
                for line in rows[window(count)].as_chunks::<LANES>().0 {
                    for i in 0..LANES {
                        lanes[i] = larger(lanes[i], line[i]);
                    }
                }
                // Rounding keeps order: the largest product is that of the largest score.
                largest[count] = combine_lanes(lanes, larger) * scale;
                count += 1;
            }
            let mut sums = [[0f32; LANES]; TOGETHER];
            for r in 0..count {
                let mut lanes = [0f32; LANES];
                for line in rows[window(r)].as_chunks_mut::<LANES>().0 {
                    for i in 0..LANES {
                        line[i] = exp_up_to_88(line[i] * scale - largest[r]);
                        lanes[i] += line[i];
                    }
                }
                sums[r] = lanes;
            }
            for r in 0..count {
                let inverse = 1.0 / combine_lanes(sums[r], |a, b| a + b);
                for x in &mut rows[window(r)] {
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

/// `scale * score + bias` for `keys` scores of every row of `stride`; those beyond stay as they are.
pub(crate) fn add_bias(
    scores: &mut [f32],
    (stride, keys): (usize, usize),
    scale: f32,
    bias: impl Fn(usize, usize) -> f32,
) {
    for (r, row) in scores.chunks_exact_mut(stride).enumerate() {
        for (key, score) in row[..keys].iter_mut().enumerate() {
            *score = *score * scale + bias(r, key);
        }
    }
}

/// Minus infinity for the keys that are further than `window` from a row's place, which is `place` in
/// the first row and rises by one a row; rows of `stride` scores, of which the first is that of key 0.
pub(crate) fn outside_window(scores: &mut [f32], stride: usize, place: usize, window: usize) {
    for (r, row) in scores.chunks_exact_mut(stride).enumerate() {
        let first = (place + r).saturating_sub(window).min(stride);
        let end = (place + r).saturating_add(window + 1).min(stride);
        row[..first].fill(f32::NEG_INFINITY);
        row[end..].fill(f32::NEG_INFINITY);
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
