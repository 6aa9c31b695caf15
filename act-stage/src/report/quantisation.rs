//! What act-quant reports: what became of every input and table, and every trial of the search.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::aware::AwareTraining;
use super::input_costs::InputCosts;
use act_core::metrics::{Accuracy, Metric};
use act_core::quant::{ActivationScheme, Calibrator, GroupLimit, LinearQuant};

/// What act-quant adds to its report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuantisationDetails {
    /// What calibration and search came to.
    pub quantization: Quantisation,
    /// Whether there was a training with the rounding, why, and what came of it.
    pub training: AwareTraining,
}

/// What calibration and search came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quantisation {
    /// What shares a weight scale, by PaddleSlim's name.
    pub weight_quantize_type: String,
    /// Which integers weights became, `nearest` or `compensated`; absent before there was a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_round: Option<String>,
    /// Whether biases make up for the mean error of the weights.
    pub bias_correction: bool,
    /// Whether the means of channels are taken off where each token has its own scale.
    pub shift_tokens: bool,
    /// Examples that were calibrated on.
    pub calibration_examples: usize,
    /// Examples that trials were judged on.
    pub held_out_examples: usize,
    /// Of the best trial from the float model, in nats an example.
    pub divergence: f64,
    /// How many inputs each scheme has.
    pub schemes: BTreeMap<String, usize>,
    /// Every linear.
    pub sites: Vec<QuantisedLinear>,
    /// Every int8 table.
    pub embeddings: Vec<QuantisedTable>,
    /// Layers whose attention multiplies bytes; left out where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub int8_attention: Vec<usize>,
    /// Every trial, in order.
    pub trials: Vec<QuantisationTrial>,
    /// The best one's index.
    pub best_trial: usize,
    /// What decided between them before divergence did; absent if nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// What every input costs, and what other schemes would have cost; absent if it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<InputCosts>,
    /// The texts that trials were judged on; absent in reports of before it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeReport>,
}

/// The texts that trials were judged on, and what the result promises there. Divergences are from the
/// float model, in nats an example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgeReport {
    /// `made` of training texts, of a `file`, of `train`, or of `dev`.
    pub texts: String,
    /// How many.
    pub examples: usize,
    /// Of the result.
    pub divergence: f64,
    /// Examples of train, most of which a training may have seen, that the result was judged on too;
    /// absent where they are the texts.
    pub seen_examples: Option<usize>,
    /// Of the result there.
    pub seen_divergence: Option<f64>,
    /// What choosing on these texts means for other figures, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What became of one linear.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuantisedLinear {
    /// Its input: `layer.0.attention.query.input`.
    pub site: String,
    /// `static`, `smooth`, `smooth_at_run_time`, `dynamic_per_token` or `float`.
    pub scheme: String,
    /// Why it has this scheme.
    pub reason: String,
    /// The calibrator that chose its scale, if one did.
    pub algo: Option<String>,
    /// The exponent of smoothing, if it is smoothed.
    pub smooth_alpha: Option<f64>,
    /// The magnitude beyond which values are clipped, with one scale.
    pub threshold: Option<f64>,
    /// The largest magnitude that calibration saw at its input.
    pub abs_max: Option<f64>,
    /// Value of one step of the input, with one scale.
    pub scale: Option<f64>,
    /// The byte that stands for 0.0, with one scale.
    pub zero_point: Option<u8>,
    /// Largest magnitude of an integer activation.
    pub activation_max: Option<u8>,
    /// Largest magnitude of an integer weight.
    pub weight_max: Option<u8>,
    /// What groups of integer weights keep to, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_limit: Option<GroupLimitReport>,
    /// Share of these groups that had to be cut down to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_cut: Option<f64>,
    /// Signal to noise of the rounded weights in decibels.
    pub weight_sqnr_db: Option<f64>,
    /// What leaving the input in float would take off the divergence, in nats an example.
    pub float_gain: f64,
    /// Estimated signal to noise of its outputs (of query, key and value together) in decibels; absent
    /// in float.
    pub sqnr_db: Option<f64>,
}

/// What became of one table of embeddings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuantisedTable {
    /// Its name.
    pub table: String,
    /// Signal to noise of its bytes in decibels, if any rounding was lost.
    pub sqnr_db: Option<f64>,
}

