//! Attention of which the products are those of bytes.
//!
//! A query and a key have a scale each, a channel of the values one of its own in every sequence; all
//! are found while the model runs. The weights that softmax gives to the keys are bytes too, of which
//! a query's largest is 254, and count for their part of the bytes' sum. With `sums` of 32 bits:
//!
//! ```text
//! score  = sums(query, key) * (query scale * log2(e) / sqrt(head_dim) * key scale) + mask
//! weight = 254 * 2^(score - largest score), to the nearest integer
//! context = sums(weights, values) * (1 / sum of weights * value scale)
//! ```
//!
//! Sums are exact, everything else is rounded as written, so that no answer depends on the machine.

use super::head::{BLOCK_ROWS, Head, Values};
use crate::aligned::Aligned;
use crate::gemm::{Kernel, Left, MadeI8, Out, RowScales};
use crate::ops::attention_bytes::{MOST, TOP, rows_to_bytes, weights_to_bytes};
use crate::ops::{Isa, LANES};
use crate::profile::{Clock, Phase};

/// Memory that is kept from one call to the next.
pub(super) struct Integers {
    keys: MadeI8,
    values: MadeI8,
    queries: Vec<u8>,
    query_scales: Vec<f32>,
    query_sums: Vec<i32>,
    weights: Aligned<u8>,
}

impl Integers {
    pub fn new(kernel: &'static dyn Kernel) -> Self {
        Self {
            keys: MadeI8::new(kernel, -MOST as i32, MOST as i32),
            values: MadeI8::new(kernel, 0, TOP),
            queries: Vec::new(),
            query_scales: Vec::new(),
            query_sums: Vec::new(),
            weights: Aligned::zeroed(0),
        }
    }

    /// As [`super::attend`].
    pub fn attend(
        &mut self,
        isa: Isa,
        head: &Head<'_>,
        scores: &mut Aligned<f32>,
        (context, width): (&mut [f32], usize),
        clock: &mut Clock,
    ) {
        let Values::Rows(values) = head.values else {
            unreachable!("values of integers come in rows");
        };
        let (queries, keys) = (head.queries.rows, head.keys.rows);
        let stride = keys.next_multiple_of(LANES);
        self.pack(isa, head, values);
        clock.lap(Phase::AttentionPacking);
        scores.resize(queries.min(BLOCK_ROWS) * stride);
        self.weights.resize(queries.min(BLOCK_ROWS) * stride);
        let depth = self.keys.depth();
        for first in (0..queries).step_by(BLOCK_ROWS) {
            let rows = BLOCK_ROWS.min(queries - first);
            let scores = &mut scores[..rows * stride];
            let block = Left::dense(&self.queries[first * depth..][..rows * depth], depth);
            let scales = RowScales::Each(&self.query_scales[first..][..rows]);
            self.keys
                .multiply(block, scales, Out::Floats(scores), stride);
            clock.lap(Phase::AttentionScores);
            let (weights, mut sums) = (&mut self.weights[..rows * stride], [0.0; BLOCK_ROWS]);
            weights_to_bytes(
                isa,
                scores,
                stride,
                self.values.offset(),
                weights,
                &mut sums,
            );
            clock.lap(Phase::Softmax);
            let weights = Left::dense(&*weights, stride);
            let out = Out::Floats(&mut context[first * width..]);
            let scales = RowScales::Each(&sums[..rows]);
            self.values.multiply(weights, scales, out, width);
            clock.lap(Phase::AttentionContext);
        }
    }

    /// Quantises queries, keys and values.
    fn pack(&mut self, isa: Isa, head: &Head<'_>, values: Left<'_, f32>) {
        let (head_dim, queries) = (head.head_dim, head.queries);
        let beyond = (LANES, f32::NEG_INFINITY);
        self.keys
            .fill_transposed(isa, head.keys, head_dim, head.mask, beyond);
        // Where all keys are masked no one is.
        let masked = |mask: &&f32| **mask != 0.0;
        let all = head.mask.iter().filter(masked).count() == head.keys.rows;
        let left_out = if all { &[] } else { head.mask };
        self.values.fill(isa, values, head_dim, left_out);

        let depth = self.keys.depth();
        self.queries.resize(queries.rows * depth, 0);
        self.query_scales.resize(queries.rows, 0.0);
        self.query_sums.resize(queries.rows, 0);
        let bytes = (&mut self.queries[..], depth);
        let (scales, sums) = (&mut self.query_scales, &mut self.query_sums);
        let offset = self.keys.offset();
        rows_to_bytes(isa, queries.of(head_dim), offset, bytes, scales, sums);
        let scale = std::f32::consts::LOG2_E / (head_dim as f32).sqrt();
        for query in &mut self.query_scales {
            *query *= scale;
        }
    }
}
