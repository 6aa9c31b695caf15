//! Whether a model became int8 by calibration alone or was trained with the rounding, and why. The
//! figures are in its provenance; act-quant's report adds the reason and how the training went.

use act_core::provenance::StageRecord;
use serde::{Deserialize, Serialize};

use crate::lineage::number;

/// How a model became int8.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quantised {
    /// Divergence of the calibrated model from the float one on examples of train that calibration
    /// has not seen, in nats an example.
    pub divergence: f64,
    /// What training with the rounding came to, if there was one.
    pub training: Option<Outcome>,
    /// What act-quant's report adds, where it was given.
    #[serde(flatten)]
    pub told: Option<Told>,
}

/// What a training came to; divergences are from its teacher.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Outcome {
    /// Steps done.
    pub steps: usize,
    /// Step of the weights that are kept; 0: the calibrated model is.
    pub kept_step: usize,
    /// Of the calibrated model.
    pub calibrated: f64,
    /// Of the best evaluation; absent if there was none.
    pub trained: Option<f64>,
}

/// What only the report of act-quant knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// `ptq`, `qat` or `auto`.
    pub mode: String,
    /// Why there was a training, or none.
    pub reason: String,
    /// How the training went.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evaluations: Vec<Evaluation>,
}

/// The int8 model after a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Steps done.
    pub step: usize,
    /// Divergence from the teacher in nats an example.
    pub divergence: f64,
}

impl Quantised {
    /// From the last record of act-quant; `None` where there is none, or one without its figures.
    pub fn new(provenance: &[StageRecord]) -> Option<Self> {
        let record = provenance.iter().rfind(|r| r.stage == "act-quant")?;
        let metric = |wanted: &str| {
            let mut all = record.metrics.iter();
            all.find(|(name, _)| name == wanted)
                .map(|(_, value)| *value)
        };
        let outcome = || {
            Some(Outcome {
                steps: metric("trained_steps")? as usize,
                kept_step: metric("kept_step")? as usize,
                calibrated: metric("calibrated_teacher_divergence")?,
                trained: metric("trained_teacher_divergence"),
            })
        };
        Some(Self {
            divergence: metric("divergence")?,
            training: outcome(),
            told: None,
        })
    }

    /// Which way was taken, why, and what it came to.
    pub fn sentence(&self) -> String {
        let reason = |otherwise: &str| match &self.told {
            Some(told) => format!(": {}. ", told.reason),
            None => otherwise.into(),
        };
        let Some(outcome) = &self.training else {
            return format!(
                "Calibrated, not trained{}The calibrated model diverges from the float model by {} \
                 nats an example on held-out training examples.",
                reason(". "),
                number(self.divergence)
            );
        };
        let Outcome {
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
                 held-out training examples, where the calibrated model has {before} and is kept."
            ),
            (Some(after), kept) => format!(
                "{steps} steps took the divergence from the teacher on held-out training examples \
                 from {before} to {after} nats an example; the weights of step {kept} are kept."
            ),
        };
        format!(
            "Calibrated, then trained with the rounding{}{result}",
            reason(". ")
        )
    }

    /// The evaluations, where the report has told them: none of a model that was not trained.
    pub fn evaluations(&self) -> &[Evaluation] {
        self.told.as_ref().map_or(&[], |told| &told.evaluations)
    }

    /// The evaluations in a line, in thousandths of a nat; `None` if there are none.
    pub fn course(&self) -> Option<String> {
        let evaluations = self.evaluations().iter();
        let points = evaluations.map(|e| format!("{} ({})", number(1e3 * e.divergence), e.step));
        let points: Vec<String> = points.collect();
        (!points.is_empty()).then(|| {
            format!(
                "Divergence in thousandths of a nat (after a step): {}.",
                points.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantised(metrics: &[(&str, f64)]) -> Option<Quantised> {
        let mut record = StageRecord::new("act-quant", 1);
        let metrics = metrics.iter();
        record.metrics = metrics.map(|(name, v)| (name.to_string(), *v)).collect();
        Quantised::new(&[StageRecord::new("act-distill", 1), record])
    }

    #[test]
    fn provenance_alone_says_which_way_was_taken() {
        assert_eq!(quantised(&[]), None);
        assert_eq!(Quantised::new(&[StageRecord::new("act-prune", 1)]), None);
        let calibrated = quantised(&[("divergence", 2.5e-4)]).unwrap();
        assert_eq!(
            calibrated.sentence(),
            "Calibrated, not trained. The calibrated model diverges from the float model by 0.00025 \
             nats an example on held-out training examples."
        );
        let trained = [
            ("divergence", 1e-3),
            ("trained_steps", 200.0),
            ("kept_step", 180.0),
            ("calibrated_teacher_divergence", 1.26e-3),
            ("trained_teacher_divergence", 5.6e-4),
        ];
        let sentence = quantised(&trained).unwrap().sentence();
        assert!(
            sentence.ends_with(
                "from 0.00126 to 0.00056 nats an example; the weights of step 180 are kept."
            ),
            "{sentence}"
        );
        let mut for_nothing = trained;
        for_nothing[2].1 = 0.0;
        let sentence = quantised(&for_nothing).unwrap().sentence();
        assert!(sentence.contains("did not help"), "{sentence}");
        let sentence = quantised(&trained[..4]).unwrap().sentence();
        assert!(sentence.contains("came to nothing"), "{sentence}");
    }

    #[test]
    fn the_report_adds_the_reason_and_the_course() {
        let mut quantised = quantised(&[("divergence", 1e-3)]).unwrap();
        assert_eq!(quantised.course(), None);
        quantised.told = Some(Told {
            mode: "ptq".into(),
            reason: "calibration alone was asked for".into(),
            evaluations: [(24, 2e-3), (48, 1.5e-3)]
                .map(|(step, divergence)| Evaluation { step, divergence })
                .into(),
        });
        let sentence = quantised.sentence();
        let begin = "Calibrated, not trained: calibration alone was asked for. The";
        assert!(sentence.starts_with(begin), "{sentence}");
        let course = quantised.course().unwrap();
        assert!(course.ends_with(": 2 (24), 1.5 (48)."), "{course}");
    }
}
