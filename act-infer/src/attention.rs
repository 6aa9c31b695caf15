//! One head's attention (Vaswani et al. 2017, section 3.2) over one sequence's own length: nothing
//! is padded, so the only masked keys are pad tokens inside the sequence.

mod head;
mod integers;

pub(crate) use self::head::{Head, Values};

use self::head::BLOCK_ROWS;
use self::integers::Integers;
use crate::aligned::Aligned;
use crate::gemm::{Kernel, Left, Out, PackedF32};
use crate::ops::softmax::{add_bias, mask_rows, outside_window, softmax_rows};
use crate::ops::{Isa, LANES};
use crate::profile::{Clock, Phase};

/// What is added to the score of a masked key.
pub(crate) const MASKED: f32 = -1e4;

/// Memory that is kept from one call to the next.
pub(crate) struct Scratch {
    keys: PackedF32,
    values: PackedF32,
    scores: Aligned<f32>,
    integers: Integers,
}

impl Scratch {
    pub fn new(kernel: &'static dyn Kernel) -> Self {
        Self {
            keys: PackedF32::new(kernel),
            values: PackedF32::new(kernel),
            scores: Aligned::zeroed(0),
            integers: Integers::new(kernel.small().unwrap_or(kernel)),
        }
    }
}

/// `softmax(q k' / sqrt(head_dim) + mask) v` into `context`, a row for each query, `width` apart.
pub(crate) fn attend(
    isa: Isa,
    head: &Head<'_>,
    scratch: &mut Scratch,
    (context, width): (&mut [f32], usize),
    clock: &mut Clock,
) {
    let head_dim = head.head_dim;
    let (queries, keys) = (head.queries.rows, head.keys.rows);
    let scale = 1.0 / (head_dim as f32).sqrt();
    let Scratch {
        keys: packed_keys,
        values: packed_values,
        scores,
        ..
    } = scratch;
    // Rows of scores are filled up to whole lanes with keys that get no attention.
    scores.resize(queries.min(BLOCK_ROWS) * keys.next_multiple_of(LANES));
    packed_keys.fill_transposed(head.keys, head_dim);
    packed_keys.pad_columns(LANES, f32::NEG_INFINITY);
    if let Values::Rows(rows) = head.values {
        packed_values.fill(rows, head_dim);
    }
    clock.lap(Phase::AttentionPacking);
    for first in (0..queries).step_by(BLOCK_ROWS) {
        let rows = BLOCK_ROWS.min(queries - first);
        let panels = packed_keys.covering(head.reach(first..first + rows));
        let columns = packed_keys.columns(panels.clone());
        let (stride, keys) = (columns.len(), columns.start..columns.end.min(keys));
        let scores = &mut scores[..rows * stride];
        let block = head.queries.some(first, rows);
        packed_keys.multiply_panels(panels, block, Out::Floats(scores), stride);
        if let Some(window) = head.window {
            outside_window(scores, stride, first - keys.start, window);
        }
        clock.lap(Phase::AttentionScores);
        let mut scale = scale;
        if let Some((buckets, values)) = head.bias {
            add_bias(scores, (stride, keys.len()), scale, |row, key| {
                values[buckets.of(first + row, keys.start + key)]
            });
            scale = 1.0;
        }
        if !head.mask.is_empty() {
            mask_rows(isa, scores, stride, scale, &head.mask[keys.clone()]);
            scale = 1.0;
        }
        softmax_rows(isa, scores, stride, scale);
        clock.lap(Phase::Softmax);
        let weights = Left {
            values: scores,
            stride,
            rows,
        };
        let out = (Out::Floats(&mut context[first * width..]), width);
        match &head.values {
            Values::Rows(_) => packed_values.multiply_rows(keys, weights, out),
            Values::Panels(panels, rows, columns) => {
                let rows = rows.start + keys.start..rows.start + keys.end;
                panels.multiply(rows, columns.clone(), weights, out);
            }
        }
        clock.lap(Phase::AttentionContext);
    }
}

/// The same with products of integers, see [`integers`]; takes values in rows.
pub(crate) fn attend_in_integers(
    isa: Isa,
    head: &Head<'_>,
    scratch: &mut Scratch,
    out: (&mut [f32], usize),
    clock: &mut Clock,
) {
    let Scratch {
        scores, integers, ..
    } = scratch;
    integers.attend(isa, head, scores, out, clock);
}
