//! What provenance holds of a configuration. Checkpoints are known by it, so that a byte that changes
//! without need costs a training that was broken off.

use act_stage::config::{Config, Section};

use super::load;

/// Every section with nothing given.
const DEFAULTS: &str = "\
Global: {}
TrainConfig:
  epochs: 3
  logging_iter: 100
  learning_rate: 0.00002
  gradient_accumulation: 1
  dropout: 0.1
  validation_ratio: 0.05
  optimizer_builder:
    optimizer:
      type: AdamW
    grad_clip: 1.0
Distillation: {}
Prune:
  prune_algo: transformer_pruner
  precision: int8
  latency_batch: 1
  latency_threads: 1
  vocabulary: all
  calibration_examples: 2048
HyperParameterOptimization: {}
QuantPost:
  batch_size: 32
  batch_nums: 16
  algo: hist
  hist_percent: 0.9999
  weight_quantize_type: channel_wise_abs_max
  weight_round: compensated
  bias_correction: true
  quantize_op_types:
  - mul
  - matmul
  - matmul_v2
  weight_bits: 8
  activation_bits: 8
  schemes:
  - static
  - smooth
  - smooth_at_run_time
  - dynamic
  - float
  shift: true
  smooth_alpha:
  - 0.25
  - 0.5
  - 0.75
  - 0.9
  range_passes: 2
  range_examples: 128
  max_divergence: 0.001
  judge: automatic
  embeddings: true
  weight_max: 127
  weight_groups: pairs
  activation_max: 127
  group_size: 32
  attention: f32
QuantAware:
  quantize_op_types:
  - mul
  - matmul
  - matmul_v2
  weight_bits: 8
  activation_bits: 8
  weight_quantize_type: channel_wise_lsq
  max_divergence: 0.002
  dropout: 0.0
";

/// Every name and quantity that a key may hold in more than one way, as it is recorded.
const NAMED: &str = "\
TrainConfig:
  epochs: 3
  logging_iter: 100
  learning_rate:
    type: CosineAnnealingDecay
    learning_rate: 0.00003
    T_max: 9
    eta_min: 0.0
  gradient_accumulation: 1
  dropout: 0.1
  validation_ratio: 0.05
  optimizer_builder:
    optimizer:
      type: SGD
    regularizer:
      type: L2Decay
      coeff: 0.5
    grad_clip: 1.0
  amp_config:
    dtype: bfloat16
Distillation:
  loss:
  - l2
  - soft_label
  node:
  - pooled
  - logits
  alpha:
  - 0.5
  - 1.0
Prune:
  prune_algo: transformer_pruner
  budget: 1.5 s
  criterion: first_order
  precision: f32
  latency_batch: 1
  latency_threads: 1
  vocabulary: used
  calibration_examples: 2048
HyperParameterOptimization:
  ptq_algo:
  - KL
  - min_max
  weight_quantize_type:
  - channel_wise_mse
  max_quant_count: 7
QuantAware:
  quantize_op_types:
  - matmul
  - conv2d
  weight_bits: 8
  activation_bits: 8
  weight_quantize_type: abs_max
  activation_quantize_type: range_abs_max
  max_divergence: 0.002
  dropout: 0.0
";

#[test]
fn the_defaults_are_recorded_to_these_bytes() {
    let recorded = Config::default().yaml_of(&Section::ALL).unwrap();
    assert_eq!(recorded, DEFAULTS);
}

#[test]
fn names_and_quantities_are_recorded_as_they_were_written() {
    let config = load(NAMED, &[]).unwrap();
    let sections = [
        Section::Train,
        Section::Distillation,
        Section::Prune,
        Section::Search,
        Section::QuantAware,
    ];
    assert_eq!(config.yaml_of(&sections).unwrap(), NAMED);
}
