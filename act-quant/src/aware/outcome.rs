//! What a quantisation-aware training came to: its part of the provenance record, of the report and of
//! the log.

use act_nn::{Journal, Trained};
use act_stage::provenance::{AwareFigures, Metric};
use act_stage::report::{Agreement, AwareEvaluation, AwareOutcome, AwareScore, KeptModel};
use act_train::Scored;
use act_train::record::{TeacherRecord, losses};

use crate::judge::Score;

/// A training that is done.
pub struct Outcome {
    /// Which model is the result.
    pub kept: KeptModel,
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
            kept: KeptModel::Calibrated,
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
    pub fn metrics(&self) -> Vec<Metric> {
        let figures = AwareFigures {
            trained_steps: self.steps,
            kept_step: match self.kept {
                KeptModel::Calibrated => 0,
                KeptModel::Trained => self.best_step,
            },
            calibrated_teacher_divergence: self.before.divergence,
            trained_teacher_divergence: self.after.map(|score| score.divergence),
        };
        figures.to_metrics()
    }

    /// For the report.
    pub fn report(&self) -> AwareOutcome {
        let score = |score: Score| AwareScore {
            divergence: score.divergence,
            accuracy: score.accuracy,
        };
        let evaluations = self.journal.evaluations.iter();
        let evaluations = evaluations.map(|e| AwareEvaluation {
            step: e.step,
            divergence: Scored::Divergence.value(e.score),
        });
        AwareOutcome {
            teacher: self.teacher.as_ref().map(|t| t.model_digest),
            examples: self.examples,
            steps: self.steps,
            best_step: self.best_step,
            calibrated: score(self.before),
            trained: self.after.map(score),
            diverged: self.diverged.clone(),
            engine_agreement: self.agreement,
            losses: losses(&self.journal),
            evaluations: evaluations.collect(),
        }
    }

    /// Says which model is kept, and why.
    pub(super) fn log(&self) {
        if let Some(why) = &self.diverged {
            log::warn!("{why}");
        }
        let before = told(&self.before);
        match (self.kept, &self.after) {
            (KeptModel::Trained, Some(after)) => log::info!(
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
