//! Matrix products with free strides, single-threaded: a safe face for `matrixmultiply`.

/// A matrix that lies in a slice with free strides.
#[derive(Clone, Copy)]
pub(crate) struct Mat<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Mat<'a> {
    /// `rows x columns`, row-major, consecutive rows `row_stride` apart.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(fits(data.len(), rows, columns, row_stride));
        Self {
            data,
            rows,
            columns,
            row_stride,
            column_stride: 1,
        }
    }

    /// The transpose, without moving anything.
    pub(crate) fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// Rows are disjoint and all of them lie inside `len` elements.
fn fits(len: usize, rows: usize, columns: usize, row_stride: usize) -> bool {
    columns <= row_stride && (rows == 0 || (rows - 1) * row_stride + columns <= len)
}

/// `c = alpha * a b + beta * c`, with `c` row-major and its rows `row_stride` apart.
pub(crate) fn gemm(
    alpha: f32,
    a: Mat<'_>,
    b: Mat<'_>,
    beta: f32,
    c: &mut [f32],
    row_stride: usize,
) {
    assert_eq!(a.columns, b.rows);
    assert!(fits(c.len(), a.rows, b.columns, row_stride));
    // SAFETY: `Mat::new` (and `t`, which only swaps the axes) and the assertion above keep every
    // index that the product touches inside the three slices; `c` is exclusive and its rows are
    // disjoint; strides fit `isize` because they are at most the length of a slice.
    unsafe {
        matrixmultiply::sgemm(
            a.rows,
            a.columns,
            b.columns,
            alpha,
            a.data.as_ptr(),
            a.row_stride as isize,
            a.column_stride as isize,
            b.data.as_ptr(),
            b.row_stride as isize,
            b.column_stride as isize,
            beta,
            c.as_mut_ptr(),
            row_stride as isize,
            1,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strided_and_transposed_products() {
        // a is the left 2 x 3 of a 2 x 4 matrix, b the transpose of a 2 x 3 matrix.
        let a = [1., 2., 3., 99., 4., 5., 6., 99.];
        let b = [1., 0., 2., 0., 1., 1.];
        let mut c = [10., 20., 7., 30., 40.];
        gemm(
            2.0,
            Mat::new(&a, 2, 3, 4),
            Mat::new(&b, 2, 3, 3).t(),
            1.0,
            &mut c,
            3,
        );
        assert_eq!(c, [24., 30., 7., 62., 62.]);
    }

    #[test]
    #[should_panic]
    fn a_matrix_must_fit_its_slice() {
        Mat::new(&[0.0; 5], 2, 3, 3);
    }
}
