//! Importance of attention heads and feed-forward neurons, from gradients of the labels' loss.
//!
//! One kind a file, one graph a batch; batches run side by side and are put together in order, so
//! that results do not depend on the number of threads. Dropout is off throughout.

mod first_order;
mod mask_gradients;

use act_core::{Artifact, Error, Result};
use rayon::prelude::*;

use crate::Examples;
use crate::backend::ActBackend;
use crate::loss::{self, Objective, Shard};
use crate::weights::Weights;

pub(crate) use first_order::importance_on;
pub use mask_gradients::MaskGradients;
pub(crate) use mask_gradients::mask_gradients_on;

const CROSS_ENTROPY: Objective = Objective {
    labels: 1.0,
    logits: 0.0,
};

/// Scores of one layer's structures: what removing each costs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LayerScores {
    /// One a head.
    pub heads: Vec<f64>,
    /// One a feed-forward neuron.
    pub neurons: Vec<f64>,
}

impl LayerScores {
    fn add(&mut self, other: &LayerScores) {
        let add = |sum: &mut [f64], x: &[f64]| sum.iter_mut().zip(x).for_each(|(s, x)| *s += x);
        add(&mut self.heads, &other.heads);
        add(&mut self.neurons, &other.neurons);
    }
}

/// A pass over labelled examples.
struct Run<'a> {
    artifact: &'a Artifact,
    examples: Examples<'a>,
    batch_size: usize,
    threads: usize,
}

impl Run<'_> {
    /// Computes `of_batch` for each batch and hands the results to `take` in order. `on_batch` is
    /// told how many batches are done and may stop by returning `false` (error: interrupted).
    fn each_batch<B: ActBackend, T: Send>(
        &self,
        device: &B::Device,
        of_batch: impl Fn(&Weights<B>, &Shard, usize) -> T + Sync,
        on_batch: &mut dyn FnMut(usize) -> bool,
        mut take: impl FnMut(T),
    ) -> Result<()> {
        loss::check(self.artifact, &self.examples, CROSS_ENTROPY)?;
        let n = self.examples.encodings.len();
        if n == 0 || self.batch_size == 0 {
            return Err(Error::usage(
                "importance needs at least one example and a batch size of 1",
            ));
        }
        let weights = Weights::<B>::load(self.artifact, device)?;
        let (plan, pad_id) = (&self.artifact.plan, self.artifact.tokenizer.pad_id);
        let threads = if B::THREADS { self.threads.max(1) } else { 1 };
        let pool = crate::pool(threads)?;
        let indices: Vec<usize> = (0..n).collect();
        let batches: Vec<&[usize]> = indices.chunks(self.batch_size).collect();
        let compute = |batch: &&[usize]| {
            let shard = Shard::new(&self.examples, batch, plan, pad_id);
            of_batch(&weights, &shard, batch.len())
        };
        let mut done = 0;
        for round in batches.chunks(threads) {
            let results: Vec<T> = pool.install(|| round.par_iter().map(compute).collect());
            for result in results {
                take(result);
                done += 1;
                if !on_batch(done) {
                    return Err(Error::interrupted());
                }
            }
        }
        Ok(())
    }
}
