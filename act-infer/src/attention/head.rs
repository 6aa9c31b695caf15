//! What one head reads of one sequence.

use std::ops::Range;

use act_core::arithmetic::relative::Buckets;

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
    /// Keys on either side of a query that count; `None`: all. The first query is at the first key's place.
    pub window: Option<usize>,
    /// What to add to the scores by distance: buckets, and a number for each.
    pub bias: Option<(&'a Buckets, &'a [f32])>,
    /// Empty, or what to add to each key's scores.
    pub mask: &'a [f32],
}

impl Head<'_> {
    /// The keys that some query of `rows` may count.
    pub fn reach(&self, rows: Range<usize>) -> Range<usize> {
        match self.window {
            None => 0..self.keys.rows,
            Some(window) => {
                let end = rows.end.saturating_add(window).min(self.keys.rows);
                rows.start.saturating_sub(window)..end
            }
        }
    }
}

/// A head's values, a row for each key.
pub(crate) enum Values<'a> {
    Rows(Left<'a, f32>),
    /// These rows and columns, whole panels.
    Panels(&'a Panels, Range<usize>, Range<usize>),
}
