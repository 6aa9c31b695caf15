//! How much of a layer stays: the configured ratio, rounded to whole heads as PaddleSlim rounds it.
//!
//! Only counts are decided here; which heads and neurons they are is the business of
//! [`select`](crate::select).

use act_core::{Error, LayerPlan, Result};

/// Share of heads and of feed-forward neurons to remove, `0.0..1.0`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio(f64);

/// How many heads and neurons of a layer stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Attention heads.
    pub heads: usize,
    /// Feed-forward neurons.
    pub neurons: usize,
}

impl Ratio {
    /// Checks that `ratio` removes a part and not all.
    pub fn new(ratio: f64) -> Result<Self> {
        if (0.0..1.0).contains(&ratio) {
            Ok(Self(ratio))
        } else {
            Err(Error::usage(format!(
                "Prune.pruned_ratio is {ratio}: give the share to remove, from 0 to below 1 (0.25)"
            )))
        }
    }

    /// The share as configured.
    pub fn value(self) -> f64 {
        self.0
    }

    /// What stays of `layer`: `round((1 - ratio) * heads)` heads, ties to even, and the same
    /// fraction of the neurons, rounded down (PaddleSlim's `transformer_pruner.py`). A layer that
    /// has heads keeps one, a layer that has neurons keeps one. Without heads there is nothing to
    /// fit, and the neurons follow the ratio itself.
    pub fn keep(self, layer: &LayerPlan) -> Keep {
        let (heads, neurons) = (layer.heads(), layer.intermediate_size);
        let kept = ((1.0 - self.0) * heads as f64).round_ties_even() as usize;
        let kept = kept.max(1).min(heads);
        let kept_neurons = match heads {
            0 => ((1.0 - self.0) * neurons as f64) as usize,
            // In integers: 7/10 of 90 is 63; PaddleSlim's floating point makes it 62.
            _ => neurons * kept / heads,
        };
        Keep {
            heads: kept,
            neurons: kept_neurons.max(1).min(neurons),
        }
    }

    /// One sentence for each distinct number of heads that the ratio does not fit.
    pub fn misfits(self, layers: &[LayerPlan]) -> Vec<String> {
        let mut counts: Vec<usize> = layers.iter().map(LayerPlan::heads).collect();
        counts.sort_unstable();
        counts.dedup();
        let mut sentences = Vec::new();
        for heads in counts.into_iter().filter(|&heads| heads > 0) {
            let kept = self.keep(&LayerPlan::full(heads, 1, 1)).heads;
            let actual = removed_share(kept, heads);
            if (actual - self.0).abs() > 1e-9 {
                sentences.push(format!(
                    "pruned_ratio {} does not fit {heads} heads: {kept} stay, the ratio is {actual:.4}",
                    self.0
                ));
            }
        }
        sentences
    }
}

/// Share that is gone when `kept` stay `of` so many; 0 of nothing.
pub fn removed_share(kept: usize, of: usize) -> f64 {
    match of {
        0 => 0.0,
        _ => 1.0 - kept as f64 / of as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(ratio: f64, heads: usize, neurons: usize) -> (usize, usize) {
        let keep = Ratio::new(ratio)
            .unwrap()
            .keep(&LayerPlan::full(heads, 64, neurons));
        (keep.heads, keep.neurons)
    }

    /// Python: `k = round((1 - ratio) * heads); k, int(ffn * (k / heads))`.
    #[test]
    fn rounds_as_paddleslim_does() {
        assert_eq!(keep(0.25, 12, 3072), (9, 2304));
        assert_eq!(keep(0.25, 4, 512), (3, 384));
        assert_eq!(keep(0.3, 12, 3072), (8, 2048));
        assert_eq!(keep(0.5, 12, 3072), (6, 1536));
        assert_eq!(keep(0.4, 12, 3072), (7, 1792));
        // Ties go to the even number: 10.5 to 10, 3.5 to 4, 2.5 to 2, 1.5 to 2.
        assert_eq!(keep(0.125, 12, 3072), (10, 2560));
        assert_eq!(keep(0.125, 4, 512), (4, 512));
        assert_eq!(keep(0.375, 4, 512), (2, 256));
        assert_eq!(keep(0.25, 2, 512), (2, 512));
        assert_eq!(keep(0.25, 12, 1000), (9, 750));
        assert_eq!(keep(0.25, 12, 1001), (9, 750));
    }

    #[test]
    fn something_always_stays_of_what_there_is() {
        assert_eq!(keep(0.99, 12, 3072), (1, 256));
        assert_eq!(keep(0.99, 12, 3), (1, 1));
        assert_eq!(keep(0.5, 0, 10), (0, 5));
        assert_eq!(keep(0.5, 0, 1), (0, 1));
        assert_eq!(keep(0.5, 4, 0), (2, 0));
        assert_eq!(keep(0.5, 0, 0), (0, 0));
        assert_eq!(keep(0.0, 12, 3072), (12, 3072));
    }

    #[test]
    fn a_ratio_that_does_not_fit_is_told_once_for_each_shape() {
        let layers = [12, 12, 4, 0].map(|heads| LayerPlan::full(heads, 64, 256));
        let ratio = |r| Ratio::new(r).unwrap();
        assert!(ratio(0.25).misfits(&layers).is_empty());
        let told = ratio(0.3).misfits(&layers);
        assert_eq!(told.len(), 2);
        assert!(told[0].contains("4 heads: 3 stay"), "{told:?}");
        assert!(told[1].contains("12 heads: 8 stay"), "{told:?}");
    }

    #[test]
    fn a_ratio_outside_its_range_is_refused() {
        for ratio in [-0.1, 1.0, 25.0, f64::NAN, f64::INFINITY] {
            let error = Ratio::new(ratio).unwrap_err();
            assert_eq!(error.kind(), act_core::ErrorKind::Usage);
            assert!(error.to_string().contains("Prune.pruned_ratio"));
        }
    }
}
