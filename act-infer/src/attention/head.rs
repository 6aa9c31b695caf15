//! What one head reads of one sequence.

use std::ops::Range;

use crate::gemm::{Left, Panels};

/// Queries of a block: their scores stay in the first-level cache.
pub(super) const BLOCK_ROWS: usize = 24;

/// A head's queries, keys and values of one sequence, each `[tokens, head_dim]`; there may be fewer
/// queries than keys.
pub(crate) struct Head<'a> {
    pub queries: Left<'a, f32>,
    pub keys: Left<'a, f32>,
    pub values: Values<'a>,
    pub head_dim: usize,
    /// Empty, or what to add to each key's scores.
    pub mask: &'a [f32],
}

/// A head's values, a row for each key.
pub(crate) enum Values<'a> {
    Rows(Left<'a, f32>),
    /// These rows and columns, whole panels.
    Panels(&'a Panels, Range<usize>, Range<usize>),
}
