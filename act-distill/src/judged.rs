//! How good a model's answers to held-out examples are: how many are right, and the metric that chooses
//! the weights.

use act_core::metrics::{Accuracy, Measure, Metric};
use act_core::{Artifact, Result, Silent};
use act_infer::Engine;
use act_stage::report::{MetricChange, Validation};
use act_train::{ExampleSet, teacher};

/// How good a model's answers to held-out examples are.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    /// How many are right.
    pub accuracy: Accuracy,
    /// What chooses the weights.
    pub metric: Metric,
    /// Its value.
    pub score: f64,
}

/// How good answers to held-out examples are; `None` without any.
pub fn judged(
    logits: Option<&[Vec<f32>]>,
    examples: &ExampleSet,
    measure: Measure,
) -> Option<Judged> {
    let logits = logits.filter(|logits| !logits.is_empty())?;
    Some(Judged {
        accuracy: Accuracy::of_logits(logits, &examples.labels),
        metric: measure.metric(),
        score: measure.of_logits(logits, &examples.labels),
    })
}

/// The trained model's answers to the held-out examples, of which training has measured `score`; `None`
/// without examples.
pub fn after(
    trained: &Artifact,
    score: Option<f64>,
    held_out: &ExampleSet,
    measure: Measure,
    threads: usize,
) -> Result<Option<Judged>> {
    let Some(score) = score else { return Ok(None) };
    let n = held_out.len();
    let accuracy = match measure.metric() {
        Metric::Accuracy => Accuracy::new((score * n as f64).round() as usize, n),
        _ => {
            let engine = Engine::new(trained.clone())?.with_threads(threads);
            let logits = teacher::logits(&engine, &held_out.encodings, &Silent)?;
            Accuracy::of_logits(&logits, &held_out.labels)
        }
    };
    Ok(Some(Judged {
        accuracy,
        metric: measure.metric(),
        score,
    }))
}

/// What is reported of the held-out examples; `None` without any.
pub fn validation(
    before: Option<Judged>,
    after: Option<Judged>,
    teacher: Option<Judged>,
) -> Option<Validation> {
    let (before, after) = before.zip(after)?;
    let chosen_by = MetricChange {
        metric: after.metric,
        before: before.score,
        after: after.score,
        teacher: teacher.map(|teacher| teacher.score),
    };
    Some(Validation {
        before: before.accuracy,
        after: after.accuracy,
        teacher: teacher.map(|teacher| teacher.accuracy),
        chosen_by: (after.metric != Metric::Accuracy).then_some(chosen_by),
    })
}
