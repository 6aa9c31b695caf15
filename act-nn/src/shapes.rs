//! What attention and relations need to know of the sequences that they run over.

use std::ops::Range;
use std::sync::Arc;

use act_core::arithmetic::rotary::Frequencies;
use burn::tensor::DType;

use crate::dropout::Queries;

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
    /// Keys on either side of a query that count; `None`: all.
    pub(crate) window: Option<usize>,
    /// In which type scores and contexts are multiplied, if not in the values' own.
    pub(crate) products: Option<DType>,
}

impl AttentionShape {
    /// Columns of queries, keys and values.
    pub(crate) fn width(&self) -> usize {
        self.heads * self.head_dim
    }
}

impl AttentionShape {
    /// The keys that a query at `place` counts, of a sequence of `length`.
    pub(crate) fn counted(&self, place: usize, length: usize) -> Range<usize> {
        match self.window {
            None => 0..length,
            Some(window) => {
                let end = place.saturating_add(window + 1).min(length);
                place.saturating_sub(window)..end
            }
        }
    }
}

/// By what the heads of every row are turned (rotary positions, see [`act_core::arithmetic::rotary`]).
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    /// Cosines and then sines of the pairs' angles, row by row, `[tokens, head_dim]`.
    pub(crate) rows: Arc<[f32]>,
    pub(crate) head_dim: usize,
}

impl Turns {
    /// Of sequences of these lengths, one after the other.
    pub(crate) fn new(theta: f32, head_dim: usize, lengths: &[usize]) -> Self {
        let frequencies = Frequencies::new(theta, head_dim);
        let mut places = Vec::new();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        (0..longest).for_each(|place| frequencies.extend(place, &mut places));
        let rows = lengths
            .iter()
            .flat_map(|length| &places[..length * head_dim]);
        Self {
            rows: rows.copied().collect(),
            head_dim,
        }
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
