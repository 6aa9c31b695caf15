//! Answers by class in a report, and the figures that weigh the classes: what an accuracy hides. None of
//! them stand in reports of before, so that a reader must ask.

use act_core::metrics::ClassCounts;
use serde::{Deserialize, Serialize};

use super::differences::PairedDifference;

/// One class in an account of all classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassCount {
    /// The label.
    pub label: String,
    /// Examples of this class: its support.
    pub examples: usize,
    /// Examples that the model takes for this class.
    pub predicted: usize,
    /// Examples of this class that the model knows.
    pub correct: usize,
    /// Share of its examples that the model knows; absent without examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<f64>,
    /// Share of its answers that are right; absent if it is never answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<f64>,
    /// Harmonic mean of the two, 0 where one has no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f1: Option<f64>,
}

impl ClassCount {
    /// From the counts of a class.
    pub fn new(label: &str, counts: &ClassCounts) -> Self {
        Self {
            label: label.into(),
            examples: counts.examples,
            predicted: counts.predicted,
            correct: counts.correct,
            recall: counts.recall(),
            precision: counts.precision(),
            f1: Some(counts.f1()),
        }
    }
}

/// One class in a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedClass {
    /// This model's answers.
    #[serde(flatten)]
    pub count: ClassCount,
    /// Recall minus the first model's, on the examples of the class; absent for the first model, and
    /// without examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<PairedDifference>,
}

/// A figure of one model in a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its value.
    pub value: f64,
    /// Lower end of its 95 % interval from drawing the examples anew; absent in reports of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Its value minus the first model's; absent for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<FigureDifference>,
}

/// A difference of figures on the same examples, with a 95 % interval from drawing the examples anew.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FigureDifference {
    /// The difference.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How often the examples were drawn.
    pub draws: usize,
    /// Twice the smaller share of draws on one side of 0, at most 1; absent in reports of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
}

/// A class, and how many of its examples two models know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassLoss {
    /// The label.
    pub label: String,
    /// Examples of this class.
    pub examples: usize,
    /// The first model's recall.
    pub before: f64,
    /// This model's.
    pub after: f64,
    /// The one minus the other.
    pub difference: PairedDifference,
    /// The difference's p-value times the number of classes that it is the largest of (Bonferroni).
    pub adjusted_p: f64,
    /// True if that is below 0.05.
    pub significant: bool,
}
