//! One seed, many streams: each use of chance has its own name, so that one more draw in one place
//! does not move another.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The number given with `--seed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// The generator for one named purpose; the same for the same seed and name on every machine.
    pub fn stream(self, name: &str) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(*self.digest(name).as_bytes())
    }

    /// A derived seed, for purposes that number their own streams (step 17, shard 2).
    pub fn derive(self, name: &str) -> Seed {
        let digest = self.digest(name);
        let mut first = [0u8; 8];
        first.copy_from_slice(&digest.as_bytes()[..8]);
        Seed(u64::from_le_bytes(first))
    }

    fn digest(self, name: &str) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0.to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.finalize()
    }
}
