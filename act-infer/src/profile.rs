//! Where the time of a forward pass goes, part by part.
//!
//! The encoder calls [`Clock::lap`] after each part. A stopped clock, the usual one, costs one
//! predictable branch a part and block of tokens.

use std::time::{Duration, Instant};

/// A part of the forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Part {
    Embeddings,
    Quantize,
    Projections,
    AttentionPacking,
    AttentionScores,
    Softmax,
    AttentionContext,
    AttentionOutput,
    Intermediate,
    Output,
    Norm,
    Head,
}

impl Part {
    /// All parts, about in the order of the pass.
    pub const ALL: [Part; 12] = [
        Part::Embeddings,
        Part::Quantize,
        Part::Projections,
        Part::AttentionPacking,
        Part::AttentionScores,
        Part::Softmax,
        Part::AttentionContext,
        Part::AttentionOutput,
        Part::Intermediate,
        Part::Output,
        Part::Norm,
        Part::Head,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Part::Embeddings => "embeddings",
            Part::Quantize => "quantise inputs",
            Part::Projections => "query, key, value",
            Part::AttentionPacking => "attention: pack",
            Part::AttentionScores => "attention: scores",
            Part::Softmax => "attention: softmax",
            Part::AttentionContext => "attention: context",
            Part::AttentionOutput => "attention output",
            Part::Intermediate => "intermediate",
            Part::Output => "output",
            Part::Norm => "layer norm",
            Part::Head => "pooler, classifier",
        }
    }
}

/// Time spent in each part; stopped until [`Clock::start`].
#[derive(Default)]
pub(crate) struct Clock {
    last: Option<Instant>,
    spent: [Duration; Part::ALL.len()],
}

impl Clock {
    /// Begins to count, from zero.
    pub fn start(&mut self) {
        *self = Self {
            last: Some(Instant::now()),
            ..Self::default()
        };
    }

    /// Time since the last lap went into `part`.
    #[inline]
    pub fn lap(&mut self, part: Part) {
        if let Some(last) = self.last {
            let now = Instant::now();
            self.spent[part as usize] += now - last;
            self.last = Some(now);
        }
    }

    /// Every part with its time.
    pub fn times(&self) -> Vec<(Part, Duration)> {
        Part::ALL.into_iter().zip(self.spent).collect()
    }
}
