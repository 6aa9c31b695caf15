//! What attention does between its products: the softmax with dropout, and its gradient. Probabilities
//! are stored once, in the type of the products; the backward pass computes their dropout again.
//!
//! Scores are `[batch, heads, queries, longest]`. Padding is 0.

use burn::tensor::DType;
use burn_cubecl::CubeRuntime;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::dropout::{Masks, factor};
use super::heads::Spans;
use super::{empty, input, of_rows, row_max, row_sum};

/// One row of scores: sequence, its length, first element of the row, and of its dropout.
#[cube]
fn score_row(
    row: u32,
    spans: &Array<u32>,
    heads: u32,
    queries: u32,
    longest: u32,
) -> (u32, u32, u32, u32) {
    let query = row % queries;
    let head = (row / queries) % heads;
    let sequence = row / (queries * heads);
    let length = spans[(2u32 * sequence + 1u32) as usize];
    let asking = min(length, queries);
    // Rows of padding have no keys.
    let keys = select(query < asking, length, 0u32);
    (
        sequence,
        keys,
        row * longest,
        (head * asking + query) * length,
    )
}

#[cube(launch)]
fn softmax_kernel<T: Float>(
    scores: &Array<f32>,
    bias: &Array<f32>,
    spans: &Array<u32>,
    examples: &Array<u32>,
    probabilities: &mut Array<T>,
    dropped: &mut Array<T>,
    rows: u32,
    heads: u32,
    queries: u32,
    longest: u32,
    scale: f32,
    threshold: u32,
    factor_kept: f32,
    #[comptime] masked: bool,
    #[comptime] drop: bool,
    #[define(T)] _products: StorageType,
) {
    let mut shared = SharedMemory::<f32>::new(128usize);
    let row = CUBE_POS as u32 * CUBE_DIM_Y + UNIT_POS_Y;
    let within = row < rows;
    let (sequence, keys, start, index) =
        score_row(select(within, row, 0u32), spans, heads, queries, longest);
    let keys = select(within, keys, 0u32);
    let first = spans[(2u32 * sequence) as usize];
    let mut largest = f32::new(-1.0e30);
    let mut key = UNIT_POS_X;
    while key < keys {
        let mut score = scores[(start + key) as usize] * scale;
        if comptime!(masked) {
            score += bias[(first + key) as usize];
        }
        largest = max(largest, score);
        key += CUBE_DIM_X;
    }
    let largest = row_max(largest, &mut shared);
    let mut sum = 0.0f32;
    let mut key = UNIT_POS_X;
    while key < keys {
        let mut score = scores[(start + key) as usize] * scale;
        if comptime!(masked) {
            score += bias[(first + key) as usize];
        }
        sum += f32::exp(score - largest);
        key += CUBE_DIM_X;
    }
    let sum = row_sum(sum, &mut shared);
    if within {
        let mut key0 = 0u32;
        let mut key1 = 0u32;
        if comptime!(drop) {
            key0 = examples[(sequence * 3u32 + 1u32) as usize];
            key1 = examples[(sequence * 3u32 + 2u32) as usize];
        }
        let mut key = UNIT_POS_X;
        while key < longest {
            let place = (start + key) as usize;
            let mut p = 0.0f32;
            if key < keys {
                let mut score = scores[place] * scale;
                if comptime!(masked) {
                    score += bias[(first + key) as usize];
                }
                p = f32::exp(score - largest) / sum;
            }
            probabilities[place] = T::cast_from(p);
            if comptime!(drop) {
                let f = factor(index + key, key0, key1, threshold, factor_kept);
                dropped[place] = T::cast_from(p * f);
            }
            key += CUBE_DIM_X;
        }
    }
}

