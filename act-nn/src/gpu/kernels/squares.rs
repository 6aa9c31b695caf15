//! The norm of the whole gradient, which stays on the device: the host need not wait for the backward pass.

use burn::tensor::DType;
use burn_cubecl::CubeRuntime;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::optimizer::{EACH, TOGETHER, UNITS, cubes_of, filled, grid};
use super::{empty, input};

/// The sum of a cube's part of `x`, or of its squares.
#[cube]
fn sum_part(
    x: &Array<f32>,
    sums: &mut Array<f32>,
    first: u32,
    shared: &mut SharedMemory<f32>,
    #[comptime] square: bool,
) {
    let unit = UNIT_POS_X as usize;
    let start = CUBE_POS_X * UNITS * EACH + UNIT_POS_X;
    let mut sum = 0.0f32;
    let mut i = 0u32;
    while i < EACH {
        let place = (start + i * UNITS) as usize;
        if place < x.len() {
            if comptime!(square) {
                sum += x[place] * x[place];
            } else {
                sum += x[place];
            }
        }
        i += 1u32;
    }
    shared[unit] = sum;
    sync_cube();
    let mut half = (CUBE_DIM_X / 2u32) as usize;
    while half > 0 {
        if unit < half {
            shared[unit] = shared[unit] + shared[unit + half];
        }
        sync_cube();
        half = half / 2;
    }
    if UNIT_POS_X == 0u32 && ((CUBE_POS_X * UNITS * EACH) as usize) < x.len() {
        sums[(first + CUBE_POS_X) as usize] = shared[0];
    }
}

#[cube(launch)]
fn sum_kernel(
    x0: &Array<f32>,
    x1: &Array<f32>,
    x2: &Array<f32>,
    x3: &Array<f32>,
    sums: &mut Array<f32>,
    first0: u32,
    first1: u32,
    first2: u32,
    first3: u32,
    #[comptime] square: bool,
) {
    let mut shared = SharedMemory::<f32>::new(256usize);
    let which = CUBE_POS_Y;
    if which == 0u32 {
        sum_part(x0, sums, first0, &mut shared, square);
    } else if which == 1u32 {
        sum_part(x1, sums, first1, &mut shared, square);
    } else if which == 2u32 {
        sum_part(x2, sums, first2, &mut shared, square);
    } else {
        sum_part(x3, sums, first3, &mut shared, square);
    }
}

/// Sums of the parts of tensors, or of their squares, one after the other from `first` on.
fn sum_into<R: CubeRuntime>(
    tensors: &[CubeTensor<R>],
    sums: &CubeTensor<R>,
    mut first: u32,
    square: bool,
) -> u32 {
    for some in tensors.chunks(TOGETHER) {
        let mut firsts = Vec::new();
        for tensor in some {
            firsts.push(first);
            first += cubes_of(tensor);
        }
        let [x0, x1, x2, x3] = filled(some).map(input);
        let [first0, first1, first2, first3] = filled(&firsts);
        let out = sums.clone().into_array_arg();
        sum_kernel::launch::<R>(
            &sums.client,
            grid(some),
            CubeDim::new_1d(UNITS),
            x0,
            x1,
            x2,
            x3,
            out,
            first0,
            first1,
            first2,
            first3,
            square,
        );
    }
    first
}

/// The sum of the squares of all elements of all tensors, `[1]`.
pub(crate) fn sum_of_squares<R: CubeRuntime>(tensors: &[CubeTensor<R>]) -> CubeTensor<R> {
    let parts = tensors.iter().map(cubes_of).sum::<u32>();
    let mut sums = empty(&tensors[0], [parts as usize], DType::F32);
    sum_into(tensors, &sums, 0, true);
    while sums.meta.num_elements() > 1 {
        let next = empty(&sums, [cubes_of(&sums) as usize], DType::F32);
        sum_into(&[sums], &next, 0, false);
        sums = next;
    }
    sums
}
