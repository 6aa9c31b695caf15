//! What trials are judged on, with the teacher's answers: how far int8 models are from it.

use act_core::metrics::Measure;
use act_core::{Artifact, Batch, Encoding, Problem, Result, Silent};
use act_infer::Engine;
use act_stage::report::Agreement;
use act_train::ExampleSet;

use crate::held_out::HeldOut;
use crate::judge::Score;
use crate::judges::Judges;

/// What int8 models are judged on.
pub(super) struct Examiner {
    /// Held-out examples of train.
    examples: ExampleSet,
    /// Texts that judge before them, and the teacher's logits.
    unseen: Option<(Judges, Vec<Vec<f32>>)>,
    measure: Option<Measure>,
    problem: Problem,
    batch_size: usize,
    threads: usize,
}

impl Examiner {
    /// Examples and texts about which the teacher has been asked.
    pub(super) fn new(
        examples: ExampleSet,
        unseen: Option<(Judges, Vec<Vec<f32>>)>,
        (problem, measure): (Problem, Option<Measure>),
        batch_size: usize,
        threads: usize,
    ) -> Self {
        Self {
            examples,
            unseen,
            measure,
            problem,
            batch_size,
            threads,
        }
    }

    /// Token ids of what judges.
    pub(super) fn encodings(&self) -> &[Encoding] {
        let unseen = self.unseen.as_ref();
        unseen.map_or(&self.examples.encodings, |(texts, _)| &texts.encodings)
    }

    /// How far an int8 model is from the teacher.
    pub(super) fn score(&self, int8: &Artifact) -> Result<Score> {
        let seen = HeldOut {
            encodings: &self.examples.encodings,
            expected: self.examples.teacher_logits.as_deref().unwrap_or_default(),
            labels: Some(&self.examples.labels),
            labelled: None,
            measure: self.measure.as_ref(),
            problem: &self.problem,
            batch_size: self.batch_size,
            threads: self.threads,
            progress: &Silent,
        };
        let Some((texts, expected)) = &self.unseen else {
            return seen.judge(int8, f64::INFINITY);
        };
        let unseen = HeldOut {
            encodings: &texts.encodings,
            expected,
            labels: texts.labels.as_deref(),
            labelled: (self.measure.is_some() && texts.labels.is_none()).then_some(&seen),
            ..seen
        };
        unseen.judge(int8, f64::INFINITY)
    }

    /// The answers of a forward pass beside those of the int8 model in the engine.
    pub(super) fn agreement(&self, ours: &[Vec<f32>], int8: &Artifact) -> Result<Agreement> {
        let encodings = self.encodings();
        let engine = Engine::new(int8.clone())?.with_threads(self.threads);
        let theirs = engine.forward(&Batch::new(encodings))?;
        let pairs = || ours.iter().zip(&theirs);
        let alike = pairs().filter(|(a, b)| self.problem.is_alike(a, b)).count();
        let largest = |(a, b): (&Vec<f32>, &Vec<f32>)| {
            let differences = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs()));
            differences.fold(0.0, f64::max)
        };
        let mut differences: Vec<f64> = pairs().map(largest).collect();
        differences.sort_by(f64::total_cmp);
        Ok(Agreement {
            predictions: alike as f64 / encodings.len().max(1) as f64,
            median_logit_difference: differences.get(encodings.len() / 2).copied().unwrap_or(0.0),
        })
    }
}
