//! How the losses and accuracies of a training went, read from the report that act-distill wrote
//! beside its model. Foreign JSON is refused by name; fields this does not know are none of its
//! business.

use std::fs;
use std::path::{Path, PathBuf};

use act_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::model::stem;

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

#[derive(Deserialize)]
struct StageReport {
    training: Training,
}

#[derive(Deserialize)]
struct Training {
    losses: Vec<Loss>,
    evaluations: Vec<Evaluation>,
}

impl Course {
    /// Reads a report. Errors: no such file, or not the report of a training.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).map_err(|e| Error::io(path, e))?;
        let report: StageReport = serde_json::from_slice(&text).map_err(|e| {
            let path = path.display();
            Error::usage(format!("{path}: not a report of act-distill: {e}"))
        })?;
        let Training {
            losses,
            evaluations,
        } = report.training;
        Ok(Self {
            name: stem(path),
            losses,
            evaluations,
        })
    }

    /// Reads all.
    pub fn read_all(paths: &[PathBuf]) -> Result<Vec<Self>> {
        paths.iter().map(|path| Self::read(path)).collect()
    }
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
        let course = Course::read(&path).unwrap();
        assert_eq!(course.name, "student");
        let loss = Loss {
            step: 10,
            loss: 0.5,
        };
        assert_eq!(course.losses, [loss]);
        assert_eq!(course.evaluations[0].accuracy, 0.75);

        fs::write(&path, r#"{"schema":1}"#).unwrap();
        let error = Course::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("student.json: not a report of act-distill"),
            "{error}"
        );
    }
}
