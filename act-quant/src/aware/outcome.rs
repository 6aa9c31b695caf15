//! What a quantisation-aware training came to: its part of the provenance record, of the report and of
//! the log.

use act_nn::{Journal, Trained};
use act_train::Scored;
use act_train::record::{TeacherRecord, losses};
use serde_json::{Map, Value, json};

use crate::judge::Score;

/// Which model is the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The calibrated one.
    Calibrated,
    /// The trained one.
    Trained,
}

/// The forward pass that was trained, beside the engine's of the int8 model, on the held-out examples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Share of the examples that both classify alike.
    pub predictions: f64,
    /// Median over the examples of the largest difference of a logit.
    pub median_difference: f64,
}

/// A training that is done.
pub struct Outcome {
    /// Which model is the result.
    pub kept: Kept,
    /// The teacher; `None`: the float model itself.
    pub teacher: Option<TeacherRecord>,
    /// Examples trained on.
    pub examples: usize,
    /// The calibrated model against the teacher on the held-out examples.
    pub before: Score,
    /// The best of the training there; `None` if it came to no evaluation.
    pub after: Option<Score>,
    /// Steps done.
    pub steps: usize,
    /// Step of the best.
    pub best_step: usize,
    /// Why it ended early, if it diverged.
    pub diverged: Option<String>,
    /// Losses; the evaluations' scores are negative divergences.
    pub journal: Journal,
    /// Whether training saw what the engine computes; of a model that is kept.
    pub agreement: Option<Agreement>,
}

impl Outcome {
    /// Nothing trained yet: the calibrated model, which has this score, is the result.
    pub(super) fn new(teacher: Option<TeacherRecord>, examples: usize, before: Score) -> Self {
        Self {
            kept: Kept::Calibrated,
            teacher,
            examples,
            before,
            after: None,
            steps: 0,
            best_step: 0,
            diverged: None,
            journal: Journal::default(),
            agreement: None,
        }
    }

    /// Takes note of how a training went.
    pub(super) fn note(&mut self, trained: &Trained) {
        (self.steps, self.best_step) = (trained.steps, trained.best_step);
        self.diverged.clone_from(&trained.diverged);
        self.journal.clone_from(&trained.journal);
    }

    /// For the provenance record.
    pub fn metrics(&self) -> Vec<(String, f64)> {
        let mut metrics = vec![
            ("trained_steps".to_string(), self.steps as f64),
            (
                "kept_step".into(),
                match self.kept {
                    Kept::Calibrated => 0.0,
                    Kept::Trained => self.best_step as f64,
                },
            ),
            (
                "calibrated_teacher_divergence".into(),
                self.before.divergence,
            ),
        ];
        metrics.extend(
            self.after
                .map(|s| ("trained_teacher_divergence".into(), s.divergence)),
        );
        metrics
    }

    /// For the report.
    pub fn details(&self) -> Map<String, Value> {
        let score =
            |score: &Score| json!({"divergence": score.divergence, "accuracy": score.accuracy});
        let details = json!({
            "kept": match self.kept {
                Kept::Calibrated => "ptq",
                Kept::Trained => "qat",
            },
            "teacher": self.teacher.as_ref().map(|t| t.model_digest),
            "examples": self.examples,
            "steps": self.steps,
            "best_step": self.best_step,
            "calibrated": score(&self.before),
            "trained": self.after.as_ref().map(score),
            "diverged": self.diverged,
            "engine_agreement": self.agreement.map(|a| json!({
                "predictions": a.predictions,
                "median_logit_difference": a.median_difference,
            })),
            "losses": losses(&self.journal),
            "evaluations": self.journal.evaluations.iter().map(|e| {
                json!({"step": e.step, "divergence": Scored::Divergence.value(e.score)})
            }).collect::<Vec<_>>(),
        });
        match details {
            Value::Object(details) => details,
            _ => Map::new(),
        }
    }

    /// Says which model is kept, and why.
    pub(super) fn log(&self) {
        if let Some(why) = &self.diverged {
            log::warn!("{why}");
        }
        let before = told(&self.before);
        match (self.kept, &self.after) {
            (Kept::Trained, Some(after)) => log::info!(
                "keeping the trained model of step {}: {}; calibrated: {before}",
                self.best_step,
                told(after)
            ),
            (_, Some(after)) => log::warn!(
                "training did not help ({}), keeping the calibrated model: {before}",
                told(after)
            ),
            (_, None) => log::warn!("training came to nothing, keeping the calibrated model"),
        }
    }
}

fn told(score: &Score) -> String {
    let accuracy = score
        .accuracy
        .map_or(String::new(), |a| format!(", accuracy {:.4}", a.value));
    format!(
        "divergence {:.3e} from the teacher{accuracy}",
        score.divergence
    )
}
