//! The numbers of attention as bytes: queries, keys, values, and the weights that softmax gives to keys.
//!
//! These are the definitions; of one number's integer it is that of [`quantize`](super::quantize).

use act_core::arithmetic::elementary::ROUNDER;

use super::{LANES, combine_lanes, for_each_isa, larger, reduce};

/// Largest integer of queries, keys and values.
pub(crate) const MOST: f32 = 127.0;
/// Byte of the key that a query attends to most.
pub(crate) const TOP: i32 = 254;
/// No panel has more columns.
const MOST_COLUMNS: usize = 32;
/// Rows that are taken through each step together: what one waits for, others compute meanwhile.
const TOGETHER: usize = 8;
/// Powers of two from here down are as good as this one: their weight is 0.
const LOWEST: f32 = -20.0;

/// Rows of numbers, `stride` apart.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub values: &'a [f32],
    pub stride: usize,
    pub rows: usize,
    pub columns: usize,
}

impl<'a> Rows<'a> {
    #[inline(always)]
    fn row(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.stride..][..self.columns]
    }

    #[inline(always)]
    fn all(self) -> impl Iterator<Item = &'a [f32]> {
        (0..self.rows).map(move |row| self.row(row))
    }
}

/// A scale whose reciprocal is finite.
#[inline(always)]
fn scale_of(largest: f32) -> f32 {
    let scale = largest / MOST;
    if scale < f32::MIN_POSITIVE {
        1.0
    } else {
        scale
    }
}

for_each_isa! {
    /// Rows as bytes of `offset` and an integer, each with a scale of its own: the largest magnitude becomes
    /// [`MOST`]. `bytes` come with their distance from row to row. Of every row the scale, and what its
    /// integers add up to.
    pub(crate) fn rows_to_bytes(
        rows: Rows<'_>, offset: i32, bytes: (&mut [u8], usize), scales: &mut [f32], sums: &mut [i32],
    ) {
        let columns = rows.columns;
        let lines = rows.all().zip(bytes.0.chunks_exact_mut(bytes.1));
        for ((row, bytes), (scale, sum)) in lines.zip(scales.iter_mut().zip(sums)) {
            *scale = scale_of(reduce(row, 0.0, f32::abs, larger));
            let inverse = 1.0 / *scale;
            let mut all = 0;
            for (x, byte) in row.iter().zip(&mut bytes[..columns]) {
                let integer = integer(*x, inverse);
                all += integer;
                *byte = (integer + offset) as u8;
            }
            *sum = all;
        }
    }

    /// Of each column the scale with which its largest magnitude becomes [`MOST`]. Rows that `left_out` has
    /// a number other than 0 for do not count.
    pub(crate) fn column_scales(rows: Rows<'_>, left_out: &[f32], scales: &mut [f32]) {
        scales.fill(0.0);
        for (r, row) in rows.all().enumerate() {
            if left_out.get(r).is_some_and(|&mask| mask != 0.0) {
                continue;
            }
            for (largest, x) in scales.iter_mut().zip(row) {
                *largest = larger(*largest, x.abs());
            }
        }
        for scale in scales {
            *scale = scale_of(*scale);
        }
    }

    /// Columns as integers, those of four rows side by side: byte `r % 4` of `words[r / 4, c]` is that of row
    /// `r` and column `c`, 0 where there is no such row. `inverses` are reciprocals of the columns' scales,
    /// `words` come with the distance from four rows to the next. `sums` is what each column's integers
    /// add up to.
    pub(crate) fn columns_to_words(
        rows: Rows<'_>, inverses: &[f32], words: (&mut [u32], usize), sums: &mut [i32],
    ) {
        let (n, count) = (rows.columns.min(MOST_COLUMNS), rows.rows);
        let (inverses, sums) = (&inverses[..n], &mut sums[..n]);
        sums.fill(0);
        let mut integers = [[0; MOST_COLUMNS]; 4];
        for (step, words) in words.0.chunks_exact_mut(words.1).enumerate() {
            // Row by row, and only then side by side: all at once would not become vectors.
            for (r, integers) in integers.iter_mut().enumerate() {
                if 4 * step + r >= count {
                    integers.fill(0);
                    continue;
                }
                let row = rows.row(4 * step + r).iter().zip(inverses);
                for ((x, inverse), to) in row.zip(integers) {
                    *to = integer(*x, *inverse);
                }
            }
            let [a, b, c, d] = &integers;
            let columns = words[..n].iter_mut().zip(sums.iter_mut()).enumerate();
            // Told once more how many there are, it does not look at every one.
            for (i, (to, sum)) in columns.take(MOST_COLUMNS) {
                *sum += (a[i] + b[i]) + (c[i] + d[i]);
                *to = word([a[i], b[i], c[i], d[i]]);
            }
        }
    }

    /// `2^(score - largest)` of every row of `stride` scores, a multiple of [`LANES`], as integers of which the
    /// largest is [`TOP`], their bytes with `offset`, and the reciprocals of what each row's integers add up to.
    /// What is not a number has integer 0.
    pub(crate) fn weights_to_bytes(
        scores: &[f32], stride: usize, offset: i32, bytes: &mut [u8], inverses: &mut [f32],
    ) {
        let groups = scores.chunks(TOGETHER * stride).zip(bytes.chunks_mut(TOGETHER * stride));
        for ((rows, bytes), inverses) in groups.zip(inverses.chunks_mut(TOGETHER)) {
            let count = (rows.len() / stride).min(TOGETHER);
            let window = |r: usize| r * stride..(r + 1) * stride;
            let mut largest = [0f32; TOGETHER];
            for r in 0..count {
                let mut lanes = [f32::NEG_INFINITY; LANES];
                for line in rows[window(r)].as_chunks::<LANES>().0 {
                    for i in 0..LANES {
                        lanes[i] = larger(lanes[i], line[i]);
                    }
                }
                largest[r] = combine_lanes(lanes, larger);
            }
            let mut sums = [[0i32; LANES]; TOGETHER];
            for r in 0..count {
                let mut lanes = [0i32; LANES];
                let lines = rows[window(r)].as_chunks::<LANES>().0;
                let bytes = bytes[window(r)].as_chunks_mut::<LANES>().0;
                for (line, bytes) in lines.iter().zip(bytes) {
                    // Three loops, or they would not become vectors.
                    let mut weights = [0; LANES];
                    for i in 0..LANES {
                        weights[i] = weight(line[i] - largest[r]);
                    }
                    for i in 0..LANES {
                        lanes[i] += weights[i];
                    }
                    for i in 0..LANES {
                        bytes[i] = (weights[i] + offset) as u8;
                    }
                }
                sums[r] = lanes;
            }
            for (inverse, sums) in inverses.iter_mut().zip(&sums) {
                *inverse = 1.0 / sums.iter().sum::<i32>() as f32;
            }
        }
    }
}

