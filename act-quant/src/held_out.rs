//! What int8 models are judged on: held-out examples with the answers to keep to, run in the engine
//! that will serve.

use act_core::metrics::Measure;
use act_core::{Artifact, Batch, Encoding, Problem, Progress, Result, Target};
use act_infer::Engine;

use crate::judge::{Score, Tally};

/// Examples, and how the model that is to be replaced answers them.
#[derive(Clone, Copy)]
pub struct HeldOut<'a> {
    /// Token ids.
    pub encodings: &'a [Encoding],
    /// The logits to keep to, one row an encoding.
    pub expected: &'a [Vec<f32>],
    /// The right answers, one an encoding, if they are known.
    pub labels: Option<&'a [Target]>,
    /// Examples with classes that the measure is of, where these have none.
    pub labelled: Option<&'a HeldOut<'a>>,
    /// What of the answers goes before their divergence, if anything does.
    pub measure: Option<&'a Measure>,
    /// What the answers are.
    pub problem: &'a Problem,
    /// Sequences a batch.
    pub batch_size: usize,
    /// Threads; scores do not depend on it.
    pub threads: usize,
    /// Advances by examples.
    pub progress: &'a dyn Progress,
}

impl HeldOut<'_> {
    /// About so many of them: whole batches.
    pub fn first(&self, examples: usize) -> Self {
        let whole = examples.next_multiple_of(self.batch_size);
        let kept = whole.min(self.encodings.len());
        Self {
            encodings: &self.encodings[..kept],
            expected: &self.expected[..kept],
            labels: self.labels.map(|labels| &labels[..kept]),
            labelled: None,
            ..*self
        }
    }

    /// How far an int8 model is from those answers; gives up once it must be further than `best`.
    ///
    /// # Errors
    /// Failed: answers that are not finite. Those of the engine. Interrupted.
    pub fn judge(&self, int8: &Artifact, best: f64) -> Result<Score> {
        let engine = Engine::new(int8.clone())?.with_threads(self.threads);
        let mut score = self.score(&engine, best)?;
        if let Some(labelled) = self.labelled {
            let answers = labelled.score(&engine, f64::INFINITY)?;
            (score.accuracy, score.metric) = (answers.accuracy, answers.metric);
        }
        Ok(score)
    }

    fn score(&self, engine: &Engine, best: f64) -> Result<Score> {
        let mut tally = Tally::new(
            self.problem,
            self.measure.filter(|_| self.labels.is_some()).cloned(),
        );
        let mut seen = 0;
        for batch in self.encodings.chunks(self.batch_size) {
            let answers = engine.forward(&Batch::new(batch))?;
            self.progress.advance(batch.len())?;
            let rows = seen..seen + batch.len();
            seen = rows.end;
            let labels = self.labels.map(|labels| &labels[rows.clone()]);
            tally.add(&self.expected[rows], &answers, labels)?;
            // Of a measure the last example may decide, wherever it is taken.
            if self.labelled.is_none() && tally.is_lost(self.encodings.len(), best) {
                break;
            }
        }
        Ok(tally.score(self.labels.is_some()))
    }
}
