//! The operations that the encoder is made of, as an extension of burn's `Backend`.
//!
//! Every operation has a body of ordinary tensor operations, so that any burn backend runs the
//! encoder. The CPU backend replaces them with fused kernels that have their own backward pass
//! ([`crate::fused`]). Tensors are 2-D throughout, `[tokens, width]`; a bias or norm parameter is
//! a row, `[1, width]`.

pub(crate) mod padded;

use act_core::Activation;
use act_core::plan::HeadActivation;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{IndexingUpdateOp, Tensor};
use rayon::prelude::*;

use crate::dropout::{Dropout, MaskRows};
use crate::quantize::ops::QuantizeOps;
use crate::shapes::{AttentionShape, RelationShape, Turns};
use crate::tensors::{int_row, tensor};
use crate::update::{Slot, Update, WholeStep};

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

    /// The activation of the feed-forward blocks.
    fn activate(x: Tensor<Self, 2>, activation: Activation) -> Tensor<Self, 2> {
        match activation {
            // Not burn's gelu: its backward is that of the tanh approximation.
            Activation::Gelu => {
                let phi = (x.clone() * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0;
                x * phi * 0.5
            }
            Activation::Relu => burn::tensor::activation::relu(x),
            Activation::GeluTanh => {
                let cube = x.clone() * x.clone() * x.clone();
                let inner = (x.clone() + cube * 0.044715) * (2.0 / std::f64::consts::PI).sqrt();
                x * (inner.tanh() + 1.0) * 0.5
            }
        }
    }

    /// The head's activation.
    fn activate_head(x: Tensor<Self, 2>, activation: HeadActivation) -> Tensor<Self, 2> {
        match activation {
            HeadActivation::Gelu => Self::activate(x, Activation::Gelu),
            HeadActivation::Relu => Self::activate(x, Activation::Relu),
            HeadActivation::Tanh => Self::tanh(x),
        }
    }

    /// Hyperbolic tangent.
    fn tanh(x: Tensor<Self, 2>) -> Tensor<Self, 2> {
        x.tanh()
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

    /// `layer_norm(x)`, as [`Ops::add_norm`].
    fn norm(
        x: Tensor<Self, 2>,
        gamma: Tensor<Self, 2>,
        beta: Tensor<Self, 2>,
        eps: f32,
    ) -> Tensor<Self, 2> {
        Self::add_norm(x.zeros_like(), x, gamma, beta, eps, Dropout::OFF)
    }

    /// Turns the heads of `x`, `[tokens, heads * head_dim]`, by the tokens' places.
    fn turn(x: Tensor<Self, 2>, turns: &Turns) -> Tensor<Self, 2> {
        padded::turn(x, turns)
    }

    /// Inverted dropout.
    fn dropout(x: Tensor<Self, 2>, dropout: Dropout) -> Tensor<Self, 2> {
        if dropout.is_off() {
            return x;
        }
        let [rows, width] = x.dims();
        let factors = MaskRows::of_tokens(&dropout, width).factors(width);
        let factors = tensor(factors, [rows, width], &x.device());
        x * factors
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
        padded::attention(q, k, v, shape, dropout)
    }

    /// As [`Ops::attend`], with a number added to the scores: `bias` is `[1, heads, queries, keys]`, the
    /// longest sequence's.
    fn attend_biased(
        [q, k, v]: [Tensor<Self, 2>; 3],
        bias: Tensor<Self, 4>,
        shape: &AttentionShape,
        dropout: Dropout,
    ) -> Tensor<Self, 2> {
        padded::biased_attention([q, k, v], Some(bias), shape, dropout)
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
        padded::relations(student, teacher, shape)
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

    /// One optimiser step of all parameters, on the current rayon pool; also the gradient's norm
    /// before clipping.
    fn step(
        slots: Vec<Slot<Self>>,
        gradients: Vec<Tensor<Self, 2>>,
        step: &WholeStep<'_>,
    ) -> (Vec<Slot<Self>>, f64) {
        let squares: Vec<f64> = gradients.par_iter().map(Self::sum_of_squares).collect();
        let norm = squares.iter().sum::<f64>().sqrt();
        let clips = step.clip > 0.0 && norm > step.clip;
        let [plain, decaying] = step.updates(if clips { step.clip / norm } else { 1.0 });
        let slots = slots.into_par_iter().zip(gradients).zip(step.decayed);
        let updated = slots.map(|((slot, gradient), decayed)| {
            Self::update(slot, &gradient, if *decayed { &decaying } else { &plain })
        });
        (updated.collect(), norm)
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
                let way = if step.nesterov {
                    g + velocity.clone() * step.momentum
                } else {
                    velocity.clone()
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
