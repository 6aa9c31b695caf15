//! How a training went, read from the reports that act-distill and act-quant wrote beside their
//! models. Foreign JSON is refused by name; fields this does not know are none of its business.

use std::path::{Path, PathBuf};

use act_core::provenance::Digest;
use act_core::{Error, Result};
use act_stage::report::{
    self, NoDetails, QuantisationDetails, Report, TrainingCourse, TrainingDetails, WhyQuantised,
};

use crate::model::{Model, stem};

/// Who writes what is read here.
const WRITERS: &str = "act-distill or act-quant";

/// What the reports of some stages say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrainingReports {
    /// Of act-distill.
    pub courses: Vec<TrainingCourse>,
    /// Of act-quant: where it is, the digest of its model, what it says.
    quantised: Vec<(PathBuf, Digest, WhyQuantised)>,
}

impl TrainingReports {
    /// Reads all.
    ///
    /// # Errors
    /// No such file, or not the report of a stage that trains.
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut reports = Self::default();
        for path in paths {
            let json = report::load(path)?;
            let read = reports.add(path, &json);
            read.map_err(|e| e.context(path.display()))?;
        }
        Ok(reports)
    }

    fn add(&mut self, path: &Path, json: &[u8]) -> Result<()> {
        let whose: Report<NoDetails> = report::parse(json, WRITERS)?;
        if whose.stage == "act-quant" {
            let told: Report<QuantisationDetails> = report::parse(json, WRITERS)?;
            let why = told.details.training.into();
            self.quantised.push((path.into(), told.model.digest, why));
        } else {
            let told: Report<TrainingDetails> = report::parse(json, WRITERS)?;
            let training = told.details.training;
            self.courses.push(TrainingCourse {
                name: stem(path),
                losses: training.losses,
                metric: training.metric,
                evaluations: training.evaluations,
            });
        }
        Ok(())
    }

    /// Gives the reports of act-quant to the models that they are about.
    ///
    /// # Errors
    /// A report of none of them.
    pub fn explain(&self, models: &mut [Model]) -> Result<()> {
        for (path, digest, why) in &self.quantised {
            let mut found = false;
            for model in models
                .iter_mut()
                .filter(|m| m.report.model.digest == *digest)
            {
                found = true;
                if let Some(quantised) = &mut model.quantised {
                    quantised.why = Some(why.clone());
                }
            }
            if !found {
                let path = path.display();
                return Err(Error::usage(format!(
                    "{path}: the report of act-quant on another model ({:.12}); give that of a model of \
                     this comparison",
                    digest.to_string()
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use act_core::metrics::Metric;
    use act_core::testing::{TinyOptions, tiny_artifact};
    use act_stage::report::{Evaluation, LossPoint, Training};

    use super::*;

    #[test]
    fn a_report_is_read_and_anything_else_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("student.json");
        let read = |json: String| {
            std::fs::write(&path, json).unwrap();
            TrainingReports::read(std::slice::from_ref(&path))
        };
        let details = TrainingDetails {
            training: Training {
                examples: 9,
                steps: 20,
                best_step: 20,
                final_loss: Some(0.5),
                losses: vec![LossPoint {
                    step: 10,
                    loss: 0.5,
                    learning_rate: 1e-3,
                }],
                metric: None,
                evaluations: vec![Evaluation::new(Metric::Accuracy, 20, 0.75, true)],
                diverged: None,
                peak_memory_bytes: None,
            },
            validation: None,
            fit: None,
            teacher: None,
        };
        let model = tiny_artifact(1, &TinyOptions::default());
        let report = Report::new("act-distill", &model).unwrap();
        let json = |report| serde_json::to_string(report).unwrap();
        let courses = read(json(&report.clone().with(details.clone())))
            .unwrap()
            .courses;
        assert_eq!(courses[0].name, "student");
        assert_eq!(courses[0].losses, details.training.losses);
        assert_eq!(courses[0].evaluations, details.training.evaluations);

        let other = serde_json::to_string(&report).unwrap();
        for foreign in [other.as_str(), r#"{"schema":1}"#, "[]"] {
            let error = read(foreign.into()).unwrap_err().to_string();
            assert!(
                error.contains("student.json: not a report of act-distill or act-quant"),
                "{error}"
            );
        }
    }
}
