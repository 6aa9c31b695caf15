//! How good a model's answers to held-out examples are: how many are right, and the metric that chooses
//! the weights. Thresholds of several labels are chosen here too, on the same examples.

use act_core::metrics::{Accuracy, Measure, Metric, thresholds};
use act_core::{Artifact, Problem, Result, Silent};
use act_infer::Engine;
use act_stage::report::{MetricChange, Validation};
use act_train::{ExampleSet, teacher};

/// How good a model's answers to held-out examples are.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    /// How many are right; of scores their correlation.
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
    measure: &Measure,
) -> Option<Judged> {
    let logits = logits.filter(|logits| !logits.is_empty())?;
    let problem = fitted(measure.problem(), logits, examples);
    Some(Judged {
        accuracy: Accuracy::of_logits(&problem, logits, &examples.labels),
        metric: measure.metric(),
        score: measure.of_logits(logits, &examples.labels),
    })
}

/// The problem with thresholds chosen on these answers, where it has some.
fn fitted(problem: &Problem, logits: &[Vec<f32>], examples: &ExampleSet) -> Problem {
    match problem {
        Problem::MultiLabel { thresholds: own } => Problem::MultiLabel {
            thresholds: thresholds(logits, &examples.labels, own.len()),
        },
        other => other.clone(),
    }
}

/// The trained model's answers to the held-out examples, of which training has measured `score`; `None`
/// without examples. Gives a model of several labels the thresholds that are best on them.
pub fn after(
    trained: &mut Artifact,
    score: Option<f64>,
    held_out: &ExampleSet,
    measure: &Measure,
    threads: usize,
) -> Result<Option<Judged>> {
    let Some(score) = score else { return Ok(None) };
    let n = held_out.len();
    let accuracy = match measure.metric() {
        Metric::Accuracy if trained.task.problem == Problem::SingleLabel => {
            Accuracy::new((score * n as f64).round() as usize, n)
        }
        _ => {
            let engine = Engine::new(trained.clone())?.with_threads(threads);
            let logits = teacher::logits(&engine, &held_out.encodings, &Silent)?;
            trained.task.problem = fitted(&trained.task.problem, &logits, held_out);
            Accuracy::of_logits(&trained.task.problem, &logits, &held_out.labels)
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
        chosen_by: (after.metric != after.accuracy.metric).then_some(chosen_by),
    })
}
