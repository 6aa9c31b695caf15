//! The held-out examples with the float model's answers: trials are judged on them, in the engine
//! that will serve.

use act_core::{Artifact, Batch, Encoding, Error, Progress, Result};
use act_infer::Engine;

use crate::judge::{Score, Tally};
use crate::samples::Samples;

/// Examples, and how the float model answers them.
pub struct HeldOut<'a> {
    batches: Vec<Batch>,
    expected: Vec<Vec<f32>>,
    labels: Option<&'a [u32]>,
    threads: usize,
    /// Advances by the examples of each batch.
    progress: &'a dyn Progress,
}

impl<'a> HeldOut<'a> {
    /// Asks the float model.
    ///
    /// # Errors
    /// Rejected: answers that are not finite. Those of the engine. Interrupted.
    pub fn new(
        float: &Engine,
        samples: &'a Samples,
        batch_size: usize,
        threads: usize,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let batches = batches(&samples.held_out, batch_size);
        let mut expected = Vec::new();
        for batch in &batches {
            expected.extend(float.forward(batch)?);
            progress.advance(batch.sequences())?;
        }
        if !expected.iter().flatten().all(|v| v.is_finite()) {
            return Err(Error::rejected(
                "the float model's class scores are not finite on held-out examples: the model is damaged \
                 or its training diverged",
            ));
        }
        Ok(Self {
            batches,
            expected,
            labels: samples.labels.as_deref(),
            threads,
            progress,
        })
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.expected.len()
    }

    /// How far an int8 model is from the float one; gives up once it must be further than `best`.
    ///
    /// # Errors
    /// Failed: answers that are not finite. Those of the engine. Interrupted.
    pub fn judge(&self, int8: &Artifact, best: f64) -> Result<Score> {
        self.judge_on(&self.batches, int8, best)
    }

    /// The same on about so many of the examples, at least one batch.
    pub fn judge_few(&self, int8: &Artifact, examples: usize) -> Result<Score> {
        let size = self.batches.first().map_or(1, |batch| batch.sequences());
        let few = examples.div_ceil(size).min(self.batches.len());
        self.judge_on(&self.batches[..few], int8, f64::INFINITY)
    }

    fn judge_on(&self, batches: &[Batch], int8: &Artifact, best: f64) -> Result<Score> {
        let engine = Engine::new(int8.clone())?.with_threads(self.threads);
        let mut tally = Tally::default();
        let mut seen = 0;
        for batch in batches {
            let answers = engine.forward(batch)?;
            let rows = seen..seen + answers.len();
            self.progress.advance(rows.len())?;
            let labels = self.labels.map(|labels| &labels[rows.clone()]);
            tally.add(&self.expected[rows.clone()], &answers, labels)?;
            seen = rows.end;
            if tally.is_lost(self.len(), best) {
                break;
            }
        }
        Ok(tally.score(self.labels.is_some()))
    }
}

/// The encodings in batches of `size`.
pub fn batches(encodings: &[Encoding], size: usize) -> Vec<Batch> {
    encodings.chunks(size).map(Batch::new).collect()
}
