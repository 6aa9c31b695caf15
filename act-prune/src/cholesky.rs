//! Cholesky factors of symmetric positive definite matrices, and the solutions and inverses that
//! come from them.
//!
//! Blocked, so that most of the work is matrix products, and split into panels of fixed size among
//! the current rayon pool, so that results do not depend on the number of threads.

use ndarray::linalg::general_mat_mul;
use ndarray::s;
use rayon::prelude::*;

use crate::matrix::{Matrix, as_rows, as_rows_mut, subtract};

/// Columns that are factored together.
const BLOCK: usize = 64;
/// Rows of the factor that one thread finishes, at least.
const ROWS: usize = 128;
/// Right-hand sides that one thread solves together.
const PANEL: usize = 256;

/// The Cholesky factor `L` of a symmetric positive definite matrix `A = L Lᵀ`.
pub struct Cholesky {
    /// Lower triangle; what is above it is of no meaning.
    lower: Matrix,
}

impl Cholesky {
    /// Factors `a`, of which the lower triangle is read, block column by block column. `None` if
    /// it is not positive definite to working precision, or not finite.
    pub fn new(mut a: Matrix) -> Option<Self> {
        assert_eq!(a.rows, a.columns, "only square matrices have a factor");
        let n = a.rows;
        for first in (0..n).step_by(BLOCK) {
            let end = n.min(first + BLOCK);
            subtract_earlier(&mut a, first, end);
            for i in first..end {
                let (above, row) = a.data.split_at_mut(i * n);
                finish_row(&mut row[..n], &above[first * n..], first, i);
                let before = a.at(i, i);
                let row = &a.row(i)[first..i];
                let pivot = before - dot(row, row);
                // A NaN is not greater either.
                let definite = pivot > f64::EPSILON * before.abs() && pivot.is_finite();
                if !definite {
                    return None;
                }
                a.row_mut(i)[i] = pivot.sqrt();
            }
            let (above, below) = a.data.split_at_mut(end * n);
            let block = &above[first * n..];
            let rows = below.par_chunks_mut(n).with_min_len(ROWS);
            rows.for_each(|row| finish_row(row, block, first, end));
        }
        Some(Self { lower: a })
    }

    /// `X` of `A X = B`.
    pub fn solve(&self, b: &Matrix) -> Matrix {
        assert_eq!(b.rows, self.lower.rows);
        self.panels(b.columns, |first, panel| {
            for (row, from) in panel.rows_mut().zip(b.data.chunks_exact(b.columns)) {
                row.copy_from_slice(&from[first..first + row.len()]);
            }
            0
        })
    }

    /// `A⁻¹`.
    pub fn inverse(&self) -> Matrix {
        let mut inverse = self.panels(self.lower.rows, |first, panel| {
            for c in 0..panel.columns {
                panel.row_mut(first + c)[c] = 1.0;
            }
            first
        });
        inverse.mirror_lower();
        inverse
    }

    /// Solves for right-hand sides panel by panel: `fill` is told a panel's first column and its
    /// zeros, and says before which row it leaves zeros: those are not solved for.
    fn panels(&self, columns: usize, fill: impl Fn(usize, &mut Matrix) -> usize + Sync) -> Matrix {
        let n = self.lower.rows;
        let firsts: Vec<usize> = (0..columns).step_by(PANEL).collect();
        let solve = |&first: &usize| {
            let mut panel = Matrix::zeros(n, PANEL.min(columns - first));
            let start = fill(first, &mut panel);
            self.substitute(&mut panel, start);
            panel
        };
        let panels: Vec<Matrix> = firsts.par_iter().map(solve).collect();
        let mut solved = Matrix::zeros(n, columns);
        for (&first, panel) in firsts.iter().zip(&panels) {
            for r in 0..n {
                let row = panel.row(r);
                solved.row_mut(r)[first..first + row.len()].copy_from_slice(row);
            }
        }
        solved
    }

    /// `A⁻¹ B` in the place of `B` from row `start` on, where the rows before it are zeros: block by
    /// block, what the rows solved so far account for first, as a product.
    fn substitute(&self, b: &mut Matrix, start: usize) {
        let (n, columns) = (b.rows, b.columns);
        let lower = self.lower.view();
        let start = start / BLOCK * BLOCK;
        for first in (start..n).step_by(BLOCK) {
            let count = BLOCK.min(n - first);
            let (solved, open) = b.data.split_at_mut(first * columns);
            let solved = as_rows(&solved[start * columns..], columns);
            let open = &mut open[..count * columns];
            let known = lower.slice(s![first..first + count, start..first]);
            general_mat_mul(-1.0, &known, &solved, 1.0, &mut as_rows_mut(open, columns));
            self.forward(open, first, columns);
        }
        for first in (start..n).step_by(BLOCK).rev() {
            let count = BLOCK.min(n - first);
            let (open, solved) = b.data.split_at_mut((first + count) * columns);
            let open = &mut open[first * columns..];
            let solved = as_rows(solved, columns);
            let known = lower.slice(s![first + count.., first..first + count]);
            let open_rows = &mut as_rows_mut(open, columns);
            general_mat_mul(-1.0, &known.t(), &solved, 1.0, open_rows);
            self.backward(open, first, columns);
        }
    }

