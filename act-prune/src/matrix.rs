//! Dense matrices in double precision and their products.
//!
//! As much linear algebra as the least squares of pruning need and no more;
//! [`cholesky`](crate::cholesky) solves them. Products run on the current rayon pool in panels
//! whose results do not depend on the number of threads.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, s};
use rayon::prelude::*;

/// Rows of a panel that one thread computes.
const PANEL: usize = 128;

/// A matrix, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// All numbers, row by row.
    pub data: Vec<f64>,
}

impl Matrix {
    /// Zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        let data = vec![0.0; rows * columns];
        Self {
            rows,
            columns,
            data,
        }
    }

    /// The transpose of single-precision numbers, row-major `[rows, columns]`.
    pub fn transposed(values: &[f32], rows: usize, columns: usize) -> Self {
        let mut matrix = Self::zeros(columns, rows);
        for (r, row) in values.chunks_exact(columns.max(1)).enumerate().take(rows) {
            for (c, &value) in row.iter().enumerate() {
                matrix.data[c * rows + r] = f64::from(value);
            }
        }
        matrix
    }

    /// The transpose in single precision, row-major.
    pub fn to_transposed_f32(&self) -> Vec<f32> {
        let columns = 0..self.columns;
        columns
            .flat_map(|c| (0..self.rows).map(move |r| self.at(r, c) as f32))
            .collect()
    }

    /// A number.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.data[row * self.columns + column]
    }

    /// A row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.data[row * self.columns..(row + 1) * self.columns]
    }

    /// A row, to be changed.
    pub fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.data[row * self.columns..(row + 1) * self.columns]
    }

    /// All rows, to be changed.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f64]> {
        self.data.chunks_exact_mut(self.columns.max(1))
    }

    /// The rows with the given indices.
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        Self {
            rows: rows.len(),
            columns: self.columns,
            data: rows.iter().flat_map(|&r| self.row(r)).copied().collect(),
        }
    }

    /// The columns with the given indices.
    pub fn select_columns(&self, columns: &[usize]) -> Self {
        let of_row = |r: usize| columns.iter().map(move |&c| self.at(r, c));
        Self {
            rows: self.rows,
            columns: columns.len(),
            data: (0..self.rows).flat_map(of_row).collect(),
        }
    }

    /// Adds the rows of a matrix of as many columns below.
    pub fn append(&mut self, rows: Matrix) {
        assert_eq!(self.columns, rows.columns);
        self.rows += rows.rows;
        self.data.extend(rows.data);
    }

    /// Rows and columns with the given indices.
    pub fn select(&self, indices: &[usize]) -> Self {
        let of_row = |&r: &usize| indices.iter().map(move |&c| self.at(r, c));
        Self {
            rows: indices.len(),
            columns: indices.len(),
            data: indices.iter().flat_map(of_row).collect(),
        }
    }

    /// Adds `a b`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn add_product(&mut self, a: &Matrix, b: &Matrix) {
        self.add_scaled(1.0, a.view(), b.view());
    }

    /// Adds `aᵀ b`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn add_transposed_product(&mut self, a: &Matrix, b: &Matrix) {
        self.add_scaled(1.0, a.view().reversed_axes(), b.view());
    }

    /// Adds `scale` times the product of two views.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn add_scaled(&mut self, scale: f64, a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) {
        assert_eq!((a.nrows(), b.ncols()), (self.rows, self.columns));
        let columns = self.columns.max(1);
        let panels = self.data.par_chunks_mut(PANEL * columns).enumerate();
        panels.for_each(|(panel, c)| {
            let mut c = as_rows_mut(c, columns);
            let first = panel * PANEL;
            let a = a.slice(s![first..first + c.nrows(), ..]);
            general_mat_mul(scale, &a, &b, 1.0, &mut c);
        });
    }

    /// Adds the lower triangle of `xᵀ x`, and a little of what is above; see
    /// [`Matrix::mirror_lower`].
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn add_lower_gram(&mut self, x: &Matrix) {
        assert_eq!((self.rows, self.columns), (x.columns, x.columns));
        let n = self.columns.max(1);
        let panels = self.data.par_chunks_mut(PANEL * n).enumerate();
        panels.for_each(|(panel, c)| {
            let mut c = as_rows_mut(c, n);
            let first = panel * PANEL;
            let end = first + c.nrows();
            let (a, b) = (x.view(), x.view());
            let (a, b) = (a.slice(s![.., first..end]), b.slice(s![.., ..end]));
            general_mat_mul(1.0, &a.t(), &b, 1.0, &mut c.slice_mut(s![.., ..end]));
        });
    }

    /// Copies the lower triangle over the upper.
    pub fn mirror_lower(&mut self) {
        for r in 0..self.rows {
            for c in 0..r {
                self.data[c * self.columns + r] = self.data[r * self.columns + c];
            }
        }
    }

    /// The whole.
    pub fn view(&self) -> ArrayView2<'_, f64> {
        let shape = (self.rows, self.columns);
        ArrayView2::from_shape(shape, &self.data).expect("rows of equal length")
    }
}

