//! Dropout masks from a counter-based generator (in the manner of Salmon et al. 2011).
//!
//! Whether an element is kept is a pure function of a key and of the element's index, so a mask
//! can be computed anywhere, twice, in any order: results do not depend on threads, and the
//! backward pass recomputes the mask instead of keeping it.

use act_core::Seed;

/// One use of dropout: every element is kept with probability `1 - probability` and then scaled
/// by `1 / (1 - probability)`, or set to 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dropout {
    scale: f32,
    threshold: u32,
    key: [u32; 2],
}

impl Dropout {
    /// Keeps everything as it is.
    pub(crate) const OFF: Dropout = Dropout {
        scale: 1.0,
        threshold: 0,
        key: [0; 2],
    };

    /// True if nothing is dropped.
    pub(crate) fn is_off(&self) -> bool {
        self.threshold == 0
    }

    /// What element `index` is multiplied with: 0 or `1 / (1 - probability)`.
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

/// Hands out the dropout of one forward pass, site by site.
#[derive(Debug, Clone)]
pub(crate) struct Noise {
    probability: f64,
    seed: u64,
    site: u64,
}

impl Noise {
    /// No dropout: evaluation.
    pub(crate) const OFF: Noise = Noise {
        probability: 0.0,
        seed: 0,
        site: 0,
    };

    /// Dropout of one micro-batch (`shard`) of one step.
    pub(crate) fn new(probability: f64, seed: Seed, step: usize, shard: usize) -> Self {
        let seed = mix(mix(seed.0 ^ mix(step as u64)) ^ shard as u64);
        Self {
            probability,
            seed,
            site: 0,
        }
    }

    /// The dropout of the next site.
    pub(crate) fn next_site(&mut self) -> Dropout {
        if self.probability == 0.0 {
            return Dropout::OFF;
        }
        self.site += 1;
        let key = mix(self.seed ^ mix(self.site));
        Dropout {
            scale: (1.0 / (1.0 - self.probability)) as f32,
            threshold: (self.probability * 4_294_967_296.0) as u32,
            key: [key as u32, (key >> 32) as u32],
        }
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
        let mut noise = Noise::new(0.1, Seed(42), 7, 1);
        let masks: Vec<Vec<bool>> = (0..2)
            .map(|_| {
                let dropout = noise.next_site();
                (0..100_000).map(|i| dropout.factor(i) == 0.0).collect()
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
    fn steps_and_shards_have_their_own_masks() {
        let draw = |step, shard| {
            let dropout = Noise::new(0.5, Seed(1), step, shard).next_site();
            (0..64).map(|i| dropout.factor(i)).collect::<Vec<_>>()
        };
        assert_eq!(draw(3, 0), draw(3, 0));
        assert_ne!(draw(3, 0), draw(3, 1));
        assert_ne!(draw(3, 0), draw(4, 0));
        assert_ne!(draw(0, 1), draw(1, 0));
    }
}
