//! Training with the rounding: what act-quant reports of it, and how a comparison tells how a model
//! became int8. Divergences are in nats an example.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::training::{LossPoint, number};
use act_core::metrics::{Accuracy, Metric};
use act_core::provenance::Digest;

/// Whether there was a training with the rounding, why, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AwareTraining {
    /// `ptq`, `qat` or `auto`.
    pub mode: String,
    /// Why there was a training, or none.
    pub reason: String,
    /// The divergence from which on `auto` trains.
    pub max_divergence: f64,
    /// Which model is the result.
    pub kept: KeptModel,
    /// What came of the training, if there was one.
    #[serde(flatten, deserialize_with = "outcome")]
    pub outcome: Option<AwareOutcome>,
}

/// Which model is the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeptModel {
    /// The calibrated one.
    #[serde(rename = "ptq")]
    Calibrated,
    /// The trained one.
    #[serde(rename = "qat")]
    Trained,
}

/// What came of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AwareOutcome {
    /// The teacher's digest; `None`: the float model itself.
    pub teacher: Option<Digest>,
    /// Examples trained on.
    pub examples: usize,
    /// Steps done.
    pub steps: usize,
    /// Step of the best.
    pub best_step: usize,
    /// The calibrated model against the teacher on the held-out examples.
    pub calibrated: AwareScore,
    /// The best of the training there; `None` if it came to no evaluation.
    pub trained: Option<AwareScore>,
    /// Why it ended early, if it diverged.
    pub diverged: Option<String>,
    /// Whether training saw what the engine computes; of a model that is kept.
    pub engine_agreement: Option<Agreement>,
    /// Mean losses at regular steps.
    pub losses: Vec<LossPoint>,
    /// What is evaluated; absent: divergence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// Every evaluation.
    pub evaluations: Vec<AwareEvaluation>,
}

/// An int8 model against the teacher on held-out examples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AwareScore {
    /// From the teacher.
    pub divergence: f64,
    /// Where the examples have labels.
    pub accuracy: Option<Accuracy>,
    /// The value of the metric that decides, if it is not divergence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

/// The forward pass that was trained, beside the engine's of the int8 model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Share of the examples that both classify alike.
    pub predictions: f64,
    /// Median over the examples of the largest difference of a logit.
    pub median_logit_difference: f64,
}

/// The int8 model after a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AwareEvaluation {
    /// Steps done.
    pub step: usize,
    /// From the teacher; absent where a metric is evaluated.
    #[serde(
        default,
        deserialize_with = "number",
        skip_serializing_if = "Option::is_none"
    )]
    pub divergence: Option<f64>,
    /// The metric's value.
    #[serde(
        default,
        deserialize_with = "number",
        skip_serializing_if = "Option::is_none"
    )]
    pub score: Option<f64>,
}

/// Without training there is no number of steps; with one, everything else must be right too.
fn outcome<'de, D: Deserializer<'de>>(fields: D) -> Result<Option<AwareOutcome>, D::Error> {
    let fields: Map<String, Value> = Map::deserialize(fields)?;
    if !fields.contains_key("steps") {
        return Ok(None);
    }
    let outcome = serde_json::from_value(Value::Object(fields));
    outcome.map(Some).map_err(D::Error::custom)
}

/// How a model became int8, as a comparison tells it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HowQuantised {
    /// Divergence of the calibrated model from the float one on examples of train that calibration
    /// has not seen.
    pub divergence: f64,
    /// The same on held-out examples of train, where `divergence` is on texts that no training has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_divergence: Option<f64>,
    /// What training with the rounding came to, if there was one.
    pub training: Option<TrainedSummary>,
    /// What act-quant's report adds, where it was given.
    #[serde(flatten)]
    pub why: Option<WhyQuantised>,
}

/// What a training came to; divergences are from its teacher.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrainedSummary {
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
pub struct WhyQuantised {
    /// `ptq`, `qat` or `auto`.
    pub mode: String,
    /// Why there was a training, or none.
    pub reason: String,
    /// What was evaluated; absent: divergence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// How the training went.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evaluations: Vec<AwareEvaluation>,
}

impl From<AwareTraining> for WhyQuantised {
    fn from(training: AwareTraining) -> Self {
        let outcome = training.outcome;
        Self {
            mode: training.mode,
            reason: training.reason,
            metric: outcome.as_ref().and_then(|outcome| outcome.metric),
            evaluations: outcome.map_or(Vec::new(), |outcome| outcome.evaluations),
        }
    }
}
