//! What a quantisation-aware training came to: its part of the provenance record, of the report and of
//! the log.

use act_nn::Course;
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
    /// How the training went; its scores are negative divergences, or the metric's.
    pub course: Course,
    /// Whether training saw what the engine computes; of a model that is kept.
    pub agreement: Option<Agreement>,
}

impl Outcome {
    /// For the provenance record.
    pub fn metrics(&self) -> Vec<Metric> {
        let figures = AwareFigures {
            trained_steps: self.course.steps,
            kept_step: match self.kept {
                KeptModel::Calibrated => 0,
                KeptModel::Trained => self.course.best_step,
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
            score: score.metric.map(|(_, value)| value),
        };
        let metric = self.before.metric.map(|(metric, _)| metric);
        let evaluations = self.course.journal.evaluations.iter();
        let evaluations = evaluations.map(|e| AwareEvaluation {
            step: e.step,
            divergence: metric.is_none().then(|| Scored::Divergence.value(e.score)),
            score: metric.map(|_| e.score),
        });
        AwareOutcome {
            teacher: self.teacher.as_ref().map(|t| t.model_digest),
            examples: self.examples,
            steps: self.course.steps,
            best_step: self.course.best_step,
            calibrated: score(self.before),
            trained: self.after.map(score),
            diverged: self.course.diverged.clone(),
            engine_agreement: self.agreement,
            losses: losses(&self.course.journal),
            metric,
            evaluations: evaluations.collect(),
        }
    }

    /// Says which model is kept, and why.
    pub(super) fn log(&self) {
        if let Some(why) = &self.course.diverged {
            log::warn!("{why}");
        }
        let before = told(&self.before);
        match (self.kept, &self.after) {
            (KeptModel::Trained, Some(after)) => log::info!(
                "keeping the trained model of step {}: {}; calibrated: {before}",
                self.course.best_step,
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
    format!(
        "divergence {:.3e} from the teacher{}",
        score.divergence,
        score.figures()
    )
}
