//! Which heads and neurons stay: the most important of each layer, so many as are wanted.
//!
//! Selection knows scores and counts only, not where either comes from, so that other scores
//! (Fisher information, OBS) and other ways to set counts (budgets) use it as it is.

use act_nn::LayerScores;

use crate::ratio::Keep;

/// What stays of one layer, by index into the layer as it is now, rising.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Attention heads.
    pub heads: Vec<usize>,
    /// Feed-forward neurons.
    pub neurons: Vec<usize>,
}

impl Kept {
    /// The most important heads and neurons of a layer.
    pub fn strongest(scores: &LayerScores, keep: Keep) -> Self {
        Self {
            heads: strongest(&scores.heads, keep.heads),
            neurons: strongest(&scores.neurons, keep.neurons),
        }
    }
}

/// Indices of the `count` largest scores, rising. Of equal scores the first stays, so the answer
/// is the same on every machine.
pub fn strongest(scores: &[f64], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    order.truncate(count);
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_the_largest_in_their_original_order() {
        assert_eq!(strongest(&[0.1, 5.0, 0.2, 9.0], 2), [1, 3]);
        assert_eq!(strongest(&[3.0, 1.0, 2.0], 3), [0, 1, 2]);
        assert_eq!(strongest(&[3.0, 1.0, 2.0], 0), [0usize; 0]);
    }

    #[test]
    fn ties_go_to_the_lower_index() {
        assert_eq!(strongest(&[1.0; 5], 3), [0, 1, 2]);
        assert_eq!(strongest(&[0.0, 1.0, 0.0, 1.0, 0.0], 3), [0, 1, 3]);
    }

    proptest! {
        #[test]
        fn counts_are_exact_and_nothing_dropped_outranks_what_stays(
            scores in prop::collection::vec((0u8..20).prop_map(f64::from), 1..60),
            share in 0.0f64..=1.0,
        ) {
            let count = (scores.len() as f64 * share).round() as usize;
            let kept = strongest(&scores, count);
            prop_assert_eq!(kept.len(), count);
            prop_assert!(kept.windows(2).all(|w| w[0] < w[1]));
            let dropped = (0..scores.len()).filter(|i| !kept.contains(i));
            for d in dropped {
                for &k in &kept {
                    prop_assert!(scores[k] > scores[d] || (scores[k] == scores[d] && k < d));
                }
            }
        }
    }
}
