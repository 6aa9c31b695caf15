//! Dense matrices in double precision and their products.
//!
//! As much linear algebra as the least squares of pruning need and no more;
//! [`cholesky`](crate::cholesky) solves them. Products run on the current rayon pool in panels
//! whose results do not depend on the number of threads.

use matrixmultiply::dgemm;
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

    /// Rows and columns with the given indices.
    pub fn select(&self, indices: &[usize]) -> Self {
        let of_row = |&r: &usize| indices.iter().map(move |&c| self.at(r, c));
        Self {
            rows: indices.len(),
            columns: indices.len(),
            data: indices.iter().flat_map(of_row).collect(),
        }
    }

    /// Adds `aᵀ b`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn add_transposed_product(&mut self, a: &Matrix, b: &Matrix) {
        assert_eq!(
            (a.rows, a.columns, b.columns),
            (b.rows, self.rows, self.columns)
        );
        let transposed = |first: usize| View {
            data: &a.data[first.min(a.data.len())..],
            row_stride: 1,
            column_stride: a.columns,
        };
        self.add_panels(a.rows, transposed, b);
    }

    /// Adds `a b`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn add_product(&mut self, a: &Matrix, b: &Matrix) {
        assert_eq!(
            (a.columns, a.rows, b.columns),
            (b.rows, self.rows, self.columns)
        );
        let plain = |first: usize| View {
            data: &a.data[first * a.columns..],
            row_stride: a.columns,
            column_stride: 1,
        };
        self.add_panels(a.columns, plain, b);
    }

    /// Adds the product of a left factor, a view from any of its rows on, and `b`.
    pub(crate) fn add_panels<'a>(
        &mut self,
        inner: usize,
        left: impl Fn(usize) -> View<'a> + Sync,
        b: &Matrix,
    ) {
        if self.data.is_empty() || inner == 0 {
            return;
        }
        let columns = self.columns;
        let panels = self.data.par_chunks_mut(PANEL * columns).enumerate();
        panels.for_each(|(panel, c)| {
            let a = left(panel * PANEL);
            let rows = c.len() / columns;
            let last = (rows - 1) * a.row_stride + (inner - 1) * a.column_stride;
            assert!(last < a.data.len() && b.data.len() == inner * columns);
            // SAFETY: the largest index read of `a` is inside, as just asserted, `b` is
            // `inner x columns` and `c` an exclusive `rows x columns`; strides fit `isize`, being
            // at most the length of a slice.
            unsafe {
                dgemm(
                    rows,
                    inner,
                    columns,
                    1.0,
                    a.data.as_ptr(),
                    a.row_stride as isize,
                    a.column_stride as isize,
                    b.data.as_ptr(),
                    columns as isize,
                    1,
                    1.0,
                    c.as_mut_ptr(),
                    columns as isize,
                    1,
                );
            }
        });
    }
}

/// The left factor of a product.
pub(crate) struct View<'a> {
    pub(crate) data: &'a [f64],
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
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
