//! Dropout masks from a counter-based generator (in the manner of Salmon et al. 2011).
//!
//! Whether an element is kept is a pure function of the seed, the step, the example, the site and
//! the element's index within its example, so a mask can be computed anywhere, twice, in any order:
//! results depend neither on threads nor on which examples are computed together, and the backward
//! pass recomputes the mask instead of keeping it.

use std::sync::Arc;

use act_core::Seed;

/// Which tokens of a sequence ask (every token always answers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queries {
    /// All of them.
    All,
    /// Only the first, the classified one.
    First,
}

/// The mask of one example at one site: every element is kept with probability `1 - probability`
/// and then scaled by `1 / (1 - probability)`, or set to 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mask {
    pub(crate) scale: f32,
    pub(crate) threshold: u32,
    pub(crate) key: [u32; 2],
}

impl Mask {
    /// What element `index` of the example is multiplied with: 0 or `1 / (1 - probability)`.
    ///
    /// The mixer is two multiply-xorshift rounds ("lowbias32", Wellons 2018) with the key added
    /// before each round.
    #[inline(always)]
    pub(crate) fn factor(&self, index: u32) -> f32 {
        let mut x = index ^ self.key[0];
        x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
        x = (x ^ (x >> 15)).wrapping_add(self.key[1]);
        x = x.wrapping_mul(0x846c_a68b);
        x ^= x >> 16;
        if x >= self.threshold { self.scale } else { 0.0 }
    }
}

/// One use of dropout on examples that lie one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Dropout(Option<Arc<[(usize, Mask)]>>);

impl Dropout {
    /// Keeps everything as it is.
    pub(crate) const OFF: Dropout = Dropout(None);

    /// True if nothing is dropped.
    pub(crate) fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// Number of rows and mask of each example, in order; none if nothing is dropped.
    pub(crate) fn examples(&self) -> &[(usize, Mask)] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// Rows of elements of one width: where each begins in its example's mask.
pub(crate) struct MaskRows(Vec<(u32, Mask)>);

impl MaskRows {
    /// Rows that are tokens, `width` elements each, example after example.
    pub(crate) fn of_tokens(dropout: &Dropout, width: usize) -> Self {
        let rows =
            |&(rows, mask): &(usize, Mask)| (0..rows).map(move |row| ((row * width) as u32, mask));
        Self(dropout.examples().iter().flat_map(rows).collect())
    }

    /// The rows of attention probabilities `[batch, heads, queries, keys]`, padded: a probability
    /// has the index that it has among those of its sequence without padding. What padding is
    /// multiplied with does not matter.
    pub(crate) fn of_attention(
        dropout: &Dropout,
        lengths: &[usize],
        heads: usize,
        queries: usize,
    ) -> Self {
        let mut rows = Vec::with_capacity(lengths.len() * heads * queries);
        for (&length, &(_, mask)) in lengths.iter().zip(dropout.examples()) {
            let asking = length.min(queries);
            let row = |head, query| ((head * asking + query) * length) as u32;
            let of_head = |head| (0..queries).map(move |query| (row(head, query), mask));
            rows.extend((0..heads).flat_map(of_head));
        }
        Self(rows)
    }

    /// What each element is multiplied with, row-major, `[rows, width]`.
    pub(crate) fn factors(&self, width: usize) -> Vec<f32> {
        let rows = self.0.iter();
        let of_row = |&(start, mask): &(u32, Mask)| {
            (start..).take(width).map(move |index| mask.factor(index))
        };
        rows.flat_map(of_row).collect()
    }
}

/// Hands out the dropout of one forward pass, site by site.
#[derive(Debug, Clone)]
pub(crate) struct Noise {
    probability: f64,
    /// Seed and number of tokens of each example; `None`: no dropout.
    examples: Option<Arc<[(u64, usize)]>>,
    site: u64,
}

impl Noise {
    /// No dropout: evaluation.
    pub(crate) const OFF: Noise = Noise {
        probability: 0.0,
        examples: None,
        site: 0,
    };

    /// Dropout of some examples of one step: their numbers in the training set, and their tokens.
    pub(crate) fn new(
        probability: f64,
        seed: Seed,
        step: usize,
        indices: &[usize],
        lengths: &[usize],
    ) -> Self {
        if probability == 0.0 {
            return Self::OFF;
        }
        let seed = mix(seed.0 ^ mix(step as u64));
        let examples = indices.iter().zip(lengths);
        Self {
            probability,
            examples: Some(examples.map(|(&i, &n)| (mix(seed ^ i as u64), n)).collect()),
            site: 0,
        }
    }

    /// The dropout of the next site, which has a row for each of `rows`.
    pub(crate) fn next_site(&mut self, rows: Queries) -> Dropout {
        self.site += 1;
        let (probability, site) = (self.probability, mix(self.site));
        let mask = |&(seed, length): &(u64, usize)| {
            let key = mix(seed ^ site);
            let mask = Mask {
                scale: (1.0 / (1.0 - probability)) as f32,
                threshold: (probability * 4_294_967_296.0) as u32,
                key: [key as u32, (key >> 32) as u32],
            };
            match rows {
                Queries::All => (length, mask),
                Queries::First => (1, mask),
            }
        };
        let examples = self.examples.as_ref();
        Dropout(examples.map(|examples| examples.iter().map(mask).collect()))
    }
}

/// The finaliser of SplitMix64 (Steele et al. 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_right_share_and_the_mean() {
        let mut noise = Noise::new(0.1, Seed(42), 7, &[1], &[1]);
        let masks: Vec<Vec<bool>> = (0..2)
            .map(|_| {
                let dropout = noise.next_site(Queries::All);
                let (_, mask) = dropout.examples()[0];
                (0..100_000).map(|i| mask.factor(i) == 0.0).collect()
            })
            .collect();
        for mask in &masks {
            let dropped = mask.iter().filter(|d| **d).count() as f64 / 100_000.0;
            // Six standard deviations of a binomial share.
            assert!((dropped - 0.1).abs() < 6.0 * (0.09f64 / 100_000.0).sqrt());
            let both = mask.windows(2).filter(|w| w[0] && w[1]).count() as f64 / 100_000.0;
            assert!((both - 0.01).abs() < 0.002, "neighbours are independent");
        }
        let both = masks[0].iter().zip(&masks[1]).filter(|(a, b)| **a && **b);
        let share = both.count() as f64 / 100_000.0;
        assert!((share - 0.01).abs() < 0.002, "sites are independent");
    }

    #[test]
    fn a_mask_is_of_the_step_and_the_example_whatever_it_is_computed_with() {
        let draw = |step, indices: &[usize], place: usize| {
            let lengths = vec![3; indices.len()];
            let dropout = Noise::new(0.5, Seed(1), step, indices, &lengths).next_site(Queries::All);
            let (rows, mask) = dropout.examples()[place];
            assert_eq!(rows, 3);
            (0..64).map(|i| mask.factor(i)).collect::<Vec<_>>()
        };
        assert_eq!(draw(3, &[8], 0), draw(3, &[5, 9, 8], 2));
        assert_ne!(draw(3, &[8, 9], 0), draw(3, &[8, 9], 1));
        assert_ne!(draw(3, &[8], 0), draw(4, &[8], 0));
        assert_ne!(draw(0, &[1], 0), draw(1, &[0], 0));
    }
}
