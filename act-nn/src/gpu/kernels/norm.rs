//! `layer_norm(residual + dropout(branch))` and its gradients.

use burn::tensor::DType;
use burn_cubecl::CubeRuntime;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::dropout::{Masks, example_of, factor};
use super::{empty, input, of_rows, row_sum, size};

/// What the backward pass needs.
#[derive(Clone, Debug)]
pub(crate) struct Saved<R: CubeRuntime> {
    /// The normalised rows, `[rows, width]`, before gamma and beta.
    pub(crate) normal: CubeTensor<R>,
    /// The reciprocal of each row's standard deviation, `[rows]`.
    pub(crate) rstd: CubeTensor<R>,
}

#[cube(launch)]
fn forward_kernel(
    branch: &Array<f32>,
    residual: &Array<f32>,
    gamma: &Array<f32>,
    beta: &Array<f32>,
    examples: &Array<u32>,
    y: &mut Array<f32>,
    normal: &mut Array<f32>,
    rstd: &mut Array<f32>,
    rows: u32,
    width: u32,
    eps: f32,
    count: u32,
    threshold: u32,
    scale: f32,
    #[comptime] drop: bool,
) {
    let mut shared = SharedMemory::<f32>::new(128usize);
    let row = CUBE_POS as u32 * CUBE_DIM_Y + UNIT_POS_Y;
    let start = row * width;
    let within = row < rows;
    let mut sum = 0.0f32;
    if within {
        let mut first = 0u32;
        let mut key0 = 0u32;
        let mut key1 = 0u32;
        if comptime!(drop) {
            let example = (example_of(row, examples, count) * 3u32) as usize;
            first = examples[example] * width;
            key0 = examples[example + 1];
            key1 = examples[example + 2];
        }
        let mut column = UNIT_POS_X;
        while column < width {
            let place = (start + column) as usize;
            let mut of_branch = branch[place];
            if comptime!(drop) {
                of_branch *= factor(start + column - first, key0, key1, threshold, scale);
            }
            let x = residual[place] + of_branch;
            normal[place] = x;
            sum += x;
            column += CUBE_DIM_X;
        }
    }
    let mean = row_sum(sum, &mut shared) / f32::cast_from(width);
    let mut squares = 0.0f32;
    if within {
        let mut column = UNIT_POS_X;
        while column < width {
            let x = normal[(start + column) as usize] - mean;
            squares += x * x;
            column += CUBE_DIM_X;
        }
    }
    let variance = row_sum(squares, &mut shared) / f32::cast_from(width);
    let scale = 1.0f32 / f32::sqrt(variance + eps);
    if within {
        let mut column = UNIT_POS_X;
        while column < width {
            let place = (start + column) as usize;
            let x = (normal[place] - mean) * scale;
            normal[place] = x;
            y[place] = x * gamma[column as usize] + beta[column as usize];
            column += CUBE_DIM_X;
        }
        if UNIT_POS_X == 0u32 {
            rstd[row as usize] = scale;
        }
    }
}

#[cube(launch)]
fn backward_kernel(
    dy: &Array<f32>,
    normal: &Array<f32>,
    rstd: &Array<f32>,
    gamma: &Array<f32>,
    examples: &Array<u32>,
    dx: &mut Array<f32>,
    dbranch: &mut Array<f32>,
    rows: u32,
    width: u32,
    count: u32,
    threshold: u32,
    kept: f32,
    #[comptime] drop: bool,
) {
    let mut shared = SharedMemory::<f32>::new(128usize);
    let row = CUBE_POS as u32 * CUBE_DIM_Y + UNIT_POS_Y;
    let start = row * width;
    let within = row < rows;
    let mut sum = 0.0f32;
    let mut product = 0.0f32;
    if within {
        let mut column = UNIT_POS_X;
        while column < width {
            let place = (start + column) as usize;
            let g = dy[place] * gamma[column as usize];
            sum += g;
            product += g * normal[place];
            column += CUBE_DIM_X;
        }
    }
    let mean = row_sum(sum, &mut shared) / f32::cast_from(width);
    let along = row_sum(product, &mut shared) / f32::cast_from(width);
    if within {
        let scale = rstd[row as usize];
        let mut first = 0u32;
        let mut key0 = 0u32;
        let mut key1 = 0u32;
        if comptime!(drop) {
            let example = (example_of(row, examples, count) * 3u32) as usize;
            first = examples[example] * width;
            key0 = examples[example + 1];
            key1 = examples[example + 2];
        }
        let mut column = UNIT_POS_X;
        while column < width {
            let place = (start + column) as usize;
            let g = dy[place] * gamma[column as usize];
            let d = (g - mean - normal[place] * along) * scale;
            dx[place] = d;
            if comptime!(drop) {
                dbranch[place] = d * factor(start + column - first, key0, key1, threshold, kept);
            }
            column += CUBE_DIM_X;
        }
    }
}

/// The normalised sum, and what is saved of it.
pub(crate) fn forward<R: CubeRuntime>(
    [branch, residual]: [CubeTensor<R>; 2],
    [gamma, beta]: [CubeTensor<R>; 2],
    eps: f32,
    masks: &Masks<R>,
) -> (CubeTensor<R>, Saved<R>) {
    let [rows, width] = size(&residual);
    let [y, normal] = [(); 2].map(|()| empty(&residual, [rows, width], DType::F32));
    let rstd = empty(&residual, [rows], DType::F32);
    let client = residual.client.clone();
    let (count, dim) = of_rows(rows);
    forward_kernel::launch::<R>(
        &client,
        count,
        dim,
        input(branch),
        input(residual),
        input(gamma),
        input(beta),
        masks.examples.clone().into_array_arg(),
        y.clone().into_array_arg(),
        normal.clone().into_array_arg(),
        rstd.clone().into_array_arg(),
        rows as u32,
        width as u32,
        eps,
        masks.count,
        masks.threshold,
        masks.scale,
        masks.drop(),
    );
    (y, Saved { normal, rstd })
}

/// The gradients of the branch and of the residual.
pub(crate) fn backward<R: CubeRuntime>(
    dy: CubeTensor<R>,
    saved: &Saved<R>,
    gamma: CubeTensor<R>,
    masks: &Masks<R>,
) -> [CubeTensor<R>; 2] {
    let [rows, width] = size(&saved.normal);
    let dx = empty(&dy, [rows, width], DType::F32);
    let dbranch = if masks.drop() {
        empty(&dy, [rows, width], DType::F32)
    } else {
        empty(&dy, [1], DType::F32)
    };
    let client = dy.client.clone();
    let (count, dim) = of_rows(rows);
    backward_kernel::launch::<R>(
        &client,
        count,
        dim,
        input(dy),
        saved.normal.clone().into_array_arg(),
        saved.rstd.clone().into_array_arg(),
        input(gamma),
        masks.examples.clone().into_array_arg(),
        dx.clone().into_array_arg(),
        dbranch.clone().into_array_arg(),
        rows as u32,
        width as u32,
        masks.count,
        masks.threshold,
        masks.scale,
        masks.drop(),
    );
    let dbranch = if masks.drop() { dbranch } else { dx.clone() };
    [dbranch, dx]
}
