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
        self.add_scaled(1.0, a.view().transposed(), b.view());
    }

    /// Adds `scale` times the product of two views.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn add_scaled(&mut self, scale: f64, a: View<'_>, b: View<'_>) {
        assert_eq!((a.rows, b.columns), (self.rows, self.columns));
        let columns = self.columns.max(1);
        let panels = self.data.par_chunks_mut(PANEL * columns).enumerate();
        panels.for_each(|(panel, c)| {
            let rows = c.len() / columns;
            let a = a.window(panel * PANEL, 0, rows, a.columns);
            accumulate(scale, a, b, c, columns);
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
            let (first, rows) = (panel * PANEL, c.len() / n);
            let end = first + rows;
            let a = x.view().window(0, first, x.rows, rows).transposed();
            accumulate(1.0, a, x.view().window(0, 0, x.rows, end), c, n);
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
    pub fn view(&self) -> View<'_> {
        View {
            data: &self.data,
            rows: self.rows,
            columns: self.columns,
            row_stride: self.columns,
            column_stride: 1,
        }
    }
}

/// A factor of a product: a matrix, a window of one, or the transpose of either.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    data: &'a [f64],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// Rows of equal length, one after the other.
    pub fn of_rows(data: &'a [f64], columns: usize) -> Self {
        Self {
            data,
            rows: data.len() / columns.max(1),
            columns,
            row_stride: columns,
            column_stride: 1,
        }
    }

    /// The transpose.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// `rows` rows from `row` on, of these `columns` columns from `column` on.
    ///
    /// # Panics
    /// If that is not inside.
    pub fn window(self, row: usize, column: usize, rows: usize, columns: usize) -> Self {
        assert!(row + rows <= self.rows && column + columns <= self.columns);
        let start = row * self.row_stride + column * self.column_stride;
        Self {
            data: &self.data[start.min(self.data.len())..],
            rows,
            columns,
            ..self
        }
    }

    /// True if nothing outside `data` is in it.
    fn is_inside(&self) -> bool {
        let last = |count: usize, stride: usize| count.saturating_sub(1) * stride;
        let end = last(self.rows, self.row_stride) + last(self.columns, self.column_stride);
        self.rows == 0 || self.columns == 0 || end < self.data.len()
    }
}

/// Adds `scale * a b` to the left upper corner of rows of `stride` numbers.
///
/// # Panics
/// If the shapes do not fit.
pub fn accumulate(scale: f64, a: View<'_>, b: View<'_>, c: &mut [f64], stride: usize) {
    let (rows, inner, columns) = (a.rows, a.columns, b.columns);
    assert_eq!(inner, b.rows);
    if rows == 0 || inner == 0 || columns == 0 {
        return;
    }
    assert!(a.is_inside() && b.is_inside());
    assert!(columns <= stride && (rows - 1) * stride + columns <= c.len());
    // SAFETY: both factors lie inside their slices and the sum inside the exclusive `c`, whose rows
    // do not overlap, as just asserted; strides fit `isize`, being at most the length of a slice.
    unsafe {
        dgemm(
            rows,
            inner,
            columns,
            scale,
            a.data.as_ptr(),
            a.row_stride as isize,
            a.column_stride as isize,
            b.data.as_ptr(),
            b.row_stride as isize,
            b.column_stride as isize,
            1.0,
            c.as_mut_ptr(),
            stride as isize,
            1,
        );
    }
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
            corner.add_scaled(-2.0, window.view().transposed().window(m - rows, 0, rows, k), b.view());
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
