//! The CPU backend's operations: fused kernels on slices, each one node of the autodiff graph.
//!
//! The same operations as [`crate::backend`]'s default bodies, with a hand-written backward pass
//! where burn would chain many elementary ones, each with a pass over memory and an allocation.
//! Here is how slices become tensors and back; [`plain`] and [`graph`] are the operations without
//! and with gradients.

mod graph;
mod plain;

use std::borrow::Cow;

use burn::backend::autodiff::Autodiff;
use burn::backend::ndarray::{NdArrayTensor, SharedArray};
use burn::tensor::TensorMetadata;

use crate::backend::ActBackend;

type Cpu = burn::backend::NdArray;
type Graph = Autodiff<Cpu>;

impl ActBackend for Cpu {
    type Graph = Graph;
    const THREADS: bool = true;
    const MICRO_BATCH: usize = 8;
}

/// The numbers of a tensor; copied only if they do not lie row by row.
fn slice(tensor: &NdArrayTensor) -> Cow<'_, [f32]> {
    let NdArrayTensor::F32(storage) = tensor else {
        unreachable!("the encoder computes in f32 only");
    };
    let view = storage.view();
    match view.to_slice() {
        Some(slice) => Cow::Borrowed(slice),
        None => Cow::Owned(view.iter().copied().collect()),
    }
}

/// The numbers of a tensor row by row, to be changed in place; copied if somebody else holds them.
fn owned(tensor: NdArrayTensor) -> SharedArray<f32> {
    let NdArrayTensor::F32(storage) = tensor else {
        unreachable!("the encoder computes in f32 only");
    };
    let array = storage.into_owned();
    if array.is_standard_layout() {
        return array;
    }
    array.as_standard_layout().into_owned().into_shared()
}

fn slice_mut(array: &mut SharedArray<f32>) -> &mut [f32] {
    array
        .as_slice_mut()
        .expect("`owned` gives the standard layout")
}

/// A tensor of `[values / columns, columns]`.
fn matrix(values: Vec<f32>, columns: usize) -> NdArrayTensor {
    let rows = values.len() / columns;
    SharedArray::from_shape_vec(vec![rows, columns], values)
        .expect("rows * columns is the number of values")
        .into()
}

fn columns(tensor: &NdArrayTensor) -> usize {
    tensor.shape()[1]
}

/// Some rows of a matrix, in the given order.
fn pick_rows(x: &NdArrayTensor, indices: &[u32]) -> NdArrayTensor {
    let columns = columns(x);
    let x = slice(x);
    let mut y = Vec::with_capacity(indices.len() * columns);
    for &i in indices {
        y.extend_from_slice(&x[i as usize * columns..][..columns]);
    }
    matrix(y, columns)
}

/// Adds rows to some rows of a matrix: the gradient of [`pick_rows`].
fn add_rows(x: &mut [f32], indices: &[u32], rows: &[f32], columns: usize) {
    for (&i, row) in indices.iter().zip(rows.chunks_exact(columns)) {
        let place = &mut x[i as usize * columns..][..columns];
        place.iter_mut().zip(row).for_each(|(p, r)| *p += r);
    }
}
