//! Whether threads had better compute a call's sequences together.
//!
//! Threads with sequences of their own need nothing from each other: the fastest way while all have
//! about equally much. Where there are fewer sequences than threads, or one is much longer than the
//! others, a team computes every sequence together, if its meetings cost less than they save. No answer
//! depends on any of this.

use std::time::Duration;

use crate::sequences::Sequences;

/// What teams of several sizes cost; the first is one thread alone. Empty: no team is worth it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Costs(pub Vec<Cost>);

/// What a team of some size takes for a pass, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    size: usize,
    /// Until all are there.
    start: f64,
    /// All layers, whatever the number of tokens: reading weights, meeting.
    once: f64,
    /// All layers, for every token.
    token: f64,
}

/// Tokens of the trials that a cost is drawn from.
pub(crate) const TRIALS: [usize; 2] = [1, 16];

/// A team must win more than this part of the time: less may be chance.
const LEAST_GAIN: f64 = 0.1;

impl Cost {
    /// From the time until a team was there, and what its trials took in one of `layers` layers.
    pub fn new(size: usize, start: Duration, trials: [Duration; 2], layers: usize) -> Self {
        let [few, many] = trials.map(|time| time.as_secs_f64() * layers as f64);
        // By chance more tokens may have been faster.
        let token = ((many - few) / (TRIALS[1] - TRIALS[0]) as f64).max(0.0);
        Self {
            size,
            start: start.as_secs_f64(),
            once: (few - token * TRIALS[0] as f64).max(0.0),
            token,
        }
    }

    fn of(&self, tokens: usize) -> f64 {
        self.start + self.once + self.token * tokens as f64
    }
}

impl Costs {
    /// As if only a team of all `threads` cost nothing.
    pub fn none(threads: usize) -> Self {
        let cost = |size, once| Cost {
            size,
            start: 0.0,
            once,
            token: 0.0,
        };
        Self(vec![cost(1, 1.0), cost(threads, 0.0)])
    }

    /// The size of the team that computes `sequences` soonest; `None` if so many threads, each with
    /// sequences of its own, are about as fast.
    pub fn team(&self, sequences: Sequences<'_>, threads: usize) -> Option<usize> {
        let (alone, teams) = self.0.split_first()?;
        let cost = |team: &Cost| team.of(sequences.tokens());
        let team = teams.iter().min_by(|a, b| cost(a).total_cmp(&cost(b)))?;
        let apart = alone.of(longest_share(sequences, threads));
        (cost(team) < apart * (1.0 - LEAST_GAIN)).then_some(team.size)
    }
}

/// True if so many threads have about equally much of `sequences`, each with some of its own.
pub(crate) fn is_even(sequences: Sequences<'_>, threads: usize) -> bool {
    8 * threads * longest_share(sequences, threads) <= 9 * sequences.tokens()
}

/// Tokens of the longest of so many shares.
fn longest_share(sequences: Sequences<'_>, count: usize) -> usize {
    let tokens = sequences.shares(count).map(|share| share.tokens());
    tokens.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use act_core::Batch;

    fn batch(lengths: &[usize]) -> Batch {
        let tokens = lengths.iter().sum();
        Batch {
            input_ids: vec![5; tokens],
            token_type_ids: vec![0; tokens],
            lengths: lengths.to_vec(),
        }
    }

    #[test]
    fn threads_have_equally_much_or_one_has_most() {
        for (lengths, threads, even) in [
            (&[128; 32][..], 2, true),
            (&[128; 32], 3, true),
            (&[128; 2], 2, true),
            (&[7], 1, true),
            (&[1], 2, false),
            (&[], 4, true),
            (&[128], 2, false),
            (&[128, 20, 20], 2, false),
            (&[128; 3], 2, false),
        ] {
            let batch = batch(lengths);
            let found = is_even(Sequences::of(&batch), threads);
            assert_eq!(found, even, "{lengths:?} on {threads}");
        }
    }

    /// A model that takes these seconds alone, on teams of 1, 2 and 4, a meeting of which costs 0.1 ms
    /// a member.
    fn costs(once: f64, token: f64) -> Costs {
        let cost = |size: usize| Cost {
            size,
            start: 0.0,
            once: once / size as f64 + 1e-4 * (size - 1) as f64,
            token: token / size as f64,
        };
        Costs([1, 2, 4].map(cost).to_vec())
    }

    #[test]
    fn a_team_has_the_size_that_pays() {
        let (large, small) = (costs(4e-4, 3e-4), costs(4e-5, 3e-6));
        for (lengths, threads, costs, size) in [
            (&[32][..], 4, &large, Some(4)),
            (&[1], 4, &large, Some(2)),
            (&[128, 20, 20], 4, &large, Some(4)),
            (&[128, 128, 120, 120], 4, &large, None),
            (&[32], 4, &small, None),
            (&[32], 2, &Costs::default(), None),
            (&[1], 3, &Costs::none(3), Some(3)),
        ] {
            let batch = batch(lengths);
            let found = costs.team(Sequences::of(&batch), threads);
            assert_eq!(found, size, "{lengths:?} on {threads}");
        }
    }

    #[test]
    fn a_cost_goes_through_its_trials() {
        let [few, many] = [160, 610].map(Duration::from_micros);
        let cost = Cost::new(2, Duration::ZERO, [few, many], 6);
        assert!((cost.of(TRIALS[0]) - 6.0 * 160e-6).abs() < 1e-9);
        assert!((cost.of(TRIALS[1]) - 6.0 * 610e-6).abs() < 1e-9);
        let cost = Cost::new(2, Duration::ZERO, [many, few], 6);
        assert!(cost.token == 0.0 && cost.once > 0.0);
    }
}
