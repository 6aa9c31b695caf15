//! What every input of an int8 model costs under its scheme, and what others would have cost: why the
//! search of act-quant came to what it is.

use serde::{Deserialize, Serialize};

/// The inputs, and how they were judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputCosts {
    /// Of the result from the float model on `examples`, in nats an example.
    pub divergence: f64,
    /// Texts that inputs are judged on, some of those that trials are.
    pub examples: usize,
    /// Sequences of the batch that was timed, on one thread of the report's `host`.
    pub sequences: usize,
    /// Tokens of each.
    pub tokens: usize,
    /// Seconds that judging might take; what was left then has no divergence.
    pub budget_s: f64,
    /// Seconds that it took.
    pub spent_s: f64,
    /// Schemes that the search had judged already.
    pub reused: usize,
    /// In forward order.
    pub inputs: Vec<InputCost>,
}

/// An input, which one or three linears read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputCost {
    /// `layer.0.attention.query.input`
    pub site: String,
    /// The linears that read it: query, key and value, or one alone.
    pub linears: Vec<String>,
    /// `static`, `smooth`, `smooth_at_run_time`, `dynamic_per_token` or `float`.
    pub scheme: String,
    /// Why it has this scheme.
    pub reason: String,
    /// What it is, and then what it could be.
    pub schemes: Vec<SchemeCost>,
}

/// One scheme of an input while all others stay as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SchemeCost {
    /// `static`, `smooth`, `smooth_at_run_time`, `dynamic_per_token` or `float`.
    pub scheme: String,
    /// Whether the result has it.
    pub chosen: bool,
    /// Whether the options allow it; float is always judged.
    pub allowed: bool,
    /// The calibrator that chooses its scale, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algo: Option<String>,
    /// The exponent of smoothing, if it is smoothed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smooth_alpha: Option<f64>,
    /// Of the whole model from the float one, in nats an example; absent where the time was out.
    pub divergence: Option<f64>,
    /// Length of the model's file, but for its provenance.
    pub bytes: u64,
    /// Milliseconds of quantising the input and of its products; absent where they are counted to
    /// another input.
    pub ms: Option<f64>,
}
