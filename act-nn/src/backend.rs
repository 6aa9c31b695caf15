//! The operations that the encoder is made of, as an extension of burn's `Backend`.
//!
//! Every operation has a body of ordinary tensor operations, so that any burn backend runs the
//! encoder. The CPU backend replaces them with fused kernels that have their own backward pass
//! ([`crate::fused`]). Tensors are 2-D throughout, `[tokens, width]`; a bias or norm parameter is
//! a row, `[1, width]`.

use std::sync::Arc;

use act_core::Activation;
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Element, IndexingUpdateOp, Int, Tensor, TensorData};

use crate::dropout::{Dropout, MaskRows};
use crate::optim::Update;
use crate::quantize::QuantizeOps;

/// Which tokens of a sequence ask (every token always answers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queries {
    /// All of them.
    All,
    /// Only the first, the classified one.
    First,
}

/// Shape of one attention over ragged sequences.
#[derive(Debug, Clone)]
pub(crate) struct AttentionShape {
    /// Tokens of each sequence, at least one.
    pub(crate) lengths: Arc<[usize]>,
    /// What is added to the scores of each key, `[tokens]`: 0, or a large negative number for
    /// padding inside a sequence.
    pub(crate) key_bias: Option<Arc<[f32]>>,
    /// Which tokens ask.
    pub(crate) queries: Queries,
    /// Number of heads.
    pub(crate) heads: usize,
    /// Size of one head.
    pub(crate) head_dim: usize,
}

impl AttentionShape {
    /// Columns of queries, keys and values.
    pub(crate) fn width(&self) -> usize {
        self.heads * self.head_dim
    }
}

/// Shape of self-attention relations over ragged sequences.
#[derive(Debug, Clone)]
pub(crate) struct RelationShape {
    /// Tokens of each sequence, at least one.
    pub(crate) lengths: Arc<[usize]>,
    /// As [`AttentionShape::key_bias`].
    pub(crate) key_bias: Option<Arc<[f32]>>,
    /// Relation heads; they divide the widths of both sides.
    pub(crate) heads: usize,
}

/// One parameter with the optimiser's state of it.
#[derive(Debug, Clone)]
pub(crate) struct Slot<B: Backend> {
    pub(crate) value: Tensor<B, 2>,
    /// As many as [`Update::moments`] says, each of the value's shape.
    pub(crate) moments: Vec<Tensor<B, 2>>,
}

/// The encoder's operations.
pub(crate) trait Ops: QuantizeOps {
    /// `x Wᵀ + b`: `x [n, in]`, `weight [out, in]`, `bias [1, out]`. The product is computed in the
    /// weight's type, which mixed precision lowers; the result is of `x`'s.
    fn affine(
        x: Tensor<Self, 2>,
        weight: Tensor<Self, 2>,
        bias: Tensor<Self, 2>,
    ) -> Tensor<Self, 2> {
        let (high, low) = (x.dtype(), weight.dtype());
        if high == low {
            return x.matmul(weight.transpose()) + bias;
        }
        x.cast(low).matmul(weight.transpose()).cast(high) + bias
    }

