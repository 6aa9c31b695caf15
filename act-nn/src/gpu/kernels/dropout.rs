//! Dropout: the masks of [`crate::dropout`], to the bit, computed where they are needed.
//!
//! What a kernel is sent are three numbers an example: its first row, and the two halves of its mask's key.

use burn::tensor::DType;
use burn_cubecl::CubeRuntime;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{empty, input, of_elements, sent, size};
use crate::dropout::Dropout;

/// One use of dropout as kernels take it.
#[derive(Clone, Debug)]
pub(crate) struct Masks<R: CubeRuntime> {
    /// First row and key of each example, `[examples * 3]`; a single 0 where nothing is dropped.
    pub(super) examples: CubeTensor<R>,
    pub(super) count: u32,
    pub(super) threshold: u32,
    pub(super) scale: f32,
}

impl<R: CubeRuntime> Masks<R> {
    /// Sends the masks to where a tensor is.
    pub(crate) fn new(dropout: &Dropout, like: &CubeTensor<R>) -> Self {
        let examples = dropout.examples();
        let mut numbers = Vec::with_capacity(3 * examples.len());
        let mut first_row = 0;
        for (rows, mask) in examples {
            numbers.extend([first_row, mask.key[0], mask.key[1]]);
            first_row += *rows as u32;
        }
        let of_all = examples.first().map(|(_, mask)| *mask);
        if numbers.is_empty() {
            numbers.push(0);
        }
        Self {
            examples: sent(like, &numbers),
            count: examples.len() as u32,
            threshold: of_all.map_or(0, |mask| mask.threshold),
            scale: of_all.map_or(1.0, |mask| mask.scale),
        }
    }

    /// True if anything is dropped.
    pub(super) fn drop(&self) -> bool {
        self.count > 0
    }
}

/// What element `index` of an example is multiplied with: [`crate::dropout::Mask::factor`].
#[cube]
pub(super) fn factor(index: u32, key0: u32, key1: u32, threshold: u32, scale: f32) -> f32 {
    let mut x = index ^ key0;
    x = (x ^ (x >> 16u32)) * 0x7feb_352du32;
    x = (x ^ (x >> 15u32)) + key1;
    x = x * 0x846c_a68bu32;
    x = x ^ (x >> 16u32);
    select(x >= threshold, scale, 0.0f32)
}

/// The example, of `count`, that a row is of.
#[cube]
pub(super) fn example_of(row: u32, examples: &Array<u32>, count: u32) -> u32 {
    let mut low = 0u32;
    let mut high = count;
    while high - low > 1u32 {
        let middle = (low + high) / 2u32;
        if examples[(middle * 3u32) as usize] <= row {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cube(launch)]
fn masked_kernel(
    x: &Array<f32>,
    examples: &Array<u32>,
    y: &mut Array<f32>,
    count: u32,
    width: u32,
    threshold: u32,
    scale: f32,
) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let place = ABSOLUTE_POS as u32;
    let row = place / width;
    let example = (example_of(row, examples, count) * 3u32) as usize;
    let index = place - examples[example] * width;
    let f = factor(
        index,
        examples[example + 1],
        examples[example + 2],
        threshold,
        scale,
    );
    y[ABSOLUTE_POS] = x[ABSOLUTE_POS] * f;
}

/// Every element with its factor: dropout, and its gradient from that of the result.
pub(crate) fn masked<R: CubeRuntime>(x: CubeTensor<R>, masks: &Masks<R>) -> CubeTensor<R> {
    if !masks.drop() {
        return x;
    }
    let [rows, width] = size(&x);
    let y = empty(&x, [rows, width], DType::F32);
    let client = x.client.clone();
    let (count, dim) = of_elements(rows * width);
    masked_kernel::launch::<R>(
        &client,
        count,
        dim,
        input(x),
        masks.examples.clone().into_array_arg(),
        y.clone().into_array_arg(),
        masks.count,
        width as u32,
        masks.threshold,
        masks.scale,
    );
    y
}
