//! Matrices that lie in slices, for ndarray's products: on the calling thread, by `matrixmultiply`.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, Ix2, ShapeBuilder as _, StrideShape};

/// `rows x columns`, row-major, consecutive rows `row_stride` apart.
///
/// # Panics
/// If they do not lie in the slice.
pub(crate) fn matrix(
    data: &[f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
) -> ArrayView2<'_, f32> {
    let shape = shape(rows, columns, row_stride);
    ArrayView2::from_shape(shape, data).expect("the rows lie in the slice")
}

/// As [`matrix`], for writing.
///
/// # Panics
/// If the rows overlap, too.
pub(crate) fn matrix_mut(
    data: &mut [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
) -> ArrayViewMut2<'_, f32> {
    let shape = shape(rows, columns, row_stride);
    ArrayViewMut2::from_shape(shape, data).expect("the rows lie in the slice, apart")
}

/// ndarray would look for the columns of no rows in the slice too, were they strided.
fn shape(rows: usize, columns: usize, row_stride: usize) -> StrideShape<Ix2> {
    if rows == 0 || columns == 0 {
        return (rows, columns).into();
    }
    (rows, columns).strides((row_stride, 1))
}

/// `a b` in fresh memory, row-major.
pub(crate) fn product(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>) -> Vec<f32> {
    let (rows, columns) = (a.nrows(), b.ncols());
    let mut c = vec![0.0; rows * columns];
    let mut view = matrix_mut(&mut c, rows, columns, columns);
    general_mat_mul(1.0, &a, &b, 0.0, &mut view);
    c
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
        let (a, b) = (matrix(&a, 2, 3, 4), matrix(&b, 2, 3, 3));
        general_mat_mul(2.0, &a, &b.t(), 1.0, &mut matrix_mut(&mut c, 2, 2, 3));
        assert_eq!(c, [24., 30., 7., 62., 62.]);
    }

    #[test]
    fn products_in_fresh_memory() {
        let a = [1., 2., 3., 4.];
        let a = matrix(&a, 2, 2, 2);
        assert_eq!(product(a, a.reversed_axes()), [5., 11., 11., 25.]);
        let nothing = product(matrix(&[], 2, 0, 0), matrix(&[], 0, 3, 3));
        assert_eq!(nothing, [0.0; 6]);
        assert!(product(matrix(&[], 0, 2, 2), a).is_empty());
    }

    #[test]
    #[should_panic(expected = "lie in the slice")]
    fn a_matrix_must_fit_its_slice() {
        matrix(&[0.0; 5], 2, 3, 3);
    }
}
