//! Attention and relations of ordinary tensor operations, over sequences that are padded to the
//! longest one.

use std::ops::Range;

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{FloatDType, Tensor};

use super::Ops;
use crate::dropout::{Dropout, MaskRows, Queries};
use crate::shapes::{AttentionShape, RelationShape, Turns};
use crate::tensors::tensor;

/// Attention of ordinary tensor operations, padded to the longest sequence.
pub(crate) fn attention<B: Ops>(
    q: Tensor<B, 2>,
    k: Tensor<B, 2>,
    v: Tensor<B, 2>,
    shape: &AttentionShape,
    dropout: Dropout,
) -> Tensor<B, 2> {
    biased_attention([q, k, v], None, shape, dropout)
}

/// The same, with numbers added to the scores.
pub(super) fn biased_attention<B: Ops>(
    [q, k, v]: [Tensor<B, 2>; 3],
    added: Option<Tensor<B, 4>>,
    shape: &AttentionShape,
    dropout: Dropout,
) -> Tensor<B, 2> {
    let device = q.device();
    let batch = shape.lengths.len();
    let longest = shape.lengths.iter().copied().max().unwrap_or(0);
    let (heads, head_dim) = (shape.heads, shape.head_dim);
    let layout = Padding::new(&shape.lengths, longest);
    let queries = match shape.queries {
        Queries::All => longest,
        Queries::First => 1,
    };
    let split = |x: Tensor<B, 2>, rows| x.reshape([batch, rows, heads, head_dim]).swap_dims(1, 2);
    let pad = |x| split(B::rows(x, &layout.gather), longest);
    let q = match shape.queries {
        Queries::All => pad(q),
        Queries::First => split(q, 1),
    };
    let (k, v) = (pad(k), pad(v));
    let bias = layout.key_bias(shape.key_bias.as_deref());
    let bias = tensor::<B, 4>(bias, [batch, 1, 1, longest], &device);
    let product = |a: Tensor<B, 4>, b: Tensor<B, 4>| match shape.products {
        None => a.matmul(b),
        Some(products) => {
            let (high, low) = (FloatDType::from(a.dtype()), FloatDType::from(products));
            a.cast(low).matmul(b.cast(low)).cast(high)
        }
    };
    let mut scores = product(q, k.transpose()) / (head_dim as f64).sqrt() + bias;
    if let Some(added) = added {
        scores = scores + added;
    }
    if shape.window.is_some() {
        let rows = (0..queries).map(|place| shape.counted(place, longest));
        let of_row = |counted: Range<usize>| {
            (0..longest).map(move |key| if counted.contains(&key) { 0.0 } else { -1e30 })
        };
        let window: Vec<f32> = rows.flat_map(of_row).collect();
        scores = scores + tensor::<B, 4>(window, [1, 1, queries, longest], &device);
    }
    let mut probabilities = softmax(scores, 3);
    if !dropout.is_off() {
        let rows = MaskRows::of_attention(&dropout, &shape.lengths, heads, queries);
        let shape = [batch, heads, queries, longest];
        probabilities = probabilities * tensor::<B, 4>(rows.factors(longest), shape, &device);
    }
    let context = product(probabilities, v)
        .swap_dims(1, 2)
        .reshape([batch * queries, heads * head_dim]);
    match shape.queries {
        Queries::All => B::rows(context, &layout.scatter),
        Queries::First => context,
    }
}

/// [`Ops::turn`] of ordinary tensor operations.
pub(super) fn turn<B: Ops>(x: Tensor<B, 2>, turns: &Turns) -> Tensor<B, 2> {
    let ([rows, width], device) = (x.dims(), x.device());
    let (heads, pairs) = (width / turns.head_dim, turns.head_dim / 2);
    let column = |first: usize| {
        let rows_of = turns.rows.chunks_exact(turns.head_dim);
        let values: Vec<f32> = rows_of
            .flat_map(|row| &row[first..first + pairs])
            .copied()
            .collect();
        tensor::<B, 4>(values, [rows, 1, 1, pairs], &device)
    };
    let (cosine, sine) = (column(0), column(pairs));
    let halves = x.reshape([rows, heads, 2, pairs]);
    let (a, b) = (halves.clone().narrow(2, 0, 1), halves.narrow(2, 1, 1));
    let first = a.clone() * cosine.clone() - b.clone() * sine.clone();
    let second = b * cosine + a * sine;
    Tensor::cat(vec![first, second], 2).reshape([rows, width])
}

/// Relations of ordinary tensor operations, padded to the longest sequence.
pub(super) fn relations<B: Ops>(
    student: Tensor<B, 2>,
    teacher: Tensor<B, 2>,
    shape: &RelationShape,
) -> Tensor<B, 2> {
    let device = student.device();
    let batch = shape.lengths.len();
    let longest = shape.lengths.iter().copied().max().unwrap_or(0);
    let layout = Padding::new(&shape.lengths, longest);
    let bias = layout.key_bias(shape.key_bias.as_deref());
    let bias = tensor::<B, 4>(bias, [batch, 1, 1, longest], &device);
    let log_relations = |x: Tensor<B, 2>| {
        let head_dim = x.dims()[1] / shape.heads;
        let x = B::rows(x, &layout.gather)
            .reshape([batch, longest, shape.heads, head_dim])
            .swap_dims(1, 2);
        let scores = x.clone().matmul(x.transpose()) / (head_dim as f64).sqrt();
        log_softmax(scores + bias.clone(), 3)
    };
    let (student, teacher) = (log_relations(student), log_relations(teacher));
    let divergence = (teacher.clone().exp() * (teacher - student)).sum_dim(3);
    let mut shares = vec![0f32; batch * longest];
    for (row, &length) in shares.chunks_exact_mut(longest.max(1)).zip(&*shape.lengths) {
        row[..length].fill(1.0 / (shape.heads * length) as f32);
    }
    let shares = tensor::<B, 4>(shares, [batch, 1, longest, 1], &device);
    (divergence * shares).sum().reshape([1, 1])
}

/// How ragged sequences lie in a padded `[batch, longest]` grid.
struct Padding {
    /// For each place of the grid its token (0 for padding).
    gather: Vec<u32>,
    /// For each token its place in the grid.
    scatter: Vec<u32>,
}

impl Padding {
    fn new(lengths: &[usize], longest: usize) -> Self {
        let mut gather = vec![0; lengths.len() * longest];
        let mut scatter = Vec::new();
        for (row, &length) in lengths.iter().enumerate() {
            for column in 0..length {
                let place = row * longest + column;
                gather[place] = scatter.len() as u32;
                scatter.push(place as u32);
            }
        }
        Self { gather, scatter }
    }

    /// The keys' bias in the grid; padding gets a number that no score can outweigh.
    fn key_bias(&self, of_tokens: Option<&[f32]>) -> Vec<f32> {
        let mut bias = vec![-1e30; self.gather.len()];
        for (token, &place) in self.scatter.iter().enumerate() {
            bias[place as usize] = of_tokens.map_or(0.0, |b| b[token]);
        }
        bias
    }
}
