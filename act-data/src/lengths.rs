//! How long examples are in tokens before anything is cut, and so how many of them are.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use act_stage::report::Cut;

/// Share of examples that is to stay whole in the length that is proposed.
const KEPT_PERCENT: usize = 99;

/// The uncut lengths of some encoded examples, and the longest that is kept whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lengths {
    limit: usize,
    /// How many examples have so many tokens.
    counts: BTreeMap<usize, usize>,
}

impl Lengths {
    /// Of no example yet; `limit` tokens are read.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            counts: BTreeMap::new(),
        }
    }

    /// Of sequences with so many tokens, special ones counted, of which `limit` are read.
    pub fn of(limit: usize, whole: impl IntoIterator<Item = usize>) -> Self {
        let mut lengths = Self::new(limit);
        whole.into_iter().for_each(|tokens| lengths.add(tokens));
        lengths
    }

    /// One more example, of so many tokens.
    pub fn add(&mut self, tokens: usize) {
        *self.counts.entry(tokens).or_default() += 1;
    }

    /// These and the lengths of other examples, encoded by the same tokenizer.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        for (&tokens, &examples) in &others.counts {
            *self.counts.entry(tokens).or_default() += examples;
        }
        self
    }

    /// How many are cut, and what length would cut hardly any.
    pub fn cut(&self) -> Cut {
        let of = self.counts.values().sum::<usize>();
        let longer = self.counts.range((Excluded(self.limit), Unbounded));
        let examples = longer.map(|(_, n)| n).sum();
        Cut {
            max_seq_length: self.limit,
            of,
            examples,
            share: examples as f64 / of.max(1) as f64,
            keeps_99_percent: self.percentile(KEPT_PERCENT),
        }
    }

    /// Nearest-rank percentile; 0 without examples.
    pub(crate) fn percentile(&self, percent: usize) -> usize {
        let rank = (self.counts.values().sum::<usize>() * percent).div_ceil(100);
        let mut seen = 0;
        let mut reached = self.counts.iter().filter(|(_, n)| {
            seen += **n;
            seen >= rank
        });
        reached.next().map_or(0, |(tokens, _)| *tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let of = |values: &[usize], percent| Lengths::of(9, values.to_vec()).percentile(percent);
        assert_eq!([50, 95, 100].map(|p| of(&[], p)), [0; 3]);
        assert_eq!([50, 95, 100].map(|p| of(&[7], p)), [7; 3]);
        let hundred: Vec<usize> = (1..=100).rev().collect();
        assert_eq!(
            [50, 95, 99, 100].map(|p| of(&hundred, p)),
            [50, 95, 99, 100]
        );
        assert_eq!([25, 50, 51].map(|p| of(&[3, 3, 3, 8], p)), [3, 3, 3]);
        assert_eq!(of(&[3, 3, 3, 8], 76), 8);
    }

    #[test]
    fn an_example_of_just_the_limit_is_whole() {
        let cut = |limit| Lengths::of(limit, 1..=200).cut();
        assert_eq!((cut(200).examples, cut(200).share), (0, 0.0));
        assert_eq!((cut(198).examples, cut(198).share), (2, 0.01));
        assert_eq!(cut(10).keeps_99_percent, 198, "whatever the limit");
        assert!(cut(198).is_much() && !cut(199).is_much());
        let nothing = Lengths::new(8).cut();
        assert_eq!(
            (nothing.of, nothing.share, nothing.is_much()),
            (0, 0.0, false)
        );
    }

    #[test]
    fn lengths_of_two_parts_are_judged_together() {
        let (short, long) = (Lengths::of(4, [3, 3, 3]), Lengths::of(4, [5]));
        let cut = short.and(&long).cut();
        assert_eq!((cut.of, cut.examples, cut.share), (4, 1, 0.25));
    }
}
