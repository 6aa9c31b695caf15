//! The activations of the feed-forward blocks and their derivatives.

use act_core::Activation;
use burn::tensor::DType;
use burn_cubecl::CubeRuntime;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{empty, input, of_elements, size};

const RELU: u32 = 0;
const GELU: u32 = 1;
const GELU_TANH: u32 = 2;

fn number(activation: Activation) -> u32 {
    match activation {
        Activation::Relu => RELU,
        Activation::Gelu => GELU,
        Activation::GeluTanh => GELU_TANH,
    }
}

/// `sqrt(2 / pi)`.
const SQRT_2_BY_PI: f32 = 0.797_884_56;
/// `1 / sqrt(2 pi)`.
const DENSITY: f32 = 0.398_942_28;

#[cube(launch)]
fn activate_kernel(x: &Array<f32>, y: &mut Array<f32>, #[comptime] kind: u32) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let x = x[ABSOLUTE_POS];
    let mut value = max(x, 0.0f32);
    if comptime!(kind == GELU) {
        value = x * 0.5f32 * (1.0f32 + Erf::erf(x * std::f32::consts::FRAC_1_SQRT_2));
    }
    if comptime!(kind == GELU_TANH) {
        let inner = (x + x * x * x * 0.044_715f32) * SQRT_2_BY_PI;
        value = x * 0.5f32 * (1.0f32 + f32::tanh(inner));
    }
    y[ABSOLUTE_POS] = value;
}

#[cube(launch)]
fn gradient_kernel(x: &Array<f32>, dy: &Array<f32>, dx: &mut Array<f32>, #[comptime] kind: u32) {
    if ABSOLUTE_POS >= dx.len() {
        terminate!();
    }
    let x = x[ABSOLUTE_POS];
    let mut slope = select(x > 0.0f32, 1.0f32, 0.0f32);
    if comptime!(kind == GELU) {
        let phi = 0.5f32 * (1.0f32 + Erf::erf(x * std::f32::consts::FRAC_1_SQRT_2));
        slope = phi + x * DENSITY * f32::exp(x * x * (-0.5f32));
    }
    if comptime!(kind == GELU_TANH) {
        let t = f32::tanh((x + x * x * x * 0.044_715f32) * SQRT_2_BY_PI);
        let inner = (1.0f32 + x * x * 0.134_145f32) * SQRT_2_BY_PI;
        slope = 0.5f32 * (1.0f32 + t) + 0.5f32 * x * (1.0f32 - t * t) * inner;
    }
    dx[ABSOLUTE_POS] = dy[ABSOLUTE_POS] * slope;
}

/// The activation of every element.
pub(crate) fn activate<R: CubeRuntime>(x: CubeTensor<R>, kind: Activation) -> CubeTensor<R> {
    let [rows, width] = size(&x);
    let y = empty(&x, [rows, width], DType::F32);
    let client = x.client.clone();
    let (count, dim) = of_elements(rows * width);
    let out = y.clone().into_array_arg();
    activate_kernel::launch::<R>(&client, count, dim, input(x), out, number(kind));
    y
}

/// The gradient of [`activate`]'s input.
pub(crate) fn gradient<R: CubeRuntime>(
    x: CubeTensor<R>,
    dy: CubeTensor<R>,
    kind: Activation,
) -> CubeTensor<R> {
    let [rows, width] = size(&x);
    let dx = empty(&x, [rows, width], DType::F32);
    let client = x.client.clone();
    let (count, dim) = of_elements(rows * width);
    let out = dx.clone().into_array_arg();
    gradient_kernel::launch::<R>(&client, count, dim, input(x), input(dy), out, number(kind));
    dx
}
