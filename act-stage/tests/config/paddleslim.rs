//! What PaddleSlim's users bring is accepted as it is, and what was never said has its default.

use act_core::quant::Calibrator;
use act_stage::config::{
    Config, LearningRate, Prune, QuantAware, Scheduler, Section, TrainedActivations, TrainedWeights,
};

use super::{REFERENCE, assert_refused, load, refusal};

#[test]
fn no_file_and_an_empty_file_are_the_defaults() {
    assert_eq!(Config::load(None, &[]).unwrap(), Config::default());
    for text in [
        "",
        "# only a comment\n",
        "Global:\nPrune:\nQuantPost:\nTrainConfig:\n",
    ] {
        assert_eq!(load(text, &[]).unwrap(), Config::default(), "{text:?}");
    }
    Config::default().check().unwrap();
}

#[test]
fn the_reference_sections_are_accepted_as_they_are() {
    let config = load(REFERENCE, &[]).unwrap();
    assert_eq!(config.train.epochs, 6);
    assert_eq!(config.train.eval_iter, Some(1070));
    assert_eq!(config.train.learning_rate, LearningRate::Peak(2e-5));
    assert_eq!(config.train.origin_metric, Some(0.7403));
    assert_eq!(
        config.distillation.teacher_model_dir.as_deref(),
        Some("./afqmc")
    );
    assert_eq!(config.prune.pruned_ratio, Some(0.25));
    assert_eq!(config.prune.prune_algo, Prune::default().prune_algo);
    assert_eq!(config.hpo.batch_num.as_deref(), Some(&[4, 16][..]));
    assert_eq!(config.hpo.max_quant_count, Some(20));
}

#[test]
fn every_key_of_paddleslim_is_accepted() {
    let text = "
Global: {model_dir: ./afqmc, model_filename: a, params_filename: b, task_name: cluewsc,
  dataset: clue, batch_size: 16, max_seq_length: 128, train_data: t, dev_data: d}
TrainConfig:
  {epochs: 6, train_iter: 60, learning_rate: {type: CosineAnnealingDecay, learning_rate: 3.0e-5, T_max: 9},
  optimizer_builder: {optimizer: {type: AdamW}, weight_decay: 0.01, regularizer: {type: L2Decay, coeff: 4.0e-5},
  grad_clip: {type: ClipGradByGlobalNorm, clip_norm: 2.0}},
  eval_iter: 1000, logging_iter: 10, origin_metric: 0.7, target_metric: 0.8, amp_config: {custom_white_list: [], use_pure_fp16: false},
  recompute_config: {a: 1}, sharding_config: {b: 2}, sparse_model: false}
Distillation: {loss: l2, node: [softmax_1], alpha: [0.5], teacher_model_dir: x,
  teacher_model_filename: y, teacher_params_filename: z}
TransformerPrune: {pruned_ratio: 0.5}
HyperParameterOptimization: {ptq_algo: KL, bias_correct: [true, false], hist_percent: [0.98, 0.999],
  weight_quantize_type: [abs_max], batch_num: 7, max_quant_count: 20}
QuantPost: {batch_size: 32, batch_nums: 10, epochs: 20, lr: 0.1, algo: avg, hist_percent: 0.999,
  regions: null, region_weights_names: null, recon_level: layer-wise, is_full_quantize: false,
  bias_correction: false, weight_quantize_type: channel_wise_abs_max,
  activation_quantize_type: range_abs_max, simulate_activation_quant: false, skip_tensor_list: null,
  onnx_format: true, quantize_op_types: [matmul_v2], weight_bits: 8, activation_bits: 8}
QuantAware: {quantize_op_types: [mul], weight_bits: 8, activation_bits: 8, not_quant_pattern: [skip_quant],
  use_pact: false, activation_quantize_type: moving_average_abs_max, weight_quantize_type: abs_max,
  dtype: int8, window_size: 10000, moving_rate: 0.9, for_tensorrt: false, onnx_format: true,
  is_full_quantize: false}
";
    let config = load(text, &[]).unwrap();
    assert_eq!(config.global.task_name.as_deref(), Some("cluewsc2020"));
    let schedule = Scheduler::CosineAnnealingDecay {
        learning_rate: 3e-5,
        t_max: Some(9),
        eta_min: 0.0,
    };
    assert_eq!(
        config.train.learning_rate,
        LearningRate::Scheduled(schedule)
    );
    let builder = &config.train.optimizer_builder;
    assert_eq!((builder.penalties(), builder.grad_clip), ((0.0, 4e-5), 2.0));
    let weights = config.distillation.weights().unwrap();
    assert_eq!(
        (weights.logits, weights.labels),
        (0.5, 0.0),
        "PaddleSlim's l2 with its alpha is the logit loss alone"
    );
    assert_eq!(
        config.prune.pruned_ratio,
        Some(0.5),
        "TransformerPrune is Prune"
    );
    assert_eq!(config.hpo.ptq_algo.as_deref(), Some(&[Calibrator::Kl][..]));
    assert_eq!(
        config.hpo.batch_num.as_deref(),
        Some(&[7][..]),
        "one value is a list of one"
    );
    let aware = config.quant_aware.unwrap();
    assert_eq!(aware.activations(), TrainedActivations::MovingAverage);
    assert_eq!(aware.weight_quantize_type, TrainedWeights::Peak);
}

