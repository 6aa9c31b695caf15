//! Products of double-precision matrices, each number summed in the order of the inner dimension.

use crate::kernels::simd::simd_fn;

/// Rows that are computed together.
const ROWS: usize = 4;
/// Columns that are computed together.
const COLUMNS: usize = 8;

/// Rows of a matrix, or of a part of it.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// The numbers; the first row begins at 0, the last may end with the slice.
    pub values: &'a [f64],
    /// From one row to the next.
    pub stride: usize,
}

/// Adds `a b` to the first `width` columns of `c`, whose rows are `stride` apart: `a` is
/// `[rows of c, depth]`, `b` is `[depth, width]`. On the calling thread.
///
/// # Panics
/// If an operand is too short.
pub fn add_product(
    (c, stride): (&mut [f64], usize),
    width: usize,
    a: Rows<'_>,
    b: Rows<'_>,
    depth: usize,
) {
    let mut panel = vec![[0.0; COLUMNS]; depth];
    for first in (0..width).step_by(COLUMNS) {
        let count = COLUMNS.min(width - first);
        for (k, packed) in panel.iter_mut().enumerate() {
            packed[..count].copy_from_slice(&b.values[k * b.stride + first..][..count]);
        }
        for (tile, rows) in c.chunks_mut(ROWS * stride).enumerate() {
            let here = rows.len().div_ceil(stride);
            let mut left: [&[f64]; ROWS] = [&[]; ROWS];
            for (r, left) in left.iter_mut().enumerate() {
                // Of rows that are not there the last is computed once more, and dropped.
                let row = tile * ROWS + r.min(here - 1);
                *left = &a.values[row * a.stride..][..depth];
            }
            let mut sums = [[0.0; COLUMNS]; ROWS];
            multiply(left, &panel, &mut sums);
            for (row, sums) in rows.chunks_mut(stride).zip(&sums) {
                let row = &mut row[first..first + count];
                row.iter_mut().zip(sums).for_each(|(c, sum)| *c += sum);
            }
        }
    }
}

simd_fn! {
    fn multiply(left: [&[f64]; ROWS], panel: &[[f64; COLUMNS]], sums: &mut [[f64; COLUMNS]; ROWS]) {
        let mut open = [[0.0; COLUMNS]; ROWS];
        let left = left.map(|row| &row[..panel.len()]);
        for (k, b) in panel.iter().enumerate() {
            for r in 0..ROWS {
                for c in 0..COLUMNS {
                    open[r][c] += left[r][k] * b[c];
                }
            }
        }
        *sums = open;
    }
}

simd_fn! {
    /// `row += factor * other`.
    pub fn add_scaled(row: &mut [f64], factor: f64, other: &[f64]) {
        for (x, y) in row.iter_mut().zip(other) {
            *x += factor * y;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn products_equal_the_definition_to_the_last_bit(
            (rows, depth, width) in (1usize..11, 0usize..7, 0usize..21),
            spare in 0usize..3,
        ) {
            let number = |i: usize| ((i * 2_654_435_761) % 1000) as f64 / 499.5 - 1.0;
            let matrix = |rows: usize, stride: usize, seed: usize| -> Vec<f64> {
                (0..rows * stride).map(|i| number(i + seed)).collect()
            };
            let (a, b) = (matrix(rows, depth + spare, 1), matrix(depth, width + spare, 5000));
            let mut c = matrix(rows, width + 1, 9000);
            let mut expected = c.clone();
            for i in 0..rows {
                for j in 0..width {
                    let terms = (0..depth).map(|k| a[i * (depth + spare) + k] * b[k * (width + spare) + j]);
                    expected[i * (width + 1) + j] += terms.fold(0.0, |sum, x| sum + x);
                }
            }
            let a = Rows { values: &a, stride: depth + spare };
            let b = Rows { values: &b, stride: width + spare };
            add_product((&mut c, width + 1), width, a, b, depth);
            prop_assert_eq!(c, expected);
        }
    }
}
