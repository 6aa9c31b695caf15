//! Latency and speed-ups in a report.

use serde::{Deserialize, Serialize};

use crate::timing::Ratio;

/// What becomes of sequences of different lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Padding {
    /// Every sequence is padded to `seq`: what a benchmark at a fixed length computes.
    Fixed,
    /// Every sequence is padded to the batch's longest: what a padding engine computes.
    Longest,
    /// Padding is not computed: what this engine does.
    None,
}

impl Padding {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Padding::Fixed => "fixed",
            Padding::Longest => "longest",
            Padding::None => "none",
        }
    }
}

/// Latency in one setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencyReport {
    /// Sequences in a batch.
    pub batch: usize,
    /// Tokens of the longest sequence.
    pub seq: usize,
    /// What becomes of sequences of different lengths.
    pub padding: Padding,
    /// True if the time begins with the texts, false if with token ids.
    #[serde(default)]
    pub tokenizing: bool,
    /// Threads of the engine.
    pub threads: usize,
    /// `f32` or `int8`.
    #[serde(default)]
    pub precision: String,
    /// Median time of a batch in milliseconds.
    pub median_ms: f64,
    /// 95th percentile in milliseconds.
    #[serde(default)]
    pub p95_ms: f64,
    /// 99th percentile in milliseconds.
    #[serde(default)]
    pub p99_ms: f64,
    /// Sequences a second at the median.
    #[serde(default)]
    pub sequences_per_s: f64,
}

/// A speed-up over another model in one setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Speedup {
    /// Sequences in a batch.
    pub batch: usize,
    /// Tokens of the longest sequence.
    pub seq: usize,
    /// As in `latency`.
    pub padding: Padding,
    /// As in `latency`.
    #[serde(default)]
    pub tokenizing: bool,
    /// As in `latency`.
    #[serde(default)]
    pub threads: usize,
    /// Over the model compared with.
    #[serde(flatten)]
    pub ratio: Ratio,
}
