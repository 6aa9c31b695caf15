//! Cholesky factors of symmetric positive definite matrices.

use super::product::{Rows, add_product};
use super::threads::share;

/// Columns that are factored together.
const BLOCK: usize = 64;
/// Rows that a thread takes at once.
const ROWS: usize = 32;

/// Puts the factor `L` of `a = L Lᵀ`, `[n, n]`, in the place of `a`, of which the lower triangle is read;
/// what is above it afterwards is of no meaning. False, and no factor, if `a` is not positive definite
/// to working precision, or not finite.
///
/// # Panics
/// If `a` is not `[n, n]`.
#[must_use]
pub fn cholesky(a: &mut [f64], n: usize, threads: usize) -> bool {
    assert_eq!(a.len(), n * n, "only square matrices have a factor");
    for first in (0..n).step_by(BLOCK) {
        let end = n.min(first + BLOCK);
        let (above, below) = a.split_at_mut(end * n);
        let block = &mut above[first * n..];
        if !factor(block, n, first) {
            return false;
        }
        let rows = below.chunks_mut(ROWS * n);
        share(threads, rows, |rows| {
            for row in rows.chunks_mut(n) {
                finish_row(row, block, first, end);
            }
        });
        subtract_block(below, n, first, end, threads);
    }
    true
}

/// The factor of the block on the diagonal: its rows, from column `first` on.
fn factor(block: &mut [f64], n: usize, first: usize) -> bool {
    for i in 0..block.len() / n {
        let (above, row) = block.split_at_mut(i * n);
        let row = &mut row[..n];
        finish_row(row, above, first, first + i);
        let before = row[first + i];
        let known = &row[first..first + i];
        let pivot = before - known.iter().map(|x| x * x).sum::<f64>();
        // A NaN is not greater either.
        if !(pivot > f64::EPSILON * before.abs() && pivot.is_finite()) {
            return false;
        }
        row[first + i] = pivot.sqrt();
    }
    true
}

/// Columns `first..end` of a row of the factor, given the block's rows of these numbers.
fn finish_row(row: &mut [f64], block: &[f64], first: usize, end: usize) {
    for (j, above) in (first..end).zip(block.chunks_exact(row.len())) {
        let pairs = row[first..j].iter().zip(&above[first..j]);
        let known: f64 = pairs.map(|(x, y)| x * y).sum();
        row[j] = (row[j] - known) / above[j];
    }
}

/// Takes what the finished columns account for from the rows below the block, up to the diagonal.
fn subtract_block(below: &mut [f64], n: usize, first: usize, end: usize, threads: usize) {
    let (count, depth) = (below.len() / n, end - first);
    // The block's columns as rows, negative.
    let mut turned = vec![0.0; depth * count];
    for (i, row) in below.chunks_exact(n).enumerate() {
        for (k, x) in row[first..end].iter().enumerate() {
            turned[k * count + i] = -x;
        }
    }
    let right = Rows {
        values: &turned,
        stride: count,
    };
    // The longest first, so that no thread waits for one.
    let pieces = below.chunks_mut(ROWS * n).enumerate().rev();
    share(threads, pieces, |(piece, rows)| {
        let here = rows.len() / n;
        let mut left = vec![0.0; here * depth];
        for (left, row) in left.chunks_exact_mut(depth).zip(rows.chunks_exact(n)) {
            left.copy_from_slice(&row[first..end]);
        }
        let left = Rows {
            values: &left,
            stride: depth,
        };
        let width = piece * ROWS + here;
        let open = &mut rows[end..];
        add_product((open, n), width, left, right, depth);
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `XᵀX + I` of numbers without a pattern.
    fn definite(seed: usize, n: usize) -> Vec<f64> {
        let x = |k: usize, i: usize| {
            let mixed = (k * 7919 + i * 104_729 + seed + 1) * 2_654_435_761;
            (mixed >> 8) as f64 % 1000.0 / 499.5 - 1.0
        };
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..n {
                let sum: f64 = (0..8).map(|k| x(k, i) * x(k, j)).sum();
                a[i * n + j] = sum + f64::from(u8::from(i == j));
            }
        }
        a
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn factors_give_the_matrix_back_whatever_the_threads(seed in 0usize..999, n in 1usize..220) {
            let a = definite(seed, n);
            let mut factor = a.clone();
            prop_assert!(cholesky(&mut factor, n, 1));
            let mut same = a.clone();
            prop_assert!(cholesky(&mut same, n, 3));
            for i in 0..n {
                prop_assert_eq!(&factor[i * n..=i * n + i], &same[i * n..=i * n + i]);
                for j in 0..=i {
                    let rows = factor[i * n..][..=j].iter().zip(&factor[j * n..]);
                    let product: f64 = rows.map(|(x, y)| x * y).sum();
                    prop_assert!((product - a[i * n + j]).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        let has = |mut a: [f64; 4]| cholesky(&mut a, 2, 1);
        assert!(!has([1.0, 1.0, 1.0, 1.0]));
        assert!(!has([-1.0, 0.0, 0.0, 1.0]));
        assert!(!has([f64::NAN, 0.0, 0.0, 1.0]));
        assert!(!has([f64::INFINITY, 0.0, 0.0, 1.0]));
        assert!(has([2.0, 1.0, 1.0, 2.0]));
    }
}
