//! What a training gives: the model and the figures of its log line, report and provenance record.

use act_core::metrics::Metric;
use act_core::provenance::Digest;
use act_core::{Artifact, Error, Result};
use act_nn::Course;
use act_stage::report::{Cut, Validation};
use act_train::record::TeacherRecord;

use crate::harm::Fit;

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
    /// How many of them, and of those held out, were cut.
    pub cut: Cut,
    /// What has chosen the weights.
    pub metric: Metric,
    /// Figures of the held-out slice of train; `None` if nothing was held out.
    pub validation: Option<Validation>,
    /// Losses on some of the examples trained on, before and after.
    pub fit: Fit,
    /// How the training went.
    pub course: Course,
}

impl Distilled {
    /// True if training went to its end and the wanted value of the metric, when there is one, was
    /// reached on the validation slice.
    pub fn reached(&self, target: Option<f64>) -> bool {
        if self.course.diverged.is_some() {
            return false;
        }
        match (target, self.validation) {
            (Some(target), Some(validation)) => validation.score() >= target,
            _ => true,
        }
    }
}

/// After a divergence: error unless the best weights are better than those that went in. What was
/// won is never thrown away, and a model no better than its input is no result.
pub fn check_won(why: &str, before: Option<f64>, best: Option<f64>) -> Result<()> {
    match best {
        Some(best) if before.is_none_or(|before| best > before) => Ok(()),
        _ => Err(Error::failed(format!(
            "{why} (no evaluation before it was better than the input model)"
        ))),
    }
}

/// Error if training made the model worse, beyond what the 95 % intervals leave to chance: the loss
/// may run away and stay finite. The input is the better model then, so nothing is lost. Weights that
/// another metric chose may be right less often, if they have more of that.
pub fn check_not_worse(validation: &Validation, best_step: usize) -> Result<()> {
    let Validation { before, after, .. } = validation;
    let gained = validation.chosen_by.is_some_and(|by| by.after >= by.before);
    if after.high >= before.low || gained {
        return Ok(());
    }
    Err(Error::failed(format!(
        "training made the model worse: at best, after step {best_step}, {} {:.4} of {} held-out training \
         examples, before it was {:.4}; lower the learning rate, or train longer",
        match after.metric {
            Metric::Accuracy => "it is right on".to_string(),
            metric => format!("its {} is", metric.title()),
        },
        after.value,
        after.n,
        before.value
    )))
}

#[cfg(test)]
mod tests {
    use act_core::metrics::Accuracy;
    use act_stage::report::MetricChange;

    use super::*;

    #[test]
    fn worse_beyond_chance_is_an_error_and_chance_is_not() {
        let check = |before, after| {
            let validation = Validation {
                before: Accuracy::new(before, 200),
                after: Accuracy::new(after, 200),
                teacher: None,
                chosen_by: None,
            };
            check_not_worse(&validation, 7)
        };
        assert!(check(120, 121).is_ok());
        assert!(check(120, 112).is_ok(), "within both intervals");
        let message = check(120, 20).unwrap_err().to_string();
        assert!(message.contains("0.1000 of 200"), "{message}");
        assert!(message.contains("0.6000"), "{message}");
        assert!(message.contains("step 7"), "{message}");
    }

    #[test]
    fn fewer_right_answers_are_a_gain_where_the_metric_rose() {
        let check = |before, after| {
            let chosen_by = MetricChange {
                metric: Metric::MacroF1,
                before,
                after,
                teacher: None,
            };
            let validation = Validation {
                before: Accuracy::new(180, 200),
                after: Accuracy::new(140, 200),
                teacher: None,
                chosen_by: Some(chosen_by),
            };
            assert_eq!(validation.score(), after);
            check_not_worse(&validation, 7)
        };
        assert!(check(0.3, 0.6).is_ok());
        assert!(check(0.6, 0.5).is_err());
    }
}
