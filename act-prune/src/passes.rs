//! Passes over the calibration examples, layer by layer, on threads of their own.
//!
//! What is added up over batches is added in their order, so that no sum depends on the number of
//! threads.

use act_core::{Batch, Encoding, Error, Progress, Result};
use act_infer::{Engine, Stream};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::measure::Measure;

/// Sequences computed at once: bounds memory.
pub const BATCH: usize = 16;
/// Tokens of all batches, about, at most: bounds the memory of their residual streams, to 0.1 GB
/// for a hidden size of 768, and is ten times what the widest layer of such a model has inputs.
const TOKENS: usize = 1 << 15;

/// The calibration examples in batches, and threads.
pub struct Passes<'a> {
    batches: Vec<Batch>,
    pool: ThreadPool,
    /// Told of every batch that has gone through a layer.
    progress: &'a dyn Progress,
}

/// The batches of some examples.
fn batches(encodings: &[Encoding]) -> impl Iterator<Item = Batch> {
    let mut tokens = 0;
    encodings
        .chunks(BATCH)
        .map(Batch::new)
        .take_while(move |batch| {
            let fits = tokens < TOKENS;
            tokens += batch.tokens();
            fits
        })
}

impl<'a> Passes<'a> {
    /// Errors: no example.
    pub fn new(measure: &Measure<'a>) -> Result<Self> {
        let (encodings, threads) = (&measure.calibration.encodings, measure.threads);
        if encodings.is_empty() {
            return Err(Error::usage("there is no example to calibrate on"));
        }
        let pool = ThreadPoolBuilder::new().num_threads(threads.max(1)).build();
        Ok(Self {
            batches: batches(encodings).collect(),
            pool: pool
                .map_err(|e| Error::failed(format!("cannot start {threads} threads: {e}")))?,
            progress: measure.progress,
        })
    }

    /// Number of batches, at least 1.
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// Begins a piece of work that takes so many batches through a layer.
    pub fn begin(&self, what: &str, batches: usize) {
        self.progress.begin(what, batches);
    }

    /// The residual streams of all batches before the first layer.
    pub fn embed(&self, engine: &Engine) -> Result<Vec<Stream>> {
        self.batches.iter().map(|b| engine.embed(b)).collect()
    }

    /// Runs `compute` on batches and what belongs to each, several at once, and `take` on the
    /// results in order. As many batches as there are `own`; each goes through `layers` layers.
    /// Errors: those of `compute`; interrupted.
    pub fn each<S: Send, T: Send>(
        &self,
        own: &mut [S],
        layers: usize,
        compute: impl Fn(&Batch, &mut S) -> Result<T> + Sync,
        mut take: impl FnMut(T) + Send,
    ) -> Result<()> {
        let round = self.pool.current_num_threads();
        let rounds = self.batches.chunks(round).zip(own.chunks_mut(round));
        for (batches, own) in rounds {
            self.pool.install(|| {
                let pairs = batches.par_iter().zip(own.par_iter_mut());
                let results: Vec<Result<T>> = pairs.map(|(b, own)| compute(b, own)).collect();
                results
                    .into_iter()
                    .try_for_each(|result| result.map(&mut take))
            })?;
            self.progress.advance(batches.len() * layers)?;
        }
        Ok(())
    }

    /// Takes all streams through the next layer.
    pub fn step(&self, engine: &Engine, streams: &mut [Stream]) -> Result<()> {
        let step = |batch: &Batch, stream: &mut Stream| engine.step(batch, stream, None);
        self.each(streams, 1, step, drop)
    }

    /// Runs other work on the same threads.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.pool.install(work)
    }
}
