//! Multi-head attention (Vaswani et al. 2017, section 3.2) over one sequence's own length: nothing
//! is padded, so the only masked keys are pad tokens inside the sequence.

use super::softmax::{mask_rows, softmax_rows};
use super::{Isa, LANES};
use crate::aligned::Aligned;
use crate::gemm::{Kernel, Left, Out, PackedF32};
use crate::profile::{Clock, Part};

/// What is added to the score of a masked key.
pub(crate) const MASKED: f32 = -1e4;

/// Memory that is kept from one call to the next.
pub(crate) struct Scratch {
    keys: PackedF32,
    values: PackedF32,
    scores: Aligned<f32>,
}

impl Scratch {
    pub fn new(kernel: &'static dyn Kernel) -> Self {
        Self {
            keys: PackedF32::new(kernel),
            values: PackedF32::new(kernel),
            scores: Aligned::zeroed(0),
        }
    }
}

/// Queries, keys and values of one sequence, each `[tokens, heads * head_dim]`; there may be fewer
/// queries than keys.
pub(crate) struct Heads<'a> {
    pub queries: &'a [f32],
    pub keys: &'a [f32],
    pub values: &'a [f32],
    pub heads: usize,
    pub head_dim: usize,
    /// Empty, or what to add to each key's scores.
    pub mask: &'a [f32],
}

/// `softmax(q k' / sqrt(head_dim) + mask) v`, head by head, into `context`, which is shaped as the
/// queries are.
pub(crate) fn attend(
    isa: Isa,
    input: &Heads<'_>,
    scratch: &mut Scratch,
    context: &mut [f32],
    clock: &mut Clock,
) {
    let head_dim = input.head_dim;
    let width = input.heads * head_dim;
    let (queries, keys) = (input.queries.len() / width, input.keys.len() / width);
    let scale = 1.0 / (head_dim as f32).sqrt();
    let head = |values, rows, h: usize| -> Left<'_, f32> {
        let values: &[f32] = values;
        Left {
            values: &values[h * head_dim..],
            stride: width,
            rows,
        }
    };
    // Rows of scores are filled up to whole lanes with keys that get no attention.
    let stride = keys.next_multiple_of(LANES);
    scratch.scores.resize(queries * stride);
    for h in 0..input.heads {
        let scores = &mut scratch.scores[..];
        scratch
            .keys
            .fill_transposed(head(input.keys, keys, h), head_dim);
        scratch.keys.pad_columns(LANES, f32::NEG_INFINITY);
        clock.lap(Part::AttentionPacking);
        scratch
            .keys
            .multiply(head(input.queries, queries, h), Out::Floats(scores), stride);
        clock.lap(Part::AttentionScores);
        if input.mask.is_empty() {
            softmax_rows(isa, scores, stride, scale);
        } else {
            mask_rows(isa, scores, stride, scale, input.mask);
            softmax_rows(isa, scores, stride, 1.0);
        }
        clock.lap(Part::Softmax);
        scratch.values.fill(head(input.values, keys, h), head_dim);
        clock.lap(Part::AttentionPacking);
        let context = &mut context[h * head_dim..];
        let weights = Left {
            values: scores,
            stride,
            rows: queries,
        };
        scratch
            .values
            .multiply(weights, Out::Floats(context), width);
        clock.lap(Part::AttentionContext);
    }
}
