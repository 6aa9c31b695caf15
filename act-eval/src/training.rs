//! How a training went, read from the reports that act-distill and act-quant wrote beside their
//! models. Foreign JSON is refused by name; fields this does not know are none of its business.

use std::fs;
use std::path::PathBuf;

use act_core::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::{Model, stem};
use crate::quantised::Told;

/// The course of one training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Course {
    /// What was trained: the report's file stem.
    pub name: String,
    /// Mean losses.
    pub losses: Vec<Loss>,
    /// Accuracies on the held-out slice of train.
    pub evaluations: Vec<Evaluation>,
}

/// Mean loss up to a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// 1-based step.
    pub step: usize,
    /// Mean loss since the point before.
    pub loss: f64,
}

/// Accuracy after a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Steps done.
    pub step: usize,
    /// Share of right answers, 0..=1.
    pub accuracy: f64,
}

/// What the reports of some stages say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reports {
    /// Of act-distill.
    pub courses: Vec<Course>,
    /// Of act-quant: where it is, the digest of its model, what it says.
    quantised: Vec<(PathBuf, String, Told)>,
}

/// A report of act-distill.
#[derive(Deserialize)]
struct Distilled {
    training: Training,
}

/// A report of act-quant.
#[derive(Deserialize)]
struct Quantised {
    model: Digested,
    training: Told,
}

#[derive(Deserialize)]
struct Digested {
    digest: String,
}

#[derive(Deserialize)]
struct Training {
    losses: Vec<Loss>,
    evaluations: Vec<Evaluation>,
}

impl Reports {
    /// Reads all. Errors: no such file, or not the report of a stage that trains.
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut reports = Self::default();
        for path in paths {
            let text = fs::read(path).map_err(|e| Error::io(path, e))?;
            let foreign = |e: serde_json::Error| {
                let path = path.display();
                Error::usage(format!(
                    "{path}: not a report of act-distill or act-quant: {e}"
                ))
            };
            let report: serde_json::Value = serde_json::from_slice(&text).map_err(foreign)?;
            if report["stage"] == "act-quant" {
                let Quantised { model, training } = of_stage(report).map_err(foreign)?;
                let told = (path.clone(), model.digest, training);
                reports.quantised.push(told);
            } else {
                let Distilled { training } = of_stage(report).map_err(foreign)?;
                reports.courses.push(Course {
                    name: stem(path),
                    losses: training.losses,
                    evaluations: training.evaluations,
                });
            }
        }
        Ok(reports)
    }

    /// Gives the reports of act-quant to the models that they are about. Errors: a report of none of
    /// them.
    pub fn explain(&self, models: &mut [Model]) -> Result<()> {
        for (path, digest, told) in &self.quantised {
            let of_this = |m: &&mut Model| m.report.model.digest.to_string() == *digest;
            let mut found = false;
            for model in models.iter_mut().filter(of_this) {
                found = true;
                if let Some(quantised) = &mut model.quantised {
                    quantised.told = Some(told.clone());
                }
            }
            if !found {
                let path = path.display();
                return Err(Error::usage(format!(
                    "{path}: the report of act-quant on another model ({digest:.12}); give that of a \
                     model of this comparison"
                )));
            }
        }
        Ok(())
    }
}

fn of_stage<T: DeserializeOwned>(report: serde_json::Value) -> serde_json::Result<T> {
    serde_json::from_value(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_and_anything_else_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("student.json");
        let report = r#"{"schema":1,"training":{"steps":20,
            "losses":[{"step":10,"loss":0.5,"learning_rate":1e-3}],
            "evaluations":[{"step":20,"accuracy":0.75,"best":true}]}}"#;
        fs::write(&path, report).unwrap();
        let reports = Reports::read(std::slice::from_ref(&path)).unwrap();
        let [course] = &reports.courses[..] else {
            panic!("{reports:?}")
        };
        assert_eq!(course.name, "student");
        let loss = Loss {
            step: 10,
            loss: 0.5,
        };
        assert_eq!(course.losses, [loss]);
        assert_eq!(course.evaluations[0].accuracy, 0.75);

        fs::write(&path, r#"{"schema":1}"#).unwrap();
        let error = Reports::read(std::slice::from_ref(&path))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("student.json: not a report of act-distill or act-quant"),
            "{error}"
        );
    }
}