    /// Exact GELU or ReLU.
    fn activate(x: Tensor<Self, 2>, activation: Activation) -> Tensor<Self, 2> {
        match activation {
            // Not burn's gelu: its backward is that of the tanh approximation.
            Activation::Gelu => {
                let phi = (x.clone() * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0;
                x * phi * 0.5
            }
            Activation::Relu => burn::tensor::activation::relu(x),
        }
    }

    /// `layer_norm(residual + dropout(branch))`; `gamma` and `beta` are `[1, width]`.
    fn add_norm(
        branch: Tensor<Self, 2>,
        residual: Tensor<Self, 2>,
        gamma: Tensor<Self, 2>,
        beta: Tensor<Self, 2>,
        eps: f32,
        dropout: Dropout,
    ) -> Tensor<Self, 2> {
        let x = residual + Self::dropout(branch, dropout);
        let x = x.clone() - x.mean_dim(1);
        let variance = (x.clone() * x.clone()).mean_dim(1);
        x / (variance + eps).sqrt() * gamma + beta
    }

    /// Inverted dropout.
    fn dropout(x: Tensor<Self, 2>, dropout: Dropout) -> Tensor<Self, 2> {
        if dropout.is_off() {
            return x;
        }
        let width = x.dims()[1];
        let factors = Self::factors(&MaskRows::of_tokens(&dropout, width), width, &x.device());
        x * factors
    }

    /// Factors of dropout, `[rows, width]`.
    fn factors(rows: &MaskRows, width: usize, device: &Self::Device) -> Tensor<Self, 2> {
        tensor(rows.factors(width), [rows.len(), width], device)
    }

    /// Multi-head attention: `q` is `[queries, width]`, `k` and `v` are `[tokens, width]`;
    /// the result is shaped as `q`.
    fn attend(
        q: Tensor<Self, 2>,
        k: Tensor<Self, 2>,
        v: Tensor<Self, 2>,
        shape: &AttentionShape,
        dropout: Dropout,
    ) -> Tensor<Self, 2> {
        padded_attention(q, k, v, shape, dropout)
    }

    /// How far the student's self-attention relations are from the teacher's, `[1, 1]`: in every
    /// relation head `KL(softmax(T Tᵀ / √d) || softmax(S Sᵀ / √d))`, the mean over a sequence's
    /// heads and rows, summed over the sequences (Wang et al. 2021, equations 4 to 6). `student`
    /// and `teacher` are `[tokens, width]`, each of its own width; the teacher is a constant.
    fn relations(
        student: Tensor<Self, 2>,
        teacher: Tensor<Self, 2>,
        shape: &RelationShape,
    ) -> Tensor<Self, 2> {
        padded_relations(student, teacher, shape)
    }

    /// Some rows of `x`, in the given order.
    fn rows(x: Tensor<Self, 2>, indices: &[u32]) -> Tensor<Self, 2> {
        let indices = int_row(indices, &x.device());
        x.select(0, indices)
    }

    /// Sums, token by token, the rows of one or more tables; not differentiated (see
    /// [`Ops::add_rows`]).
    fn embed(tables: &[(&Tensor<Self, 2>, &[u32])]) -> Tensor<Self, 2> {
        tables
            .iter()
            .map(|(table, ids)| Self::rows((*table).clone(), ids))
            .reduce(|sum, rows| sum + rows)
            .expect("an embedding has at least one table")
    }

    /// Adds `rows[i]` to row `ids[i]` of `table`: the gradient of [`Ops::embed`].
    fn add_rows(table: Tensor<Self, 2>, ids: &[u32], rows: &Tensor<Self, 2>) -> Tensor<Self, 2> {
        let ids = int_row(ids, &rows.device());
        table.select_assign(0, ids, rows.clone(), IndexingUpdateOp::Add)
    }

    /// `a + b`, in `a`'s memory where that is possible.
    fn add_to(a: Tensor<Self, 2>, b: &Tensor<Self, 2>) -> Tensor<Self, 2> {
        a + b.clone()
    }

    /// Sum of the squares of all elements.
    fn sum_of_squares(x: &Tensor<Self, 2>) -> f64 {
        let sum = (x.clone() * x.clone()).sum().into_scalar();
        burn::tensor::ElementConversion::elem(sum)
    }

    /// One optimiser step of one parameter.
    fn update(slot: Slot<Self>, gradient: &Tensor<Self, 2>, update: &Update) -> Slot<Self> {
        let (value, shared) = (slot.value, update.shared());
        let mut g = gradient.clone() * shared.gradient_scale;
        if shared.l2 != 0.0 {
            g = g + value.clone() * shared.l2;
        }
        if shared.l1 != 0.0 {
            g = g + value.clone().sign() * shared.l1;
        }
        let mut moments = slot.moments.into_iter();
        match (update, moments.next(), moments.next()) {
            (Update::Adam(step), Some(first), Some(second)) => {
                let first = first * step.beta1 + g.clone() * step.rest1;
                let second = second * step.beta2 + g.clone() * g * step.rest2;
                let root = (second.clone() * step.correction2).sqrt() + step.eps;
                let value = value * step.keep - first.clone() / root * step.rate;
                let moments = vec![first, second];
                Slot { value, moments }
            }
            (Update::Momentum(step), Some(velocity), None) => {
                let velocity = velocity * step.momentum + g.clone();
                let way = match step.nesterov {
                    true => g + velocity.clone() * step.momentum,
                    false => velocity.clone(),
                };
                let value = value - way * step.rate;
                let moments = vec![velocity];
                Slot { value, moments }
            }
            (Update::Sgd(step), ..) => Slot {
                value: value - g * step.rate,
                moments: Vec::new(),
            },
            _ => unreachable!("a slot has the moments of its optimiser"),
        }
    }
}

/// A backend that can be trained on.
pub(crate) trait ActBackend: Ops {
    /// The same backend recording gradients.
    type Graph: Ops + AutodiffBackend<InnerBackend = Self, Device = Self::Device>;
    /// True if several threads may compute at once.
    const THREADS: bool;
    /// Sequences computed together unless the caller says otherwise.
    const MICRO_BATCH: usize;
    /// True if products in bfloat16 are computed as such.
    const MIXED: bool = false;
}

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
fn int_row<B: Backend>(ids: &[u32], device: &B::Device) -> Tensor<B, 1, Int> {
    let ids: Vec<i64> = ids.iter().map(|&i| i64::from(i)).collect();
    let n = ids.len();
    Tensor::from_data(TensorData::new(ids, [n]), device)
}

/// Attention of ordinary tensor operations, padded to the longest sequence.
pub(crate) fn padded_attention<B: Ops>(
    q: Tensor<B, 2>,
    k: Tensor<B, 2>,
    v: Tensor<B, 2>,
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
    let scores = q.matmul(k.transpose()) / (head_dim as f64).sqrt() + bias;
    let mut probabilities = softmax(scores, 3);
    if !dropout.is_off() {
        let rows = MaskRows::of_attention(&dropout, &shape.lengths, heads, queries);
        let factors = B::factors(&rows, longest, &device);
        probabilities = probabilities * factors.reshape([batch, heads, queries, longest]);
    }
    let context = probabilities
        .matmul(v)
        .swap_dims(1, 2)
        .reshape([batch * queries, heads * head_dim]);
    match shape.queries {
        Queries::All => B::rows(context, &layout.scatter),
        Queries::First => context,
    }
}

/// Relations of ordinary tensor operations, padded to the longest sequence.
fn padded_relations<B: Ops>(
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
