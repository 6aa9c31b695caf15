//! Whether a model became int8 by calibration alone or was trained with the rounding, and why. The
//! figures are in its provenance; act-quant's report adds the reason and how the training went.

use act_core::provenance::StageRecord;
use act_stage::provenance::{AwareFigures, QuantisationFigures};
use act_stage::report::{AwareEvaluation, HowQuantised, TrainedSummary};

use crate::lineage::number;

/// How a model became int8, from the last record of act-quant; `None` where there is none, or one
/// without its figures.
pub fn of(provenance: &[StageRecord]) -> Option<HowQuantised> {
    let record = provenance.iter().rfind(|r| r.stage == "act-quant")?;
    let trained = AwareFigures::from_metrics(&record.metrics);
    let calibrated = QuantisationFigures::from_metrics(&record.metrics)?;
    Some(HowQuantised {
        divergence: calibrated.divergence,
        seen_divergence: calibrated.seen_divergence,
        training: trained.map(|figures| TrainedSummary {
            steps: figures.trained_steps,
            kept_step: figures.kept_step,
            calibrated: figures.calibrated_teacher_divergence,
            trained: figures.trained_teacher_divergence,
        }),
        why: None,
    })
}

/// Which way was taken, why, and what it came to.
pub fn sentence(how: &HowQuantised) -> String {
    let reason = match &how.why {
        Some(why) => format!(": {}. ", why.reason),
        None => ". ".into(),
    };
    let texts = match how.seen_divergence {
        Some(_) => "texts that no training has seen",
        None => "held-out training examples",
    };
    let Some(outcome) = &how.training else {
        return format!(
            "Calibrated, not trained{reason}The calibrated model diverges from the float model by {} nats \
             an example on {texts}{}.",
            number(how.divergence),
            how.seen_divergence.map_or(String::new(), |seen| format!(
                ", {} on training examples",
                number(seen)
            ))
        );
    };
    let TrainedSummary {
        steps,
        kept_step,
        calibrated,
        trained,
    } = *outcome;
    let before = number(calibrated);
    let result = match (trained.map(number), kept_step) {
        (None, _) => "It came to nothing, and the calibrated model is kept.".into(),
        (Some(after), 0) => format!(
            "{steps} steps did not help: at best {after} nats an example from the teacher on \
             {texts}, where the calibrated model has {before} and is kept."
        ),
        (Some(after), kept) => format!(
            "{steps} steps took the divergence from the teacher on {texts} \
             from {before} to {after} nats an example; the weights of step {kept} are kept."
        ),
    };
    format!("Calibrated, then trained with the rounding{reason}{result}")
}

/// The evaluations, where the report has told them: none of a model that was not trained.
pub fn evaluations(how: &HowQuantised) -> &[AwareEvaluation] {
    how.why.as_ref().map_or(&[], |why| &why.evaluations)
}

/// What was evaluated: its name and unit, and its value in that unit.
pub fn evaluated(how: &HowQuantised) -> (String, impl Fn(&AwareEvaluation) -> f64) {
    let metric = how.why.as_ref().and_then(|why| why.metric);
    let name = match metric {
        None => "divergence, thousandths of a nat".to_string(),
        Some(metric) => metric.title().into(),
    };
    let value = move |e: &AwareEvaluation| match metric {
        None => 1e3 * e.divergence.unwrap_or(f64::NAN),
        Some(_) => e.score.unwrap_or(f64::NAN),
    };
    (name, value)
}

/// The evaluations in a line; `None` if there are none.
pub fn course(how: &HowQuantised) -> Option<String> {
    let (name, value) = evaluated(how);
    let evaluations = evaluations(how).iter();
    let points = evaluations.map(|e| format!("{} ({})", number(value(e)), e.step));
    let points: Vec<String> = points.collect();
    let first = name[..1].to_uppercase() + &name[1..];
    (!points.is_empty()).then(|| format!("{first} (after a step): {}.", points.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use act_core::metrics::Metric;
    use act_stage::report::WhyQuantised;

    use super::*;

    fn quantised(divergence: f64, training: Option<AwareFigures>) -> HowQuantised {
        let calibration = QuantisationFigures {
            validation_ratio: None,
            calibration_examples: 256,
            held_out_examples: 64,
            trials: 1,
            divergence,
            seen_divergence: None,
            sites: BTreeMap::new(),
            held_out_accuracy: None,
        };
        let mut record = StageRecord::new("act-quant", 1);
        record.metrics = calibration.to_metrics();
        let training = training.map(|training| training.to_metrics());
        record.metrics.extend(training.into_iter().flatten());
        of(&[StageRecord::new("act-distill", 1), record]).unwrap()
    }

    fn trained(kept_step: usize, trained: Option<f64>) -> HowQuantised {
        let figures = AwareFigures {
            trained_steps: 200,
            kept_step,
            calibrated_teacher_divergence: 1.26e-3,
            trained_teacher_divergence: trained,
        };
        quantised(1e-3, Some(figures))
    }

    #[test]
    fn provenance_alone_says_which_way_was_taken() {
        assert_eq!(of(&[StageRecord::new("act-quant", 1)]), None);
        assert_eq!(of(&[StageRecord::new("act-prune", 1)]), None);
        assert_eq!(
            sentence(&quantised(2.5e-4, None)),
            "Calibrated, not trained. The calibrated model diverges from the float model by 0.00025 \
             nats an example on held-out training examples."
        );
        let mut unseen = quantised(2.5e-4, None);
        unseen.seen_divergence = Some(1e-4);
        assert!(sentence(&unseen).ends_with(
            "by 0.00025 nats an example on texts that no training has seen, 0.0001 on training examples."
        ));
        let sentence = |kept_step, best| sentence(&trained(kept_step, best));
        let helped = sentence(180, Some(5.6e-4));
        let end = "from 0.00126 to 0.00056 nats an example; the weights of step 180 are kept.";
        assert!(helped.ends_with(end), "{helped}");
        let for_nothing = sentence(0, Some(5.6e-4));
        assert!(for_nothing.contains("did not help"), "{for_nothing}");
        let lost = sentence(0, None);
        assert!(lost.contains("came to nothing"), "{lost}");
    }

    #[test]
    fn the_report_adds_the_reason_and_the_course() {
        let mut quantised = quantised(1e-3, None);
        assert_eq!(course(&quantised), None);
        quantised.why = Some(WhyQuantised {
            mode: "ptq".into(),
            reason: "calibration alone was asked for".into(),
            metric: None,
            evaluations: [(24, 2e-3), (48, 1.5e-3)]
                .map(|(step, divergence)| AwareEvaluation {
                    step,
                    divergence: Some(divergence),
                    score: None,
                })
                .into(),
        });
        let sentence = sentence(&quantised);
        let begin = "Calibrated, not trained: calibration alone was asked for. The";
        assert!(sentence.starts_with(begin), "{sentence}");
        let course = course(&quantised).unwrap();
        assert!(course.ends_with(": 2 (24), 1.5 (48)."), "{course}");
        let why = quantised.why.as_mut().unwrap();
        why.metric = Some(Metric::MacroF1);
        why.evaluations = vec![AwareEvaluation {
            step: 24,
            divergence: None,
            score: Some(0.612),
        }];
        let course = super::course(&quantised).unwrap();
        assert_eq!(course, "Macro-F1 (after a step): 0.612 (24).");
    }
}
