//! How long examples are in tokens before anything is cut, and so how many of them are.

use act_stage::report::Cut;

/// The uncut lengths of some encoded examples, and the longest that is kept whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lengths {
    limit: usize,
    whole: Vec<usize>,
}

/// Share of examples that is to stay whole in the length that is proposed.
const KEPT_PERCENT: usize = 99;

impl Lengths {
    /// Of sequences with so many tokens, special ones counted, of which `limit` are read.
    pub fn new(limit: usize, whole: Vec<usize>) -> Self {
        Self { limit, whole }
    }

    /// These and the lengths of other examples, encoded by the same tokenizer.
    #[must_use]
    pub fn and(mut self, others: &Self) -> Self {
        self.whole.extend(&others.whole);
        self
    }

    /// How many are cut, and what length would cut hardly any.
    pub fn cut(&self) -> Cut {
        let examples = self.whole.iter().filter(|n| **n > self.limit).count();
        let of = self.whole.len();
        Cut {
            max_seq_length: self.limit,
            of,
            examples,
            share: examples as f64 / of.max(1) as f64,
            keeps_99_percent: percentile(&mut self.whole.clone(), KEPT_PERCENT),
        }
    }
}

/// Nearest-rank percentile; 0 without values. Moves the values about.
pub(crate) fn percentile(values: &mut [usize], percent: usize) -> usize {
    let rank = (values.len() * percent).div_ceil(100).saturating_sub(1);
    if values.is_empty() {
        return 0;
    }
    *values.select_nth_unstable(rank).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let of = |values: &[usize], percent| percentile(&mut values.to_vec(), percent);
        assert_eq!([50, 95, 100].map(|p| of(&[], p)), [0; 3]);
        assert_eq!([50, 95, 100].map(|p| of(&[7], p)), [7; 3]);
        let hundred: Vec<usize> = (1..=100).rev().collect();
        assert_eq!(
            [50, 95, 99, 100].map(|p| of(&hundred, p)),
            [50, 95, 99, 100]
        );
    }

    #[test]
    fn an_example_of_just_the_limit_is_whole() {
        let cut = |limit| Lengths::new(limit, (1..=200).collect()).cut();
        assert_eq!((cut(200).examples, cut(200).share), (0, 0.0));
        assert_eq!((cut(198).examples, cut(198).share), (2, 0.01));
        assert_eq!(cut(10).keeps_99_percent, 198, "whatever the limit");
        assert!(cut(198).is_much() && !cut(199).is_much());
        let nothing = Lengths::new(8, Vec::new()).cut();
        assert_eq!(
            (nothing.of, nothing.share, nothing.is_much()),
            (0, 0.0, false)
        );
    }

    #[test]
    fn lengths_of_two_parts_are_judged_together() {
        let (short, long) = (Lengths::new(4, vec![3; 3]), Lengths::new(4, vec![5]));
        let cut = short.and(&long).cut();
        assert_eq!((cut.of, cut.examples, cut.share), (4, 1, 0.25));
    }
}