/// From the gradient of the dropped probabilities that of the scores, and the dropped probabilities again.
#[cube(launch)]
fn backward_kernel<T: Float>(
    probabilities: &Array<T>,
    gradient: &Array<f32>,
    spans: &Array<u32>,
    examples: &Array<u32>,
    of_scores: &mut Array<T>,
    dropped: &mut Array<T>,
    rows: u32,
    heads: u32,
    queries: u32,
    longest: u32,
    scale: f32,
    threshold: u32,
    factor_kept: f32,
    #[comptime] drop: bool,
    #[define(T)] _products: StorageType,
) {
    let mut shared = SharedMemory::<f32>::new(128usize);
    let row = CUBE_POS as u32 * CUBE_DIM_Y + UNIT_POS_Y;
    let within = row < rows;
    let (sequence, keys, start, index) =
        score_row(select(within, row, 0u32), spans, heads, queries, longest);
    let keys = select(within, keys, 0u32);
    let mut key0 = 0u32;
    let mut key1 = 0u32;
    if comptime!(drop) {
        key0 = examples[(sequence * 3u32 + 1u32) as usize];
        key1 = examples[(sequence * 3u32 + 2u32) as usize];
    }
    let mut sum = 0.0f32;
    let mut key = UNIT_POS_X;
    while key < keys {
        let place = (start + key) as usize;
        let p = f32::cast_from(probabilities[place]);
        let mut g = gradient[place];
        if comptime!(drop) {
            g *= factor(index + key, key0, key1, threshold, factor_kept);
        }
        sum += p * g;
        key += CUBE_DIM_X;
    }
    let sum = row_sum(sum, &mut shared);
    if within {
        let mut key = UNIT_POS_X;
        while key < longest {
            let place = (start + key) as usize;
            let mut d = 0.0f32;
            let mut kept = 0.0f32;
            if key < keys {
                let p = f32::cast_from(probabilities[place]);
                let mut g = gradient[place];
                kept = p;
                if comptime!(drop) {
                    let f = factor(index + key, key0, key1, threshold, factor_kept);
                    g *= f;
                    kept = p * f;
                }
                d = p * (g - sum) * scale;
            }
            of_scores[place] = T::cast_from(d);
            if comptime!(drop) {
                dropped[place] = T::cast_from(kept);
            }
            key += CUBE_DIM_X;
        }
    }
}

/// `softmax(scores * scale + bias)`, before and after dropout; `bias` is one number a token.
pub(crate) fn softmax<R: CubeRuntime>(
    scores: CubeTensor<R>,
    bias: Option<&CubeTensor<R>>,
    spans: &Spans<R>,
    (masks, scale): (&Masks<R>, f32),
    products: DType,
) -> [CubeTensor<R>; 2] {
    let shape @ [batch, heads, queries, longest] = scores.meta.shape().dims();
    let probabilities = empty(&scores, shape, products);
    let dropped = if masks.drop() {
        empty(&scores, shape, products)
    } else {
        empty(&scores, [1], products)
    };
    let client = scores.client.clone();
    let rows = batch * heads * queries;
    let (count, dim) = of_rows(rows);
    let none = empty(&scores, [1], DType::F32);
    softmax_kernel::launch::<R>(
        &client,
        count,
        dim,
        input(scores),
        bias.cloned().unwrap_or(none).into_array_arg(),
        spans.numbers.clone().into_array_arg(),
        masks.examples.clone().into_array_arg(),
        probabilities.clone().into_array_arg(),
        dropped.clone().into_array_arg(),
        rows as u32,
        heads as u32,
        queries as u32,
        longest as u32,
        scale,
        masks.threshold,
        masks.scale,
        bias.is_some(),
        masks.drop(),
        products.into(),
    );
    let dropped = if masks.drop() {
        dropped
    } else {
        probabilities.clone()
    };
    [probabilities, dropped]
}

/// The gradient of the scores, before they were scaled, from that of the dropped probabilities; and
/// the dropped probabilities.
pub(crate) fn softmax_backward<R: CubeRuntime>(
    probabilities: CubeTensor<R>,
    gradient: CubeTensor<R>,
    spans: &Spans<R>,
    (masks, scale): (&Masks<R>, f32),
) -> [CubeTensor<R>; 2] {
    let shape @ [batch, heads, queries, longest] = gradient.meta.shape().dims();
    let products = probabilities.dtype;
    let of_scores = empty(&gradient, shape, products);
    let dropped = if masks.drop() {
        empty(&gradient, shape, products)
    } else {
        empty(&gradient, [1], products)
    };
    let client = gradient.client.clone();
    let rows = batch * heads * queries;
    let (count, dim) = of_rows(rows);
    backward_kernel::launch::<R>(
        &client,
        count,
        dim,
        probabilities.clone().into_array_arg(),
        input(gradient),
        spans.numbers.clone().into_array_arg(),
        masks.examples.clone().into_array_arg(),
        of_scores.clone().into_array_arg(),
        dropped.clone().into_array_arg(),
        rows as u32,
        heads as u32,
        queries as u32,
        longest as u32,
        scale,
        masks.threshold,
        masks.scale,
        masks.drop(),
        products.into(),
    );
    let dropped = if masks.drop() { dropped } else { probabilities };
    [of_scores, dropped]
}
