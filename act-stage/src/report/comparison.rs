//! What act-eval reports: of one model's accuracy, of its latency, and of several models side by
//! side. The first model of a comparison is the reference of every ratio and difference; the last is
//! what the pipeline made.

use serde::{Deserialize, Serialize};

use super::accuracy_promise::AccuracyPromise;
use super::aware::HowQuantised;
use super::classes::{ClassCount, ClassLoss, ComparedClass, Figure};
use super::cut::Cut;
use super::differences::{Changes, Confusion, PairedDifference};
use super::latency::{LatencyReport, Speedup};
use super::lineage::StageReport;
use super::quantisation::{InputSite, LinearReport};
use super::subject::ModelReport;
use super::training::{Evaluation, LossPoint};
use crate::memory::Memory;
use act_core::metrics::{Accuracy, Metric};

/// What `act-eval accuracy` adds to its report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccuracyDetails {
    /// The commonest right answer; absent without examples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub majority_class: Option<Majority>,
    /// Why the accuracy is no evidence of anything learned; absent if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Mean F1 of the classes that occur; of several labels a text, of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macro_f1: Option<f64>,
    /// F1 of all labels' counts together, of several labels a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_f1: Option<f64>,
    /// Label ranking average precision, of several labels a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lrap: Option<f64>,
    /// Spearman's correlation of scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spearman: Option<f64>,
    /// Matthews' correlation coefficient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mcc: Option<f64>,
    /// F1 of the positive class, of two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f1: Option<f64>,
    /// The class with the smallest recall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_class: Option<ClassCount>,
    /// Class by class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<ClassCount>>,
}

/// The commonest right answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Majority {
    /// The label.
    pub label: String,
    /// Its share of the examples: what a model must beat to have learned anything.
    pub share: f64,
}

/// What `act-eval bench` adds to its report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchDetails {
    /// Of the process, all its models together.
    pub memory: Memory,
    /// Over the model compared with, or over one thread; absent where there is nothing to compare.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speedups: Option<Vec<Speedup>>,
    /// The model compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared_with: Option<Reference>,
}

/// A model that another was compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// The model.
    pub model: ModelReport,
    /// Its latency, one row a setting.
    pub latency: Vec<LatencyReport>,
}

/// What `act-eval report` adds to its report, which is about the last model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparisonDetails {
    /// The models, as given.
    #[serde(default)]
    pub models: Vec<ComparedModel>,
    /// The commonest right answer.
    #[serde(default)]
    pub majority_class: Option<Majority>,
    /// The last model's answers, class by class.
    #[serde(default)]
    pub confusion: Confusion,
    /// Examples that the last model answers differently from the first; `None` for one model.
    #[serde(default)]
    pub changes: Option<Changes>,
    /// Where the time goes in the first setting.
    #[serde(default)]
    pub operators: Vec<Operator>,
    /// How the models were trained, where the user gave it.
    #[serde(default)]
    pub training: Vec<TrainingCourse>,
    /// What act-compress promised and tried, where the user gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<AccuracyPromise>,
    /// Every int8 linear of the last model.
    #[serde(default)]
    pub quant: Vec<LinearReport>,
    /// Every input of the last model, if it is int8.
    #[serde(default)]
    pub sites: Vec<InputSite>,
}

/// One model of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedModel {
    /// What the user calls it.
    pub name: String,
    /// Digest, parameters, bytes, layers, precision.
    pub model: ModelReport,
    /// Accuracy with its interval; of scores their correlation, which its `metric` names.
    pub accuracy: Accuracy,
    /// Why the accuracy is no evidence of anything learned; absent if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// How many examples it does not read to their end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// Accuracy minus the first model's, on the same examples; absent for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<PairedDifference>,
    /// Mean F1 of the classes that occur; of several labels a text, of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macro_f1: Option<Figure>,
    /// F1 of all labels' counts together, of several labels a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_f1: Option<Figure>,
    /// Label ranking average precision, of several labels a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lrap: Option<Figure>,
    /// Pearson's correlation of scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pearson: Option<Figure>,
    /// Spearman's correlation of scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spearman: Option<Figure>,
    /// Matthews' correlation coefficient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mcc: Option<Figure>,
    /// F1 of the positive class, of two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f1: Option<Figure>,
    /// The class with the smallest recall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_class: Option<ClassCount>,
    /// The class that lost most against the first model; absent for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_loss: Option<ClassLoss>,
    /// Classes that the first model knows and this one does not know any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost_classes: Vec<String>,
    /// Class by class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ComparedClass>,
    /// The first model's file size over this one's.
    pub size_ratio: f64,
    /// One row a setting.
    pub latency: Vec<LatencyReport>,
    /// Over the first model, one row a setting; empty for the first.
    pub speedups: Vec<Speedup>,
    /// How it became int8; absent of a model that act-quant did not make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantised: Option<HowQuantised>,
    /// How it was made.
    #[serde(default)]
    pub lineage: Vec<StageReport>,
}

/// One part of the forward pass in every model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operator {
    /// The part.
    pub name: String,
    /// Milliseconds in each model, in the models' order: medians over some runs on one thread.
    pub ms: Vec<f64>,
}

/// The course of one training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingCourse {
    /// What was trained: the stem of its report's file name.
    pub name: String,
    /// Mean losses.
    pub losses: Vec<LossPoint>,
    /// What is evaluated; absent: accuracy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// On the held-out slice of train.
    pub evaluations: Vec<Evaluation>,
}
