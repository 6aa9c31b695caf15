//! What act-distill reports: the course of a training, and accuracies on the slice of train that it
//! held out. Accuracy on dev is act-eval's to measure.

use serde::{Deserialize, Deserializer, Serialize};

use act_core::metrics::{Accuracy, Metric};
use act_core::provenance::Digest;

/// What act-distill adds to its report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingDetails {
    /// The course of the training.
    pub training: Training,
    /// Accuracies on the validation slice; `None` if nothing was held out.
    pub validation: Option<Validation>,
    /// Losses on some of the examples trained on, before and after.
    pub fit: Option<Fit>,
    /// The teacher's digest.
    pub teacher: Option<Digest>,
}

/// The course of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Examples trained on.
    pub examples: usize,
    /// Steps done.
    pub steps: usize,
    /// Step of the best weights.
    pub best_step: usize,
    /// Mean loss over the last epoch; `None` if it is not finite.
    pub final_loss: Option<f64>,
    /// Mean losses at regular steps.
    pub losses: Vec<LossPoint>,
    /// What is evaluated; absent in reports of before, which have accuracies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// Every evaluation.
    pub evaluations: Vec<Evaluation>,
    /// Why training ended early, if loss or gradient stopped being finite.
    pub diverged: Option<String>,
    /// The most memory that the process has had, where the system tells.
    pub peak_memory_bytes: Option<u64>,
}

/// Mean loss of the steps up to `step` since the point before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LossPoint {
    /// 1-based step.
    pub step: usize,
    /// Mean loss.
    pub loss: f64,
    /// Learning rate of that step.
    #[serde(default)]
    pub learning_rate: f64,
}

/// One evaluation on the slice of train that is held out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Steps done.
    pub step: usize,
    /// Share of right answers, 0..=1; absent where another metric is evaluated.
    #[serde(
        default,
        deserialize_with = "number",
        skip_serializing_if = "Option::is_none"
    )]
    pub accuracy: Option<f64>,
    /// The other metric's value.
    #[serde(
        default,
        deserialize_with = "number",
        skip_serializing_if = "Option::is_none"
    )]
    pub score: Option<f64>,
    /// True if it is the best so far.
    #[serde(default)]
    pub best: bool,
}

/// A number where the field stands: `null` is none.
pub(super) fn number<'de, D: Deserializer<'de>>(field: D) -> Result<Option<f64>, D::Error> {
    f64::deserialize(field).map(Some)
}

impl Evaluation {
    /// Of a metric's value.
    pub fn new(metric: Metric, step: usize, value: f64, best: bool) -> Self {
        let of_accuracy = metric == Metric::Accuracy;
        Self {
            step,
            accuracy: of_accuracy.then_some(value),
            score: (!of_accuracy).then_some(value),
            best,
        }
    }

    /// The metric's value.
    pub fn value(&self) -> Option<f64> {
        self.accuracy.or(self.score)
    }
}

/// Accuracies on the validation slice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Of the model that went in.
    pub before: Accuracy,
    /// Of the model that came out.
    pub after: Accuracy,
    /// Of the teacher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<Accuracy>,
    /// What chose the weights, where it is not accuracy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen_by: Option<MetricChange>,
}

impl Validation {
    /// What chose the weights, of the model that came out.
    pub fn score(&self) -> f64 {
        self.chosen_by
            .map_or(self.after.value, |chosen| chosen.after)
    }
}

/// A metric other than accuracy on the validation slice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MetricChange {
    /// Which.
    pub metric: Metric,
    /// Of the model that went in.
    pub before: f64,
    /// Of the model that came out.
    pub after: f64,
    /// Of the teacher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<f64>,
}

/// Losses on some training examples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Mean cross-entropy of the model that went in, in nats.
    pub before: f64,
    /// Of the model that came out.
    pub after: f64,
    /// Of always answering with the shares of the classes in these examples: their entropy.
    pub guessing: f64,
    /// Number of examples.
    pub n: usize,
}
