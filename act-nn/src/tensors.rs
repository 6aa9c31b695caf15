//! From numbers to tensors and back, on any backend.

use burn::tensor::backend::Backend;
use burn::tensor::{Element, Int, Tensor, TensorData};

/// A tensor in the backend's own float type. (`Tensor::from_data` alone takes the device's default
/// type, whatever the backend's.)
pub(crate) fn tensor<B: Backend, const D: usize>(
    values: Vec<impl Element>,
    shape: [usize; D],
    device: &B::Device,
) -> Tensor<B, D> {
    Tensor::from_data(
        TensorData::new(values, shape),
        (device, B::FloatElem::dtype()),
    )
}

/// Ids as a 1-D integer tensor.
pub(crate) fn int_row<B: Backend>(ids: &[u32], device: &B::Device) -> Tensor<B, 1, Int> {
    let ids: Vec<i64> = ids.iter().map(|&i| i64::from(i)).collect();
    let n = ids.len();
    Tensor::from_data(TensorData::new(ids, [n]), device)
}

/// The numbers of a tensor, row by row.
pub(crate) fn to_vec<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f32> {
    let data = tensor.into_data().convert::<f32>();
    data.into_vec().expect("converted to f32 just now")
}