/// The integer of a number, not a number being the least; as in [`quantize`](super::quantize).
#[inline(always)]
fn integer(x: f32, inverse: f32) -> i32 {
    let a = x * inverse;
    let a = if a > -MOST { a } else { -MOST };
    let a = if a < MOST { a } else { MOST };
    (a + ROUNDER).to_bits() as i32 - ROUNDER.to_bits() as i32
}

/// Four bytes, the first in the lowest place of memory.
#[inline(always)]
fn word(bytes: [i32; 4]) -> u32 {
    let low = (bytes[0] & 255) | (bytes[1] & 255) << 8;
    ((low | (bytes[2] & 255) << 16 | bytes[3] << 24) as u32).to_le()
}

/// `TOP * 2^x` to the nearest integer, for an `x` that is at most 0, by a cubic polynomial of which the
/// relative error, the smallest that is possible, is 1e-4.
#[inline(always)]
fn weight(x: f32) -> i32 {
    let x = if x > LOWEST { x } else { LOWEST };
    let rounded = x + ROUNDER;
    let f = x - (rounded - ROUNDER);
    let p = 13.972_312f32;
    let p = p.mul_add(f, 61.521_587);
    let p = p.mul_add(f, 176.093_86);
    let p = p.mul_add(f, TOP as f32);
    // Times 2^n: the low bits of `rounded` hold n, the others are shifted out.
    let scaled = f32::from_bits(p.to_bits().wrapping_add(rounded.to_bits() << 23));
    (scaled + ROUNDER).to_bits() as i32 - ROUNDER.to_bits() as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Isa;

    #[test]
    fn a_weight_is_a_power_of_two_in_steps() {
        for i in 0..2_000_000 {
            let x = -(i as f32) * 1.1e-5;
            let exact = f64::from(TOP) * f64::from(x).exp2();
            let error = (f64::from(weight(x)) - exact).abs();
            assert!(error < 0.53, "{x}: {} for {exact}", weight(x));
        }
        assert_eq!(weight(0.0), TOP);
        assert_eq!([f32::NAN, f32::NEG_INFINITY, -1e4].map(weight), [0; 3]);
    }

    #[test]
    fn rows_have_the_integers_of_their_own_scale() {
        let values: Vec<f32> = (0..3 * 21).map(|i| (i * 37 % 41) as f32 - 20.0).collect();
        let (mut bytes, mut scales, mut sums) = (vec![9; 3 * 24], [0.0; 3], [0; 3]);
        let rows = Rows {
            values: &values,
            stride: 21,
            rows: 3,
            columns: 20,
        };
        let into = (&mut bytes[..], 24);
        rows_to_bytes(Isa::PORTABLE, rows, 127, into, &mut scales, &mut sums);
        for r in 0..3 {
            let row = rows.row(r);
            let largest = row.iter().fold(0f32, |most, x| most.max(x.abs()));
            assert_eq!(scales[r], largest / 127.0);
            let integers = row
                .iter()
                .map(|x| (x * (1.0 / scales[r])).round_ties_even());
            let found = bytes[r * 24..][..20].iter().map(|&b| f32::from(b) - 127.0);
            assert!(found.eq(integers.clone()));
            assert_eq!(sums[r] as f32, integers.sum::<f32>());
        }
    }

    #[test]
    fn columns_that_are_left_out_change_no_scale() {
        let values = [1.0, -254.0, 500.0, 3.0, -2.0, 0.0, 900.0, 900.0];
        let mut scales = [0.0; 2];
        let rows = Rows {
            values: &values,
            stride: 2,
            rows: 3,
            columns: 2,
        };
        column_scales(Isa::PORTABLE, rows, &[0.0, -1e4, 0.0], &mut scales);
        assert_eq!(scales, [2.0 / 127.0, 2.0]);
    }
}
