//! A pass over labelled examples, batch by batch.

use act_core::{Artifact, Error, Progress, Result};
use rayon::prelude::*;

use crate::backend::ActBackend;
use crate::examples::Examples;
use crate::loss::{self, Shard};
use crate::objective::Objective;
use crate::pool::pool;
use crate::weights::Weights;

/// A pass over labelled examples.
pub(super) struct Pass<'a> {
    pub(super) artifact: &'a Artifact,
    pub(super) examples: Examples<'a>,
    pub(super) batch_size: usize,
    pub(super) threads: usize,
    /// Advances by batches.
    pub(super) progress: &'a dyn Progress,
}

impl Pass<'_> {
    /// Computes `of_batch` for each batch and hands the results to `take` in order.
    ///
    /// # Errors
    /// Usage: no example. Those of `of_batch`. Interrupted.
    pub(super) fn each_batch<B: ActBackend, T: Send>(
        &self,
        device: &B::Device,
        of_batch: impl Fn(&Weights<B>, &Shard, usize) -> Result<T> + Sync,
        mut take: impl FnMut(T),
    ) -> Result<()> {
        loss::check(self.artifact, &self.examples, &Objective::LABELS)?;
        let n = self.examples.encodings.len();
        if n == 0 || self.batch_size == 0 {
            return Err(Error::usage(
                "importance needs at least one example and a batch size of 1",
            ));
        }
        let weights = Weights::<B>::load(self.artifact, device)?;
        let (plan, pad_id) = (&self.artifact.plan, self.artifact.tokenizer.pad_id());
        let threads = if B::THREADS { self.threads.max(1) } else { 1 };
        let pool = pool(threads)?;
        let indices: Vec<usize> = (0..n).collect();
        let batches: Vec<&[usize]> = indices.chunks(self.batch_size).collect();
        let examples = self.examples;
        let compute = |batch: &&[usize]| {
            let shard = Shard::new(&examples, batch, &Objective::LABELS, plan, pad_id)?;
            of_batch(&weights, &shard, batch.len())
        };
        for round in batches.chunks(threads) {
            let results: Vec<Result<T>> = pool.install(|| round.par_iter().map(compute).collect());
            for result in results {
                take(result?);
                self.progress.advance(1)?;
            }
        }
        Ok(())
    }
}