    /// Solves the block's own rows from `first` on with the factor.
    fn forward(&self, rows: &mut [f64], first: usize, columns: usize) {
        for i in 0..rows.len() / columns {
            let (done, rest) = rows.split_at_mut(i * columns);
            let row = &mut rest[..columns];
            let factors = &self.lower.row(first + i)[first..first + i];
            let solved = done.chunks_exact(columns).zip(factors);
            solved.for_each(|(solved, &factor)| subtract(row, factor, solved));
            let pivot = self.lower.at(first + i, first + i);
            row.iter_mut().for_each(|x| *x /= pivot);
        }
    }

    /// The same with the factor's transpose.
    fn backward(&self, rows: &mut [f64], first: usize, columns: usize) {
        for i in (0..rows.len() / columns).rev() {
            let (above, rest) = rows.split_at_mut(i * columns);
            let row = &mut rest[..columns];
            let pivot = self.lower.at(first + i, first + i);
            row.iter_mut().for_each(|x| *x /= pivot);
            let factors = &self.lower.row(first + i)[first..first + i];
            let open = above.chunks_exact_mut(columns).zip(factors);
            open.for_each(|(open, &factor)| subtract(open, factor, row));
        }
    }
}

/// Takes from columns `first..end` of a matrix, from row `first` on, what the finished columns
/// before them account for.
fn subtract_earlier(a: &mut Matrix, first: usize, end: usize) {
    let n = a.columns;
    let mut earlier = Matrix::zeros(first, end - first);
    for j in first..end {
        for (c, &value) in a.row(j)[..first].iter().enumerate() {
            earlier.row_mut(c)[j - first] = value;
        }
    }
    let mut product = Matrix::zeros(n - first, end - first);
    let rows = a.view().slice_move(s![first.., ..first]);
    product.add_scaled(1.0, rows, earlier.view());
    for (i, product) in (first..n).zip(product.data.chunks_exact(end - first)) {
        subtract(&mut a.row_mut(i)[first..end], 1.0, product);
    }
}

/// Columns `first..end` of a row of the factor, given the block's rows of these numbers.
fn finish_row(row: &mut [f64], block: &[f64], first: usize, end: usize) {
    for (j, above) in (first..end).zip(block.chunks_exact(row.len())) {
        let known = dot(&row[first..j], &above[first..j]);
        row[j] = (row[j] - known) / above[j];
    }
}

/// Sum of products, in eight running sums so that it vectorises.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a
        .remainder()
        .iter()
        .zip(b.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (a, b) in a.zip(b) {
        for (sum, (x, y)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::matrix::testing::{assert_close, random, transpose};

    /// `XᵀX + I` of random numbers.
    fn definite(seed: u64, n: usize) -> Matrix {
        let x = random(seed, n, n);
        let mut a = Matrix::zeros(n, n);
        a.add_transposed_product(&x, &x);
        (0..n).for_each(|i| a.row_mut(i)[i] += 1.0);
        a
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn factors_solutions_and_inverses_give_the_matrix_back(seed in 0u64..999, n in 1usize..300) {
            let a = definite(seed, n);
            let factor = Cholesky::new(a.clone()).unwrap();
            let mut lower = factor.lower.clone();
            (0..n).for_each(|i| lower.row_mut(i)[i + 1..].fill(0.0));
            let mut product = Matrix::zeros(n, n);
            product.add_product(&lower, &transpose(&lower));
            assert_close(&product, &a);
            let b = random(seed + 1, n, 3);
            let mut back = Matrix::zeros(n, 3);
            back.add_product(&a, &factor.solve(&b));
            assert_close(&back, &b);
            let mut identity = Matrix::zeros(n, n);
            identity.add_product(&a, &factor.inverse());
            (0..n).for_each(|i| identity.row_mut(i)[i] -= 1.0);
            prop_assert!(identity.data.iter().all(|x| x.abs() < 1e-8));
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        let matrix = |data: [f64; 4]| Matrix {
            rows: 2,
            columns: 2,
            data: data.to_vec(),
        };
        assert!(Cholesky::new(matrix([1.0, 1.0, 1.0, 1.0])).is_none());
        assert!(Cholesky::new(matrix([-1.0, 0.0, 0.0, 1.0])).is_none());
        assert!(Cholesky::new(matrix([f64::NAN, 0.0, 0.0, 1.0])).is_none());
        assert!(Cholesky::new(matrix([f64::INFINITY, 0.0, 0.0, 1.0])).is_none());
        assert!(Cholesky::new(matrix([2.0, 1.0, 1.0, 2.0])).is_some());
    }
}
