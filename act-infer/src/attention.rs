//! Multi-head attention (Vaswani et al. 2017, section 3.2) over one sequence's own length: nothing
//! is padded, so the only masked keys are pad tokens inside the sequence.

use std::ops::Range;

use crate::aligned::Aligned;
use crate::gemm::{Kernel, Left, Out, PackedF32};
use crate::ops::softmax::{mask_rows, softmax_rows};
use crate::ops::{Isa, LANES};
use crate::profile::{Clock, Phase};

/// What is added to the score of a masked key.
pub(crate) const MASKED: f32 = -1e4;

/// Queries of a block: their scores stay in the first-level cache.
const BLOCK_ROWS: usize = 24;

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
    /// Those to compute; what there is of the others does not matter.
    pub part: Range<usize>,
    pub head_dim: usize,
    /// Empty, or what to add to each key's scores.
    pub mask: &'a [f32],
}

/// `softmax(q k' / sqrt(head_dim) + mask) v`, head by head, into these heads' columns of `context`,
/// which is shaped as the queries are.
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
    // Rows of scores are filled up to whole lanes with keys that get no attention.
    let stride = keys.next_multiple_of(LANES);
    scratch.scores.resize(queries.min(BLOCK_ROWS) * stride);
    for h in input.part.clone() {
        let head = |values, first: usize, rows| -> Left<'_, f32> {
            let values: &[f32] = values;
            Left {
                values: &values[first * width + h * head_dim..],
                stride: width,
                rows,
            }
        };
        let Scratch {
            keys: packed_keys,
            values: packed_values,
            scores,
        } = scratch;
        packed_keys.fill_transposed(head(input.keys, 0, keys), head_dim);
        packed_keys.pad_columns(LANES, f32::NEG_INFINITY);
        packed_values.fill(head(input.values, 0, keys), head_dim);
        clock.lap(Phase::AttentionPacking);
        for first in (0..queries).step_by(BLOCK_ROWS) {
            let rows = BLOCK_ROWS.min(queries - first);
            let scores = &mut scores[..rows * stride];
            let block = head(input.queries, first, rows);
            packed_keys.multiply(block, Out::Floats(scores), stride);
            clock.lap(Phase::AttentionScores);
            if input.mask.is_empty() {
                softmax_rows(isa, scores, stride, scale);
            } else {
                mask_rows(isa, scores, stride, scale, input.mask);
                softmax_rows(isa, scores, stride, 1.0);
            }
            clock.lap(Phase::Softmax);
            let weights = Left {
                values: scores,
                stride,
                rows,
            };
            let context = &mut context[first * width + h * head_dim..];
            packed_values.multiply(weights, Out::Floats(context), width);
            clock.lap(Phase::AttentionContext);
        }
    }
}
