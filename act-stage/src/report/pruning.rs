//! What act-prune reports.

use serde::{Deserialize, Serialize};

use act_core::provenance::Digest;

/// What act-prune adds to its report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PruningDetails {
    /// All about the cut.
    pub pruning: Pruning,
}

/// What stays of a model and how important it was, what was promised and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pruning {
    /// Examples on which importance was measured.
    pub calibration_examples: usize,
    /// Share of all heads that is gone.
    pub heads_removed: f64,
    /// Share of all feed-forward neurons that is gone.
    pub neurons_removed: f64,
    /// Parameters of the model before.
    pub parameters_before: usize,
    /// Share of all parameters that is gone, embeddings included.
    pub parameters_removed: f64,
    /// The target and how it was kept, if there was one.
    pub promise: Option<Promise>,
    /// In which setting time was measured, if it was.
    pub latency_setting: Option<LatencySetting>,
    /// What became of the vocabulary, if anything.
    pub vocabulary: Option<VocabularyCut>,
    /// What happened to each layer; nothing where only the vocabulary was shortened.
    pub layers: Vec<PrunedLayer>,
}

/// A kept promise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promise {
    /// What was promised.
    pub promised: Goal,
    /// What the sum over blocks said.
    pub predicted: Goal,
    /// What was measured.
    pub measured: Goal,
    /// Share of all importance that stays.
    pub importance_kept: f64,
    /// Networks measured.
    pub rounds: usize,
}

/// A goal of pruning, wanted or kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Goal {
    /// So many times faster than the reference at the same precision.
    Speedup(f64),
    /// Milliseconds a sequence.
    Latency(f64),
    /// Share of the reference's parameters, embeddings included.
    Parameters(f64),
    /// Bytes of the file.
    Bytes(u64),
}

/// How a pruned model is timed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencySetting {
    /// `f32` or `int8`.
    pub precision: String,
    /// Sequences that are served together.
    pub batch: usize,
    /// Threads of the engine.
    pub threads: usize,
    /// Sequences of a timed pass.
    pub sequences: usize,
    /// Their mean length.
    pub mean_tokens: f64,
}

/// What became of the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VocabularyCut {
    /// Tokens before.
    pub before: usize,
    /// Tokens that stay.
    pub after: usize,
    /// Tokens of train, special ones not counted.
    pub train_tokens: usize,
    /// Of them, those that became `[UNK]` by this.
    pub train_unknown: usize,
}

/// What happened to one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrunedLayer {
    /// Heads that stay, numbered as in the model that was never pruned.
    pub kept_heads: Vec<u16>,
    /// Heads before.
    pub heads_before: usize,
    /// Feed-forward neurons that stay.
    pub kept_neurons: usize,
    /// Neurons before.
    pub neurons_before: usize,
    /// Importance of every head before the cut.
    pub head_importance: Vec<f64>,
    /// Share of the layer's head importance that stays.
    pub head_importance_kept: f64,
    /// Share of the layer's neuron importance that stays.
    pub neuron_importance_kept: f64,
}

/// The index of a family: a model for each of several speed-ups, slowest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FamilyIndex {
    /// Version of this schema, that of the reports.
    pub schema: u32,
    /// `act-prune`.
    pub stage: String,
    /// Digest of the model they were all made from.
    pub input: Option<Digest>,
    /// In which setting time was measured.
    pub latency_setting: Option<LatencySetting>,
    /// The models.
    pub members: Vec<FamilyMember>,
}

/// A model of a family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FamilyMember {
    /// Its file, in the index's folder.
    pub file: Option<String>,
    /// Its digest.
    pub model_digest: Digest,
    /// What was promised and how it was kept.
    pub promise: Option<Promise>,
    /// Number of parameters.
    pub parameters: usize,
    /// Size of the file.
    pub bytes: u64,
}
