//! Products of matrices with sums in single precision, whatever the type of their factors.

use std::sync::LazyLock;

use burn::tensor::{DType, TensorMetadata};
use burn_cubecl::CubeRuntime;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::ops::permute;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems};
use cubek::matmul::launch::{Strategy, launch_ref};
use cubek::matmul::routines::BlueprintStrategy;
use cubek::std::InputBinding;

use super::{empty, input, of_elements, own, size};

/// Multiplications from which on a product in bfloat16 is worth a kernel that takes three seconds to compile.
const LARGE: usize = 1 << 26;

/// What a product is computed with, the best first; a device that lacks what one needs (matrix units, copies
/// by descriptor) takes the next. Chosen on an NVIDIA H200 (docs/benchmarks/gpu.md): of large products
/// the first is two to four times as fast as the second, of small ones no faster. burn itself tries some twenty out for
/// every shape, which takes that card 25 seconds a shape.
fn strategies(large: bool) -> &'static [Strategy] {
    static ALL: LazyLock<[Strategy; 3]> = LazyLock::new(|| {
        [
            Strategy::SpecializedTmaMma(BlueprintStrategy::default()),
            Strategy::SimpleCyclicCmma(BlueprintStrategy::default()),
            Strategy::SimpleUnit(BlueprintStrategy::default()),
        ]
    });
    if large { &ALL[..] } else { &ALL[1..] }
}

/// `a b`, of matrices or of batches of matrices of the same type; the result is `f32`.
pub(crate) fn product<R: CubeRuntime>(a: CubeTensor<R>, b: CubeTensor<R>) -> CubeTensor<R> {
    let mut shape = a.shape();
    let last = shape.num_dims() - 1;
    let columns = b.meta.shape()[last];
    shape[last] = columns;
    let (client, device) = (a.client.clone(), a.device.clone());
    let y = empty_device_contiguous_dtype(client, device, shape, DType::F32);
    let (rows, inner) = (a.meta.shape()[last - 1], a.meta.shape()[last]);
    let large = a.dtype != DType::F32 && rows * inner * columns >= LARGE;
    let strategies = strategies(large);
    let refused = strategies
        .iter()
        .map_while(|strategy| launch(strategy, a.clone(), b.clone(), y.clone()).err());
    let refused: Vec<String> = refused.collect();
    assert!(
        refused.len() < strategies.len(),
        "no kernel multiplies these matrices: {refused:?}"
    );
    y
}

fn launch<R: CubeRuntime>(
    strategy: &Strategy,
    a: CubeTensor<R>,
    b: CubeTensor<R>,
    y: CubeTensor<R>,
) -> Result<(), String> {
    let client = y.client.clone();
    let [of_a, of_b, of_y] = [a.dtype, b.dtype, y.dtype].map(StorageType::from);
    let mut types = MatmulElems::from_globals(&MatmulGlobalElems {
        lhs: of_a,
        rhs: of_b,
        out: of_y,
    });
    let (a, b) = (
        InputBinding::new(a.binding(), of_a),
        InputBinding::new(b.binding(), of_b),
    );
    launch_ref(strategy, &client, a, b, y.binding(), &mut types).map_err(|e| format!("{e:?}"))
}

/// The last two dimensions exchanged, without moving anything.
pub(crate) fn transposed<R: CubeRuntime>(x: CubeTensor<R>) -> CubeTensor<R> {
    let rank = x.meta.shape().num_dims();
    let mut axes: Vec<usize> = (0..rank).collect();
    axes.swap(rank - 2, rank - 1);
    permute(x, &axes)
}

#[cube(launch)]
fn add_bias_kernel(bias: &Array<f32>, y: &mut Array<f32>, width: u32) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    y[ABSOLUTE_POS] = y[ABSOLUTE_POS] + bias[(ABSOLUTE_POS as u32 % width) as usize];
}

/// Adds a bias to every row of a product, in place.
pub(crate) fn add_bias<R: CubeRuntime>(y: CubeTensor<R>, bias: CubeTensor<R>) -> CubeTensor<R> {
    let [rows, width] = size(&y);
    let client = y.client.clone();
    let (count, dim) = of_elements(rows * width);
    let out = y.clone().into_array_arg();
    add_bias_kernel::launch::<R>(&client, count, dim, input(bias), out, width as u32);
    y
}

#[cube(launch)]
fn cast_kernel<T: Float>(x: &Array<f32>, y: &mut Array<T>, #[define(T)] _to: StorageType) {
    if ABSOLUTE_POS < y.len() {
        y[ABSOLUTE_POS] = T::cast_from(x[ABSOLUTE_POS]);
    }
}

/// `x`, which is `f32`, in another type.
pub(crate) fn cast<R: CubeRuntime>(x: CubeTensor<R>, dtype: DType) -> CubeTensor<R> {
    if x.dtype == dtype {
        return x;
    }
    let y = empty(&x, size(&x), dtype);
    let client = x.client.clone();
    let (count, dim) = of_elements(x.meta.num_elements());
    let out = y.clone().into_array_arg();
    cast_kernel::launch::<R>(&client, count, dim, input(x), out, dtype.into());
    y
}

#[cube(launch)]
fn add_kernel(b: &Array<f32>, a: &mut Array<f32>) {
    if ABSOLUTE_POS < a.len() {
        a[ABSOLUTE_POS] = a[ABSOLUTE_POS] + b[ABSOLUTE_POS];
    }
}

/// `a + b` of the same shape, in `a`'s memory where nobody else holds it.
pub(crate) fn add_to<R: CubeRuntime>(mut a: CubeTensor<R>, b: CubeTensor<R>) -> CubeTensor<R> {
    own(&mut a);
    let client = a.client.clone();
    let (count, dim) = of_elements(a.meta.num_elements());
    add_kernel::launch::<R>(&client, count, dim, input(b), a.clone().into_array_arg());
    a
}
