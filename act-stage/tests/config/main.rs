//! The configuration as users meet it: PaddleSlim's files are accepted, mistakes are told with
//! file, line, key and what is allowed.

mod all_at_once;
mod effect;
mod flags;
mod mistakes;
mod paddleslim;
mod recorded;
mod shipped;

use act_core::{Error, ErrorKind};
use act_stage::config::Config;

/// Loads a text as the file `x.yaml`.
fn load(text: impl AsRef<[u8]>, overrides: &[&str]) -> Result<Config, Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.yaml");
    std::fs::write(&path, text).unwrap();
    let overrides: Vec<String> = overrides.iter().map(|s| s.to_string()).collect();
    Config::load(Some(&path), &overrides)
}

/// The message of a refused text, the file's folder cut off.
fn refusal(text: impl AsRef<[u8]>, overrides: &[&str]) -> String {
    let error = load(text, overrides).expect_err("must be refused");
    assert_eq!(error.kind(), ErrorKind::Usage);
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    match message.find("x.yaml") {
        Some(at) => message[at..].into(),
        None => message,
    }
}

#[track_caller]
fn assert_refused(text: &str, expected: &str) {
    let message = refusal(text, &[]);
    assert!(
        message.starts_with(expected),
        "\nfound    {message}\nexpected {expected}"
    );
}

/// The sections that the reference's manual shows, for AFQMC.
const REFERENCE: &str = "
TrainConfig:
  epochs: 6
  eval_iter: 1070
  learning_rate: 2.0e-5
  optimizer_builder:
    optimizer:
      type: AdamW
    weight_decay: 0.01
  origin_metric: 0.7403
Distillation:
  teacher_model_dir: ./afqmc
  teacher_model_filename: inference.pdmodel
  teacher_params_filename: inference.pdiparams
Prune:
  prune_algo: transformer_pruner
  pruned_ratio: 0.25
HyperParameterOptimization:
  batch_num:
  - 4
  - 16
  bias_correct:
  - true
  hist_percent:
  - 0.999
  - 0.99999
  max_quant_count: 20
  ptq_algo:
  - KL
  - hist
  weight_quantize_type:
  - channel_wise_abs_max
QuantPost:
  activation_bits: 8
  quantize_op_types:
  - conv2d
  - depthwise_conv2d
  - mul
  - matmul_v2
  weight_bits: 8
";
