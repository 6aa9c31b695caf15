//! The kernels of a GPU, in CubeCL: the same code for CUDA and Vulkan. Each file has the functions that run
//! on the device, and beside them those that launch them on tensors.
//!
//! Matrices are row-major and contiguous, `[rows, width]`. Where a row is reduced, `LANES` threads share it
//! and add in a fixed order, so that a kernel gives the same bits whenever it runs.

pub(super) mod activation;
pub(super) mod affine;
pub(super) mod attention;
pub(super) mod dropout;
pub(super) mod heads;
pub(super) mod norm;
pub(super) mod optimizer;
pub(super) mod rows;
pub(super) mod squares;
pub(super) mod sums;

use burn::tensor::{DType, Shape};
use burn_cubecl::CubeRuntime;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Threads that share a row.
pub(super) const LANES: u32 = 32;
/// Rows that a cube computes.
pub(super) const ROWS: u32 = 4;
/// Threads of a cube that computes element by element.
const ELEMENTS: u32 = 256;

/// Cubes in two dimensions: one alone may have no more than 65,535 of them.
fn cubes(count: usize) -> CubeCount {
    let count = count.max(1) as u32;
    let x = count.min(1 << 15);
    CubeCount::Static(x, count.div_ceil(x), 1)
}

/// Count and size of cubes for one thread an element.
fn of_elements(count: usize) -> (CubeCount, CubeDim) {
    (
        cubes(count.div_ceil(ELEMENTS as usize)),
        CubeDim::new_1d(ELEMENTS),
    )
}

/// Count and size of cubes for [`LANES`] threads a row.
fn of_rows(rows: usize) -> (CubeCount, CubeDim) {
    (
        cubes(rows.div_ceil(ROWS as usize)),
        CubeDim::new_2d(LANES, ROWS),
    )
}

/// New memory beside a tensor.
pub(super) fn empty<R: CubeRuntime, const D: usize>(
    like: &CubeTensor<R>,
    shape: [usize; D],
    dtype: DType,
) -> CubeTensor<R> {
    let (client, device) = (like.client.clone(), like.device.clone());
    empty_device_contiguous_dtype(client, device, Shape::new(shape), dtype)
}

/// Numbers of the host beside a tensor.
pub(super) fn sent<R: CubeRuntime>(like: &CubeTensor<R>, numbers: &[u32]) -> CubeTensor<R> {
    let handle = like.client.create_from_slice(u32::as_bytes(numbers));
    let shape = Shape::new([numbers.len()]);
    CubeTensor::new_contiguous(
        like.client.clone(),
        like.device.clone(),
        shape,
        handle,
        DType::U32,
    )
}

/// Numbers of the host beside a tensor.
pub(super) fn sent_floats<R: CubeRuntime>(like: &CubeTensor<R>, numbers: &[f32]) -> CubeTensor<R> {
    let handle = like.client.create_from_slice(f32::as_bytes(numbers));
    let shape = Shape::new([numbers.len()]);
    CubeTensor::new_contiguous(
        like.client.clone(),
        like.device.clone(),
        shape,
        handle,
        DType::F32,
    )
}

/// Rows and columns of a matrix.
pub(super) fn size<R: CubeRuntime>(x: &CubeTensor<R>) -> [usize; 2] {
    x.meta.shape().dims()
}

/// The argument of a kernel that reads.
fn input<R: CubeRuntime>(x: CubeTensor<R>) -> ArrayArg<R> {
    into_contiguous(x).into_array_arg()
}

/// The sum of a row's parts, in every thread of the row; all threads of the cube come here.
#[cube]
fn row_sum(part: f32, shared: &mut SharedMemory<f32>) -> f32 {
    let first = (UNIT_POS_Y * CUBE_DIM_X) as usize;
    let lane = UNIT_POS_X as usize;
    shared[first + lane] = part;
    sync_cube();
    let mut half = (CUBE_DIM_X / 2) as usize;
    while half > 0 {
        if lane < half {
            shared[first + lane] = shared[first + lane] + shared[first + lane + half];
        }
        sync_cube();
        half = half / 2;
    }
    let sum = shared[first];
    sync_cube();
    sum
}

/// The largest of a row's parts, likewise.
#[cube]
fn row_max(part: f32, shared: &mut SharedMemory<f32>) -> f32 {
    let first = (UNIT_POS_Y * CUBE_DIM_X) as usize;
    let lane = UNIT_POS_X as usize;
    shared[first + lane] = part;
    sync_cube();
    let mut half = (CUBE_DIM_X / 2) as usize;
    while half > 0 {
        if lane < half {
            shared[first + lane] = max(shared[first + lane], shared[first + lane + half]);
        }
        sync_cube();
        half = half / 2;
    }
    let largest = shared[first];
    sync_cube();
    largest
}

#[cube(launch)]
fn copy_kernel(x: &Array<f32>, y: &mut Array<f32>) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    y[ABSOLUTE_POS] = x[ABSOLUTE_POS];
}

/// Makes a tensor fit to be changed in place: copies it if somebody else holds it.
pub(super) fn own<R: CubeRuntime>(x: &mut CubeTensor<R>) {
    if !x.is_contiguous() {
        *x = into_contiguous(x.clone());
    }
    if x.can_mut() {
        return;
    }
    let y = empty(x, size(x), DType::F32);
    let (count, dim) = of_elements(x.meta.num_elements());
    let (from, to) = (x.clone().into_array_arg(), y.clone().into_array_arg());
    copy_kernel::launch::<R>(&x.client, count, dim, from, to);
    *x = y;
}