#[test]
fn quantisation_aware_training_is_asked_for_by_the_sections_presence() {
    assert_eq!(
        load("Global: {task_name: afqmc}", &[]).unwrap().quant_aware,
        None
    );
    for text in ["QuantAware:\n", "QuantAware: {}"] {
        assert_eq!(
            load(text, &[]).unwrap().quant_aware,
            Some(QuantAware::default())
        );
    }
    let aware = load("QuantAware: {moving_rate: 0.5}", &[])
        .unwrap()
        .quant_aware
        .unwrap();
    assert_eq!(aware.activations(), TrainedActivations::MovingAverage);
    let aware = load("QuantAware:", &["QuantAware.epochs=2"])
        .unwrap()
        .quant_aware
        .unwrap();
    assert_eq!(
        (aware.epochs, aware.activations()),
        (Some(2), TrainedActivations::Learned)
    );
    assert_refused(
        "QuantAware:\n  moving_rate: 0.5\n  activation_quantize_type: lsq\n",
        "x.yaml:1: QuantAware.moving_rate: activation_quantize_type lsq has no moving average",
    );
    assert_refused(
        "QuantAware: {learning_rate: 3}",
        "x.yaml:1: QuantAware.learning_rate: 3 is not allowed; give a rate above 0, at most 1",
    );
}

#[test]
fn a_file_that_would_quantise_nothing_says_what_to_write() {
    let text = "Global:\n  task_name: afqmc\nQuantPost:\n  quantize_op_types:\n  - conv2d\n  - depthwise_conv2d\n";
    let message = refusal(text, &[]);
    assert!(message.starts_with("x.yaml:4: QuantPost.quantize_op_types: names convolutions only"));
    assert!(message.contains("[mul, matmul, matmul_v2]"), "{message}");
    assert_refused(
        "QuantAware: {quantize_op_types: []}",
        "x.yaml:1: QuantAware.quantize_op_types: names nothing",
    );
}

#[test]
fn provenance_holds_the_sections_that_acted_and_no_path() {
    let text = "Global: {task_name: afqmc, data_dir: /home/me/data}\nDistillation: {teacher_model_dir: /home/me/t}";
    let config = load(text, &["Prune.pruned_ratio=0.5"]).unwrap();
    let record = config
        .yaml_of(&[Section::Global, Section::Distillation, Section::Prune])
        .unwrap();
    assert_eq!(
        record,
        "Global:\n  task_name: afqmc\nDistillation: {}\nPrune:\n  \
         prune_algo: transformer_pruner\n  pruned_ratio: 0.5\n  precision: int8\n  latency_batch: 1\n  latency_threads: 1\n  vocabulary: all\n  calibration_examples: 2048\n"
    );
    let again = load(&record, &[]).unwrap();
    assert_eq!(again.prune, config.prune);
}