/// Rows of so many numbers, one after the other.
///
/// # Panics
/// If the numbers are not whole rows.
pub fn as_rows(data: &[f64], columns: usize) -> ArrayView2<'_, f64> {
    let rows = data.len() / columns.max(1);
    ArrayView2::from_shape((rows, columns), data).expect("rows of equal length")
}

/// The same, to be changed.
///
/// # Panics
/// If the numbers are not whole rows.
pub fn as_rows_mut(data: &mut [f64], columns: usize) -> ArrayViewMut2<'_, f64> {
    let rows = data.len() / columns.max(1);
    ArrayViewMut2::from_shape((rows, columns), data).expect("rows of equal length")
}

/// `row -= factor * other`.
pub(crate) fn subtract(row: &mut [f64], factor: f64, other: &[f64]) {
    row.iter_mut()
        .zip(other)
        .for_each(|(x, y)| *x -= factor * y);
}

#[cfg(test)]
pub(crate) mod testing {
    use act_core::Seed;
    use rand::Rng;

    use super::Matrix;

    pub(crate) fn random(seed: u64, rows: usize, columns: usize) -> Matrix {
        let mut rng = Seed(seed).stream("matrix");
        let mut matrix = Matrix::zeros(rows, columns);
        matrix.data.fill_with(|| 2.0 * rng.random::<f64>() - 1.0);
        matrix
    }

    pub(crate) fn naive(a: &Matrix, b: &Matrix) -> Matrix {
        let mut c = Matrix::zeros(a.rows, b.columns);
        for i in 0..a.rows {
            for j in 0..b.columns {
                c.data[i * b.columns + j] = (0..a.columns).map(|k| a.at(i, k) * b.at(k, j)).sum();
            }
        }
        c
    }

    pub(crate) fn transpose(a: &Matrix) -> Matrix {
        let mut t = Matrix::zeros(a.columns, a.rows);
        (0..a.rows).for_each(|r| (0..a.columns).for_each(|c| t.data[c * a.rows + r] = a.at(r, c)));
        t
    }

    pub(crate) fn assert_close(got: &Matrix, want: &Matrix) {
        assert_eq!((got.rows, got.columns), (want.rows, want.columns));
        for (g, w) in got.data.iter().zip(&want.data) {
            assert!((g - w).abs() < 1e-8 * w.abs().max(1.0), "{g} is not {w}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::testing::{assert_close, naive, random, transpose};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn products_equal_the_definition(seed in 0u64..999, m in 0usize..150, k in 0usize..20, n in 0usize..9) {
            let (a, b) = (random(seed, m, k), random(seed + 1, k, n));
            let mut c = Matrix::zeros(m, n);
            c.add_product(&a, &b);
            assert_close(&c, &naive(&a, &b));
            c.data.fill(0.0);
            c.add_transposed_product(&transpose(&a), &b);
            assert_close(&c, &naive(&a, &b));
            let mut gram = Matrix::zeros(m, m);
            gram.add_lower_gram(&transpose(&a));
            gram.mirror_lower();
            assert_close(&gram, &naive(&a, &transpose(&a)));
            let rows = m / 2;
            let mut corner = Matrix::zeros(rows, n);
            let window = transpose(&a);
            let below = window.view().reversed_axes().slice_move(s![m - rows.., ..]);
            corner.add_scaled(-2.0, below, b.view());
            let last: Vec<usize> = (m - rows..m).collect();
            corner.data.iter_mut().for_each(|x| *x /= -2.0);
            assert_close(&corner, &naive(&a, &b).select_rows(&last));
        }
    }

    #[test]
    fn selections_and_transposes() {
        let m = Matrix::transposed(&[1., 2., 3., 4., 5., 6.], 2, 3);
        assert_eq!((m.rows, m.columns), (3, 2));
        assert_eq!(m.data, [1., 4., 2., 5., 3., 6.]);
        assert_eq!(m.to_transposed_f32(), [1., 2., 3., 4., 5., 6.]);
        assert_eq!(m.select_rows(&[2, 0]).data, [3., 6., 1., 4.]);
        let square = Matrix {
            rows: 3,
            columns: 3,
            data: (0..9).map(f64::from).collect(),
        };
        assert_eq!(square.select(&[0, 2]).data, [0., 2., 6., 8.]);
    }
}
