//! What attention and relations need to know of the sequences that they run over.

use std::sync::Arc;

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
    /// In which type scores and contexts are multiplied, if not in the values' own.
    pub(crate) products: Option<DType>,
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
