//! Ragged rows as padded heads, `[batch, heads, longest, head_dim]`, and back. Padding is 0.

use burn::tensor::DType;
use burn_cubecl::CubeRuntime;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{empty, input, of_elements, sent, size};

/// First token and length of each sequence, `[batch * 2]`.
#[derive(Clone, Debug)]
pub(crate) struct Spans<R: CubeRuntime> {
    pub(super) numbers: CubeTensor<R>,
    batch: usize,
    /// Places of a sequence in the padded grid.
    longest: usize,
    /// Rows of the ragged matrix.
    rows: usize,
}

impl<R: CubeRuntime> Spans<R> {
    /// Sends the spans of sequences of these lengths to where a tensor is. `longest` is at least
    /// the longest of them.
    pub(crate) fn new(
        lengths: impl ExactSizeIterator<Item = usize>,
        longest: usize,
        like: &CubeTensor<R>,
    ) -> Self {
        let batch = lengths.len();
        let mut numbers = Vec::with_capacity(2 * batch);
        let mut rows = 0;
        for length in lengths {
            numbers.extend([rows as u32, length as u32]);
            rows += length;
        }
        Self {
            numbers: sent(like, &numbers),
            batch,
            longest,
            rows,
        }
    }
}

/// Place `(sequence, head, row, column)` of an element of `[batch, heads, longest, head_dim]`.
#[cube]
fn place(index: u32, heads: u32, longest: u32, head_dim: u32) -> (u32, u32, u32, u32) {
    let column = index % head_dim;
    let rest = index / head_dim;
    let row = rest % longest;
    let rest = rest / longest;
    (rest / heads, rest % heads, row, column)
}

#[cube(launch)]
fn split_kernel<T: Float>(
    x: &Array<f32>,
    spans: &Array<u32>,
    y: &mut Array<T>,
    heads: u32,
    longest: u32,
    head_dim: u32,
    #[define(T)] _products: StorageType,
) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let (sequence, head, row, column) = place(ABSOLUTE_POS as u32, heads, longest, head_dim);
    let first = spans[(2u32 * sequence) as usize];
    let mut value = 0.0f32;
    if row < spans[(2u32 * sequence + 1u32) as usize] {
        value = x[((first + row) * heads * head_dim + head * head_dim + column) as usize];
    }
    y[ABSOLUTE_POS] = T::cast_from(value);
}

#[cube(launch)]
fn merge_kernel(
    x: &Array<f32>,
    spans: &Array<u32>,
    y: &mut Array<f32>,
    heads: u32,
    longest: u32,
    head_dim: u32,
) {
    if ABSOLUTE_POS >= x.len() {
        terminate!();
    }
    let (sequence, head, row, column) = place(ABSOLUTE_POS as u32, heads, longest, head_dim);
    let first = spans[(2u32 * sequence) as usize];
    if row < spans[(2u32 * sequence + 1u32) as usize] {
        let target = (first + row) * heads * head_dim + head * head_dim + column;
        y[target as usize] = x[ABSOLUTE_POS];
    }
}

/// Ragged rows, `[tokens, heads * head_dim]`, as padded heads in the type of the products.
pub(crate) fn split<R: CubeRuntime>(
    x: CubeTensor<R>,
    spans: &Spans<R>,
    heads: usize,
    products: DType,
) -> CubeTensor<R> {
    let head_dim = size(&x)[1] / heads;
    let shape = [spans.batch, heads, spans.longest, head_dim];
    let y = empty(&x, shape, products);
    let client = x.client.clone();
    let (count, dim) = of_elements(shape.iter().product());
    split_kernel::launch::<R>(
        &client,
        count,
        dim,
        input(x),
        spans.numbers.clone().into_array_arg(),
        y.clone().into_array_arg(),
        heads as u32,
        spans.longest as u32,
        head_dim as u32,
        products.into(),
    );
    y
}

/// Padded heads as ragged rows.
pub(crate) fn merge<R: CubeRuntime>(x: CubeTensor<R>, spans: &Spans<R>) -> CubeTensor<R> {
    let [_, heads, longest, head_dim] = x.meta.shape().dims();
    let y = empty(&x, [spans.rows, heads * head_dim], DType::F32);
    let client = x.client.clone();
    let (count, dim) = of_elements(x.meta.num_elements());
    merge_kernel::launch::<R>(
        &client,
        count,
        dim,
        input(x),
        spans.numbers.clone().into_array_arg(),
        y.clone().into_array_arg(),
        heads as u32,
        longest as u32,
        head_dim as u32,
    );
    y
}