/// One trial and how it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuantisationTrial {
    /// What was tried.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// From the float model, in nats an example.
    pub divergence: f64,
    /// Of the int8 model, where the examples have labels.
    pub accuracy: Option<Accuracy>,
    /// Its value of the metric that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// True if it was given up before all examples, since it could not win any more.
    pub given_up: bool,
    /// Seconds of the evaluation, packing the weights included.
    pub seconds: f64,
}

/// What a trial tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Attempt {
    /// The same everywhere.
    Whole {
        /// The calibrator.
        algo: String,
        /// The percentile of `hist`.
        hist_percent: Option<f64>,
        /// What shares a weight scale.
        weight_quantize_type: String,
        /// Which integers weights become.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weight_round: Option<String>,
        /// Whether biases are corrected.
        bias_correct: bool,
    },
    /// The best so far, some inputs changed.
    Change {
        /// The inputs.
        sites: Vec<String>,
        /// What they became.
        scheme: String,
    },
    /// The best so far, the means of channels taken off where each token has its own scale.
    ShiftTokens {
        /// `means`.
        shift: String,
    },
    /// Each input the calibrator that adds it the least error.
    Calibrators {
        /// In words.
        algo: String,
    },
}

/// Ranges, scale and calibrator of one linear of an int8 model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinearReport {
    /// Its name.
    pub linear: String,
    /// Largest magnitude of a weight.
    pub weight_max: u8,
    /// Bits that a stored weight takes, where they are not 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_bits: Option<usize>,
    /// What groups of weights keep to, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_limit: Option<GroupLimitReport>,
    /// Largest magnitude of an activation about its zero point.
    pub activation_max: u8,
    /// How the input becomes integers.
    pub activation: ActivationReport,
    /// Who chose the scale.
    pub calibrator: String,
    /// The calibrator's argument, 0 without one.
    pub calibrator_arg: f64,
}

/// What groups of integer weights keep to: those of one sign add up to at most `max` in magnitude.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLimitReport {
    /// Weights of a group.
    pub size: u8,
    /// Largest sum of one sign.
    pub max: u16,
}

impl From<GroupLimit> for GroupLimitReport {
    fn from(GroupLimit { size, max }: GroupLimit) -> Self {
        Self { size, max }
    }
}

/// How the input of a linear becomes integers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "snake_case")]
pub enum ActivationReport {
    /// One scale for the whole tensor.
    Static {
        /// Value of one step.
        scale: f64,
        /// The byte that stands for 0.0.
        zero_point: u8,
    },
    /// Each token's own scale.
    DynamicPerToken,
}

impl From<&LinearQuant> for LinearReport {
    fn from(q: &LinearQuant) -> Self {
        Self {
            linear: q.linear.to_string(),
            weight_max: q.weight_max,
            weight_bits: Some(q.bits.bits()).filter(|&bits| bits != 8),
            group_limit: q.group_limit.map(GroupLimitReport::from),
            activation_max: q.activation_max,
            activation: match q.activation {
                ActivationScheme::Static { scale, zero_point } => ActivationReport::Static {
                    scale: scale.into(),
                    zero_point,
                },
                ActivationScheme::DynamicPerToken => ActivationReport::DynamicPerToken,
            },
            calibrator: q.calibrator.map_or("none", Calibrator::name).into(),
            calibrator_arg: q.calibrator_arg.into(),
        }
    }
}

/// An input of an int8 model, which one or three linears read: what became of it, and, where it was
/// measured, what it costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputSite {
    /// `layer.0.attention.query.input`
    pub site: String,
    /// The linears that read it: query, key and value, or one alone.
    pub linears: Vec<String>,
    /// `static`, `smooth`, `smooth_at_run_time`, `dynamic_per_token` or `float`.
    pub scheme: String,
    /// Signal to noise at the linears' outputs in decibels, where act-quant recorded it.
    pub sqnr_db: Option<f64>,
    /// Signal to noise of its rounded weights in decibels, of several linears the least, where recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_sqnr_db: Option<f64>,
    /// Share of the groups of weights that were cut down to their limit, where recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_cut: Option<f64>,
    /// What leaving it in float takes off the divergence, in nats an example, where it was recorded.
    pub float_gain: Option<f64>,
    /// Milliseconds in the model as it is, quantising the input included; where it was measured.
    pub ms: Option<f64>,
    /// Milliseconds in a float model of the same shape; where it was measured.
    pub float_ms: Option<f64>,
}
