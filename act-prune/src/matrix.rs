//! Dense matrices in double precision: products, Cholesky factors, solutions and inverses.
//!
//! As much linear algebra as the least squares of pruning need and no more. Products run on the
//! current rayon pool in panels whose results do not depend on the number of threads.

use matrixmultiply::dgemm;
use rayon::prelude::*;

/// Rows of a panel that one thread computes.
const PANEL: usize = 128;

/// Columns that are factored together.
const BLOCK: usize = 64;

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
    fn add_panels<'a>(
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
struct View<'a> {
    data: &'a [f64],
    row_stride: usize,
    column_stride: usize,
}

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
            let rows = below.par_chunks_mut(n).with_min_len(PANEL);
            rows.for_each(|row| finish_row(row, block, first, end));
        }
        Some(Self { lower: a })
    }

    /// `X` of `A X = B`, in place of `B`.
    pub fn solve(&self, mut b: Matrix) -> Matrix {
        let (n, columns) = (self.lower.rows, b.columns);
        assert_eq!(b.rows, n);
        if columns == 0 {
            return b;
        }
        for i in 0..n {
            let (done, rest) = b.data.split_at_mut(i * columns);
            let row = &mut rest[..columns];
            for (k, solved) in done.chunks_exact(columns).enumerate() {
                subtract(row, self.lower.at(i, k), solved);
            }
            let pivot = self.lower.at(i, i);
            row.iter_mut().for_each(|x| *x /= pivot);
        }
        for i in (0..n).rev() {
            let (rest, done) = b.data.split_at_mut((i + 1) * columns);
            let row = &mut rest[i * columns..];
            for (k, solved) in done.chunks_exact(columns).enumerate() {
                subtract(row, self.lower.at(i + 1 + k, i), solved);
            }
            let pivot = self.lower.at(i, i);
            row.iter_mut().for_each(|x| *x /= pivot);
        }
        b
    }

    /// `A⁻¹`, by panels of unit vectors.
    pub fn inverse(&self) -> Matrix {
        let n = self.lower.rows;
        let mut inverse = Matrix::zeros(n, n);
        let panels: Vec<Matrix> = (0..n.div_ceil(PANEL))
            .into_par_iter()
            .map(|panel| {
                let first = panel * PANEL;
                let columns = PANEL.min(n - first);
                let mut units = Matrix::zeros(n, columns);
                (0..columns).for_each(|c| units.data[(first + c) * columns + c] = 1.0);
                self.solve(units)
            })
            .collect();
        for (panel, solved) in panels.iter().enumerate() {
            let first = panel * PANEL;
            for r in 0..n {
                inverse.row_mut(r)[first..first + solved.columns].copy_from_slice(solved.row(r));
            }
        }
        inverse
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
    let rows = |row: usize| View {
        data: &a.data[(first + row) * n..],
        row_stride: n,
        column_stride: 1,
    };
    product.add_panels(first, rows, &earlier);
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

/// `row -= factor * other`.
pub(crate) fn subtract(row: &mut [f64], factor: f64, other: &[f64]) {
    row.iter_mut()
        .zip(other)
        .for_each(|(x, y)| *x -= factor * y);
}

#[cfg(test)]
mod tests {
    use act_core::Seed;
    use proptest::prelude::*;
    use rand::Rng;

    use super::*;

    fn random(seed: u64, rows: usize, columns: usize) -> Matrix {
        let mut rng = Seed(seed).stream("matrix");
        let mut matrix = Matrix::zeros(rows, columns);
        matrix.data.fill_with(|| 2.0 * rng.random::<f64>() - 1.0);
        matrix
    }

    fn naive(a: &Matrix, b: &Matrix) -> Matrix {
        let mut c = Matrix::zeros(a.rows, b.columns);
        for i in 0..a.rows {
            for j in 0..b.columns {
                c.data[i * b.columns + j] = (0..a.columns).map(|k| a.at(i, k) * b.at(k, j)).sum();
            }
        }
        c
    }

    fn transpose(a: &Matrix) -> Matrix {
        let mut t = Matrix::zeros(a.columns, a.rows);
        (0..a.rows).for_each(|r| (0..a.columns).for_each(|c| t.data[c * a.rows + r] = a.at(r, c)));
        t
    }

    fn assert_close(got: &Matrix, want: &Matrix) {
        assert_eq!((got.rows, got.columns), (want.rows, want.columns));
        for (g, w) in got.data.iter().zip(&want.data) {
            assert!((g - w).abs() < 1e-8 * w.abs().max(1.0), "{g} is not {w}");
        }
    }

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
        fn products_equal_the_definition(seed in 0u64..999, m in 0usize..150, k in 0usize..20, n in 0usize..9) {
            let (a, b) = (random(seed, m, k), random(seed + 1, k, n));
            let mut c = Matrix::zeros(m, n);
            c.add_product(&a, &b);
            assert_close(&c, &naive(&a, &b));
            c.data.fill(0.0);
            c.add_transposed_product(&transpose(&a), &b);
            assert_close(&c, &naive(&a, &b));
        }

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
            back.add_product(&a, &factor.solve(b.clone()));
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
