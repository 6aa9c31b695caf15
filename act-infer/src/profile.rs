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

/// Times of the parts, in the order of [`Part::ALL`].
type Times = [Duration; Part::ALL.len()];

/// Time spent in each part; stopped until [`Clock::start`].
#[derive(Default)]
pub(crate) struct Clock {
    last: Option<Instant>,
    spent: Times,
    /// The same for each layer and at last for what is outside, but that an input's quantising counts
    /// to the part that reads it.
    layers: Vec<Times>,
    layer: usize,
    /// Quantising since the last other part.
    quantizing: Duration,
}

impl Clock {
    /// Begins to count, from zero, a model of so many layers.
    pub fn start(&mut self, layers: usize) {
        *self = Self {
            layers: vec![Times::default(); layers + 1],
            last: Some(Instant::now()),
            ..Self::default()
        };
    }

    /// What follows belongs to this layer; to what is outside if there is none of that number.
    #[inline]
    pub fn enter(&mut self, layer: usize) {
        self.layer = layer;
    }

    /// Time since the last lap went into `part`.
    #[inline]
    pub fn lap(&mut self, part: Part) {
        if let Some(last) = self.last {
            let now = Instant::now();
            self.count(part, now - last);
            self.last = Some(now);
        }
    }

    fn count(&mut self, part: Part, time: Duration) {
        self.spent[part as usize] += time;
        if part == Part::Quantize {
            self.quantizing += time;
            return;
        }
        let outside = self.layers.len().saturating_sub(1);
        if let Some(times) = self.layers.get_mut(self.layer.min(outside)) {
            times[part as usize] += time + std::mem::take(&mut self.quantizing);
        }
    }

    /// Every part with its time.
    pub fn times(&self) -> Vec<(Part, Duration)> {
        Part::ALL.into_iter().zip(self.spent).collect()
    }

    /// Every part of every layer, and at last of what is outside, with its time.
    pub fn layers(&self) -> Vec<Vec<(Part, Duration)>> {
        let layers = self.layers.iter();
        layers
            .map(|times| Part::ALL.into_iter().zip(*times).collect())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantising_counts_to_the_part_that_reads() {
        let mut clock = Clock::default();
        clock.start(2);
        let ms = Duration::from_millis;
        clock.enter(1);
        clock.count(Part::Quantize, ms(2));
        clock.count(Part::Projections, ms(3));
        clock.count(Part::Projections, ms(4));
        clock.enter(usize::MAX);
        clock.count(Part::Head, ms(5));
        assert_eq!(clock.times()[Part::Quantize as usize].1, ms(2));
        assert_eq!(clock.times()[Part::Projections as usize].1, ms(7));
        let layers = clock.layers();
        assert_eq!(layers.len(), 3);
        assert_eq!(layers[1][Part::Projections as usize].1, ms(9));
        assert_eq!(layers[1][Part::Quantize as usize].1, ms(0));
        assert_eq!(layers[2][Part::Head as usize].1, ms(5));
    }
}
