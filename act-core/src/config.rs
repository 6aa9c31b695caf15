//! Configuration in PaddleSlim's vocabulary, with our additions in the same sections.
//!
//! `docs/config.md` explains every key. An empty or absent section means its automatic default.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A whole configuration file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Model, task and data.
    #[serde(rename = "Global")]
    pub global: Global,
    /// The training loop.
    #[serde(rename = "TrainConfig")]
    pub train: TrainConfig,
    /// Losses against a teacher.
    #[serde(rename = "Distillation", deserialize_with = "or_default")]
    pub distillation: Distillation,
    /// Structured pruning; PaddleSlim's `TransformerPrune` is the same section.
    #[serde(
        rename = "Prune",
        alias = "TransformerPrune",
        deserialize_with = "or_default"
    )]
    pub prune: Prune,
    /// Search space of post-training quantisation.
    #[serde(rename = "HyperParameterOptimization", deserialize_with = "or_default")]
    pub hpo: HyperParameterOptimization,
    /// Post-training quantisation.
    #[serde(rename = "QuantPost", deserialize_with = "or_default")]
    pub quant_post: QuantPost,
    /// Quantisation-aware training.
    #[serde(rename = "QuantAware", deserialize_with = "or_default")]
    pub quant_aware: QuantAware,
}

fn or_default<'de, D, T>(d: D) -> std::result::Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

impl Config {
    /// The named sections as YAML, every key with the value that acted: what provenance keeps.
    pub fn yaml_of(&self, sections: &[&str]) -> Result<String> {
        let failed =
            |e: serde_yaml::Error| Error::failed(format!("writing the configuration: {e}"));
        let all: serde_yaml::Mapping =
            serde_yaml::from_value(serde_yaml::to_value(self).map_err(failed)?).map_err(failed)?;
        let acting: serde_yaml::Mapping = all
            .into_iter()
            .filter(|(name, _)| name.as_str().is_some_and(|name| sections.contains(&name)))
            .collect();
        serde_yaml::to_string(&acting).map_err(failed)
    }
}

/// Model, task and data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Global {
    pub model_dir: Option<String>,
    pub model_filename: Option<String>,
    pub params_filename: Option<String>,
    pub task_name: Option<String>,
    pub dataset: Option<String>,
    pub batch_size: Option<usize>,
    pub max_seq_length: Option<usize>,
    pub train_data: Option<String>,
    pub dev_data: Option<String>,
    /// Ours: folder of the data set, when `--data` does not give one.
    pub data_dir: Option<String>,
    /// Ours: columns of own data that hold the text, or the two texts of a pair.
    pub text_columns: Option<Vec<String>>,
    /// Ours: column of own data that holds the label.
    pub label_column: Option<String>,
    /// Ours: label names of own data; the index is the class.
    pub labels: Option<Vec<String>>,
}

/// The training loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Passes over the training data.
    pub epochs: usize,
    /// Upper bound of optimiser steps.
    pub train_iter: Option<usize>,
    /// Steps between evaluations; default: once an epoch.
    pub eval_iter: Option<usize>,
    /// Steps between log lines.
    pub logging_iter: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Ours: share of the steps over which the rate rises from 0.
    pub warmup_ratio: f64,
    /// Ours: `linear` (to 0 at the last step) or `constant`.
    pub lr_decay: LrDecay,
    /// Sequences a step; overrides `Global.batch_size`.
    pub batch_size: Option<usize>,
    /// Ours: sequences computed together; fixed, so that threads do not change results.
    pub micro_batch: usize,
    /// Ours: dropout of hidden states and attention probabilities while training.
    pub dropout: f64,
    /// Ours: share of train held out for early stopping and choice of the best weights.
    pub validation_ratio: f64,
    /// The optimiser.
    pub optimizer_builder: OptimizerBuilder,
    /// Accuracy that the input model must have, checked before work starts.
    pub origin_metric: Option<f64>,
    /// Stop as soon as this accuracy is passed.
    pub target_metric: Option<f64>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 3,
            train_iter: None,
            eval_iter: None,
            logging_iter: 100,
            learning_rate: 2e-5,
            warmup_ratio: 0.1,
            lr_decay: LrDecay::Linear,
            batch_size: None,
            micro_batch: 16,
            dropout: 0.1,
            validation_ratio: 0.05,
            optimizer_builder: OptimizerBuilder::default(),
            origin_metric: None,
            target_metric: None,
        }
    }
}

/// What the learning rate does after warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LrDecay {
    /// Falls linearly to 0 at the last step.
    Linear,
    /// Stays.
    Constant,
}

/// The optimiser, as PaddleSlim writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerBuilder {
    /// Its kind.
    pub optimizer: OptimizerKind,
    /// Decoupled weight decay; biases and norms are left out of it.
    pub weight_decay: f64,
    /// Global gradient norm above which gradients are scaled down; 0 switches it off.
    pub grad_clip: f64,
}

impl Default for OptimizerBuilder {
    fn default() -> Self {
        Self {
            optimizer: OptimizerKind::default(),
            weight_decay: 0.01,
            grad_clip: 1.0,
        }
    }
}

