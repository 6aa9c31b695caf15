//! What act-compress promised of a model's accuracy, and what it saw on the way.

use serde::{Deserialize, Serialize};

/// A promise of accuracy, and every model that was tried for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccuracyPromise {
    /// Points that may be lost against the base.
    pub max_drop: f64,
    /// With which confidence, of all finalists together.
    pub confidence: f64,
    /// Whether the model that was taken keeps it.
    pub kept: bool,
    /// The judge's texts.
    pub judge: PromiseJudge,
    /// Training texts that held out weights and tries were compared on.
    pub choosing: usize,
    /// In the order in which they were tried.
    pub frontier: Vec<Tried>,
}

/// Texts that neither training nor choosing has seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromiseJudge {
    /// Which they are.
    pub name: String,
    /// How many.
    pub examples: usize,
    /// Whether the base may have been trained on them, which makes the promise harder to keep than it need be.
    pub base_may_know_them: bool,
}

/// A model that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// Speed-up over the base at the same precision that pruning kept to; 1 of the base quantised.
    pub speedup: f64,
    /// What was tried.
    pub what: Trial,
    /// The model's file.
    pub bytes: u64,
    /// Points lost against the base; negative if it is better.
    pub drop: f64,
    /// The most that it can have lost, with the confidence of one try or of all finalists.
    pub most: f64,
    /// Texts it was judged on.
    pub n: usize,
    /// Whether it passed.
    pub fits: bool,
    /// Whether it is the model that was taken.
    #[serde(default)]
    pub taken: bool,
}

/// How far a try went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trial {
    /// A short distillation, judged on the choosing texts as float.
    Short,
    /// A second one behind it.
    Longer,
    /// The whole distillation, quantised, before the judge.
    Finalist,
}

impl Trial {
    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Trial::Short => "short try",
            Trial::Longer => "longer try",
            Trial::Finalist => "finalist",
        }
    }
}
