//! What a training gives: the model and the figures of its log line, report and provenance record.

use act_core::metrics::Accuracy;
use act_core::provenance::Digest;
use act_core::{Artifact, Error, Result};
use act_nn::Journal;
use act_nn::distillation::teacher::TeacherRecord;
use serde::Serialize;

/// A trained model and how it came about.
pub struct Distilled {
    /// The model with its best weights; the caller adds the provenance record.
    pub artifact: Artifact,
    /// Digest of the model that went in.
    pub input: Digest,
    /// The teacher.
    pub teacher: Option<TeacherRecord>,
    /// Examples trained on.
    pub examples: usize,
    /// Accuracies on the held-out slice of train; `None` if nothing was held out.
    pub validation: Option<Validation>,
    /// Losses and evaluations.
    pub journal: Journal,
    /// Steps done.
    pub steps: usize,
    /// Step of the best weights.
    pub best_step: usize,
    /// Mean loss over the last epoch.
    pub final_loss: f64,
    /// Why training ended early, if loss or gradient stopped being finite; the model is the best
    /// one before that.
    pub diverged: Option<String>,
}

/// Accuracies on the validation slice.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Validation {
    /// Of the model that went in.
    pub before: Accuracy,
    /// Of the model that came out.
    pub after: Accuracy,
    /// Of the teacher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<Accuracy>,
}

impl Distilled {
    /// True if training went to its end and the wanted accuracy, when there is one, was reached on
    /// the validation slice.
    pub fn reached(&self, target: Option<f64>) -> bool {
        if self.diverged.is_some() {
            return false;
        }
        match (target, self.validation) {
            (Some(target), Some(validation)) => validation.after.value >= target,
            _ => true,
        }
    }
}

/// After a divergence: error unless the best weights are better than those that went in. What was
/// won is never thrown away, and a model no better than its input is no result.
pub fn check_won(why: &str, before: Option<Accuracy>, best: Option<f64>) -> Result<()> {
    match best {
        Some(best) if before.is_none_or(|before| best > before.value) => Ok(()),
        _ => Err(Error::failed(format!(
            "{why} (no evaluation before it was better than the input model)"
        ))),
    }
}
