//! Where the time of a forward pass goes, phase by phase.
//!
//! The encoder calls [`Clock::lap`] after each phase. A stopped clock, the usual one, costs one
//! predictable branch a phase and block of tokens.

use std::time::{Duration, Instant};

use act_core::{Batch, Linear, Plan};

/// What is computed in a forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Phase {
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

impl Phase {
    /// All phases, about in the order of the pass.
    pub const ALL: [Phase; 12] = [
        Phase::Embeddings,
        Phase::Quantize,
        Phase::Projections,
        Phase::AttentionPacking,
        Phase::AttentionScores,
        Phase::Softmax,
        Phase::AttentionContext,
        Phase::AttentionOutput,
        Phase::Intermediate,
        Phase::Output,
        Phase::Norm,
        Phase::Head,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Embeddings => "embeddings",
            Phase::Quantize => "quantise inputs",
            Phase::Projections => "query, key, value",
            Phase::AttentionPacking => "attention: pack",
            Phase::AttentionScores => "attention: scores",
            Phase::Softmax => "attention: softmax",
            Phase::AttentionContext => "attention: context",
            Phase::AttentionOutput => "attention output",
            Phase::Intermediate => "intermediate",
            Phase::Output => "output",
            Phase::Norm => "layer norm",
            Phase::Head => "pooler, classifier",
        }
    }
}

/// Sequences of [`batch()`].
pub const SEQUENCES: usize = 8;
/// Tokens of each, if the model takes so many.
pub const TOKENS: usize = 64;

/// Where [`Engine::profile_layers`](crate::Engine::profile_layers) counts what the input of `linear` costs: layer
/// and part. `None` where it is not told apart from others.
pub fn place(plan: &Plan, linear: Linear) -> Option<(usize, Phase)> {
    Some(match linear {
        Linear::Query(l) | Linear::Key(l) | Linear::Value(l) => (l, Phase::Projections),
        Linear::AttentionOutput(l) => (l, Phase::AttentionOutput),
        Linear::Intermediate(l) | Linear::Gate(l) => (l, Phase::Intermediate),
        Linear::Output(l) => (l, Phase::Output),
        Linear::Pooler => (plan.layers.len(), Phase::Head),
        Linear::EmbeddingProjection | Linear::Classifier => return None,
    })
}

/// What layers are timed on: [`SEQUENCES`] of [`TOKENS`], or of the `longest` that the model takes, all of them
/// in its vocabulary; times do not depend on which.
pub fn batch(plan: &Plan, longest: usize) -> Batch {
    let length = TOKENS.min(longest).min(plan.embeddings.longest);
    let tokens = SEQUENCES * length;
    Batch {
        input_ids: (0..tokens)
            .map(|i| (1 + i % (plan.embeddings.vocab_size - 1).max(1)) as u32)
            .collect(),
        token_type_ids: vec![0; tokens],
        lengths: vec![length; SEQUENCES],
    }
}

/// Times of the phases, in the order of [`Phase::ALL`].
type Times = [Duration; Phase::ALL.len()];

/// Time spent in each phase; stopped until [`Clock::start`].
#[derive(Default)]
pub(crate) struct Clock {
    last: Option<Instant>,
    spent: Times,
    /// The same for each layer and at last for what is outside, but that an input's quantising counts
    /// to the phase that reads it.
    layers: Vec<Times>,
    layer: usize,
    /// Quantising since the last other phase.
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

    /// Time since the last lap went into `phase`.
    #[inline]
    pub fn lap(&mut self, phase: Phase) {
        if let Some(last) = self.last {
            let now = Instant::now();
            self.count(phase, now - last);
            self.last = Some(now);
        }
    }

    fn count(&mut self, phase: Phase, time: Duration) {
        self.spent[phase as usize] += time;
        if phase == Phase::Quantize {
            self.quantizing += time;
            return;
        }
        let outside = self.layers.len().saturating_sub(1);
        if let Some(times) = self.layers.get_mut(self.layer.min(outside)) {
            times[phase as usize] += time + std::mem::take(&mut self.quantizing);
        }
    }

    /// Every phase with its time.
    pub fn times(&self) -> Vec<(Phase, Duration)> {
        Phase::ALL.into_iter().zip(self.spent).collect()
    }

    /// Every phase of every layer, and at last of what is outside, with its time.
    pub fn layers(&self) -> Vec<Vec<(Phase, Duration)>> {
        let layers = self.layers.iter();
        layers
            .map(|times| Phase::ALL.into_iter().zip(*times).collect())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantising_counts_to_the_operator_that_reads() {
        let mut clock = Clock::default();
        clock.start(2);
        let ms = Duration::from_millis;
        clock.enter(1);
        clock.count(Phase::Quantize, ms(2));
        clock.count(Phase::Projections, ms(3));
        clock.count(Phase::Projections, ms(4));
        clock.enter(usize::MAX);
        clock.count(Phase::Head, ms(5));
        assert_eq!(clock.times()[Phase::Quantize as usize].1, ms(2));
        assert_eq!(clock.times()[Phase::Projections as usize].1, ms(7));
        let layers = clock.layers();
        assert_eq!(layers.len(), 3);
        assert_eq!(layers[1][Phase::Projections as usize].1, ms(9));
        assert_eq!(layers[1][Phase::Quantize as usize].1, ms(0));
        assert_eq!(layers[2][Phase::Head as usize].1, ms(5));
    }
}
