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
    assert!(fits(c.len(), a.rows, b.columns, row_stride));
    // SAFETY: `c` is exclusive and has room for the result, as just asserted.
    unsafe { sgemm(alpha, a, b, beta, c.as_mut_ptr(), row_stride) }
}

/// `a b` in fresh memory, row-major.
pub(crate) fn product(a: Mat<'_>, b: Mat<'_>) -> Vec<f32> {
    let len = a.rows * b.columns;
    let mut c = Vec::with_capacity(len);
    // SAFETY: `c` has room for the result; with `beta` 0 it is only written, every element of it
    // (also where `a` has no column), so that it is initialised afterwards.
    unsafe {
        sgemm(1.0, a, b, 0.0, c.as_mut_ptr(), b.columns);
        c.set_len(len);
    }
    c
}

/// The product itself.
///
/// # Safety
/// `c` must be valid for writes (and with `beta != 0` for reads) of `a.rows` rows of `b.columns`
/// elements, `row_stride` apart and disjoint, that nobody else looks at.
unsafe fn sgemm(alpha: f32, a: Mat<'_>, b: Mat<'_>, beta: f32, c: *mut f32, row_stride: usize) {
    assert_eq!(a.columns, b.rows);
    // SAFETY: `Mat::new` (and `t`, which only swaps the axes) keeps every index that the product
    // reads inside its slices; `c` is the caller's promise; strides fit `isize` because they are
    // at most the length of a slice.
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
            c,
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
    fn products_in_fresh_memory() {
        let a = [1., 2., 3., 4.];
        let a = Mat::new(&a, 2, 2, 2);
        assert_eq!(product(a, a.t()), [5., 11., 11., 25.]);
        assert_eq!(
            product(Mat::new(&[], 2, 0, 0), Mat::new(&[], 0, 3, 3)),
            [0.0; 6]
        );
        assert!(product(Mat::new(&[], 0, 2, 2), a).is_empty());
    }

    #[test]
    #[should_panic]
    fn a_matrix_must_fit_its_slice() {
        Mat::new(&[0.0; 5], 2, 3, 3);
    }
}
