//! Sums over the rows of a matrix.

use burn::tensor::DType;
use burn_cubecl::CubeRuntime;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{empty, input, size};

/// Columns that a cube adds up, side by side.
const COLUMNS: u32 = 32;
/// Threads that share a column.
const SHARE: u32 = 8;
/// Rows that a cube adds up.
const CHUNK: u32 = 64;

/// What is added up.
const OF_A: u32 = 0;
/// `a` into the first result, `a * b` into the second.
const OF_PRODUCT_TOO: u32 = 1;
/// `a` into the first result, `b` into the second.
const OF_BOTH: u32 = 2;

/// Sums of the columns of `CHUNK` rows.
#[cube(launch)]
fn column_sums_kernel(
    a: &Array<f32>,
    b: &Array<f32>,
    of_a: &mut Array<f32>,
    of_b: &mut Array<f32>,
    rows: u32,
    width: u32,
    #[comptime] what: u32,
) {
    let mut shared = SharedMemory::<f32>::new(512usize);
    let column = CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X;
    let first = CUBE_POS_Y * CHUNK;
    let last = min(first + CHUNK, rows);
    let mut sum = 0.0f32;
    let mut other = 0.0f32;
    if column < width {
        let mut row = first + UNIT_POS_Y;
        while row < last {
            let place = (row * width + column) as usize;
            sum += a[place];
            if comptime!(what == OF_PRODUCT_TOO) {
                other += a[place] * b[place];
            }
            if comptime!(what == OF_BOTH) {
                other += b[place];
            }
            row += CUBE_DIM_Y;
        }
    }
    let unit = (UNIT_POS_Y * CUBE_DIM_X + UNIT_POS_X) as usize;
    shared[unit] = sum;
    shared[unit + 256] = other;
    sync_cube();
    if UNIT_POS_Y == 0u32 && column < width {
        let mut total = 0.0f32;
        let mut rest = 0.0f32;
        let mut part = 0u32;
        while part < CUBE_DIM_Y {
            let unit = (part * CUBE_DIM_X + UNIT_POS_X) as usize;
            total += shared[unit];
            rest += shared[unit + 256];
            part += 1u32;
        }
        let place = (CUBE_POS_Y * width + column) as usize;
        of_a[place] = total;
        if comptime!(what != OF_A) {
            of_b[place] = rest;
        }
    }
}

fn chunks<R: CubeRuntime>(a: CubeTensor<R>, b: CubeTensor<R>, what: u32) -> [CubeTensor<R>; 2] {
    let [rows, width] = size(&a);
    let chunks = rows.div_ceil(CHUNK as usize).max(1);
    let of_a = empty(&a, [chunks, width], DType::F32);
    let of_b = if what == OF_A {
        empty(&a, [1, 1], DType::F32)
    } else {
        empty(&a, [chunks, width], DType::F32)
    };
    let client = a.client.clone();
    column_sums_kernel::launch::<R>(
        &client,
        CubeCount::Static((width as u32).div_ceil(COLUMNS), chunks as u32, 1),
        CubeDim::new_2d(COLUMNS, SHARE),
        input(a),
        input(b),
        of_a.clone().into_array_arg(),
        of_b.clone().into_array_arg(),
        rows as u32,
        width as u32,
        what,
    );
    [of_a, of_b]
}

/// The sums of the columns of `a`, `[1, width]`.
pub(crate) fn columns<R: CubeRuntime>(a: CubeTensor<R>) -> CubeTensor<R> {
    let [mut sums, _] = chunks(a.clone(), a, OF_A);
    while size(&sums)[0] > 1 {
        [sums, _] = chunks(sums.clone(), sums, OF_A);
    }
    sums
}

/// The sums of the columns of `a` and of `a * b`, `[1, width]` each.
pub(crate) fn columns_and_product<R: CubeRuntime>(
    a: CubeTensor<R>,
    b: CubeTensor<R>,
) -> [CubeTensor<R>; 2] {
    let [mut sums, mut products] = chunks(a, b, OF_PRODUCT_TOO);
    while size(&sums)[0] > 1 {
        [sums, products] = chunks(sums, products, OF_BOTH);
    }
    [sums, products]
}