/// `optimizer: {type: AdamW}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerKind {
    /// Name in PaddlePaddle's spelling.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Default for OptimizerKind {
    fn default() -> Self {
        Self {
            kind: "AdamW".into(),
        }
    }
}

/// Losses against a teacher.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Distillation {
    /// The teacher, when the command line does not give one.
    pub teacher_model_dir: Option<String>,
    /// Accepted for PaddleSlim's files.
    pub teacher_model_filename: Option<String>,
    /// Accepted for PaddleSlim's files.
    pub teacher_params_filename: Option<String>,
    /// Ours: weight of the logit loss, mean squared error (PaddleSlim's `l2`).
    pub logits: f64,
    /// Ours: weight of cross-entropy against the labels while there is a teacher.
    pub labels: f64,
}

impl Default for Distillation {
    fn default() -> Self {
        Self {
            teacher_model_dir: None,
            teacher_model_filename: None,
            teacher_params_filename: None,
            logits: 1.0,
            labels: 0.5,
        }
    }
}

/// Structured pruning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prune {
    /// `transformer_pruner` is the one there is.
    pub prune_algo: String,
    /// Share of heads and of feed-forward neurons to remove from every layer.
    pub pruned_ratio: f64,
    /// Ours: training examples on which importance is measured.
    pub calibration_examples: usize,
}

impl Default for Prune {
    fn default() -> Self {
        Self {
            prune_algo: "transformer_pruner".into(),
            pruned_ratio: 0.25,
            calibration_examples: 2048,
        }
    }
}

/// Search space of post-training quantisation (a later issue searches it; lists of one are obeyed).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct HyperParameterOptimization {
    pub ptq_algo: Option<Vec<String>>,
    pub weight_quantize_type: Option<Vec<String>>,
    pub bias_correct: Option<Vec<bool>>,
    pub hist_percent: Option<Vec<f64>>,
    pub batch_num: Option<Vec<usize>>,
    pub max_quant_count: Option<usize>,
}

/// Post-training quantisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuantPost {
    /// Sequences a calibration batch.
    pub batch_size: usize,
    /// Calibration batches.
    pub batch_nums: usize,
    /// Calibration of activations: `abs_max`, `avg`, `mse`, `hist`, `KL`.
    pub algo: String,
    /// Percentile of `hist`.
    pub hist_percent: f64,
    /// `channel_wise_abs_max` or `abs_max`.
    pub weight_quantize_type: String,
    /// Accepted; activations follow `algo`.
    pub activation_quantize_type: Option<String>,
    /// Operators to quantise, in Paddle's names; the linears are `matmul`, `matmul_v2`, `mul`.
    pub quantize_op_types: Vec<String>,
    /// 8.
    pub weight_bits: u32,
    /// 8.
    pub activation_bits: u32,
    /// Accepted; artifacts export to ONNX by act-convert.
    pub onnx_format: Option<bool>,
    /// Ours: int8 embedding tables.
    pub embeddings: bool,
    /// Ours: largest magnitude of an integer weight.
    pub weight_max: u8,
    /// Ours: largest magnitude of an integer activation.
    pub activation_max: u8,
}

impl Default for QuantPost {
    fn default() -> Self {
        Self {
            batch_size: 32,
            batch_nums: 16,
            algo: "hist".into(),
            hist_percent: 0.9999,
            weight_quantize_type: "channel_wise_abs_max".into(),
            activation_quantize_type: None,
            quantize_op_types: ["mul", "matmul", "matmul_v2"].map(String::from).to_vec(),
            weight_bits: 8,
            activation_bits: 8,
            onnx_format: None,
            embeddings: true,
            weight_max: 127,
            activation_max: 127,
        }
    }
}

/// Quantisation-aware training (its stage comes with a later issue; the keys are known).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct QuantAware {
    pub quantize_op_types: Option<Vec<String>>,
    pub weight_bits: Option<u32>,
    pub activation_bits: Option<u32>,
    pub not_quant_pattern: Option<Vec<String>>,
    pub use_pact: Option<bool>,
    pub activation_quantize_type: Option<String>,
    pub weight_quantize_type: Option<String>,
    pub moving_rate: Option<f64>,
    pub onnx_format: Option<bool>,
    pub is_full_quantize: Option<bool>,
}

impl Config {
    /// Loads a file (or the defaults) and applies `Section.key=value` overrides.
    pub fn load(path: Option<&Path>, overrides: &[String]) -> Result<Self> {
        use serde_yaml::{Mapping, Value};
        let usage = |e: serde_yaml::Error| Error::usage(e.to_string());
        let text = match path {
            Some(path) => std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?,
            None => String::new(),
        };
        let mut root: Mapping = serde_yaml::from_str::<Option<_>>(&text)
            .map_err(usage)?
            .unwrap_or_default();
        for flag in overrides {
            let (key, value) = flag.split_once('=').ok_or_else(|| Error::usage(flag))?;
            let (section, key) = key.split_once('.').ok_or_else(|| Error::usage(flag))?;
            let value: Value = serde_yaml::from_str(value).map_err(usage)?;
            let section = root.entry(section.into()).or_insert(Value::Null);
            if section.is_null() {
                *section = Mapping::new().into();
            }
            section[key] = value;
        }
        serde_yaml::from_value(root.into()).map_err(usage)
    }
}
