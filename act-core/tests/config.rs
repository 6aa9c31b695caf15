//! The configuration as users meet it: PaddleSlim's files are accepted, mistakes are told with
//! file, line, key and what is allowed.

use std::path::{Path, PathBuf};

use act_core::config::{Config, LearningRate, LrDecay, Prune, QuantAware, Scheduler};
use act_core::{Error, ErrorKind};
use proptest::prelude::*;

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
    assert_eq!(
        config.hpo.ptq_algo.as_deref(),
        Some(&["KL".to_string()][..])
    );
    assert_eq!(
        config.hpo.batch_num.as_deref(),
        Some(&[7][..]),
        "one value is a list of one"
    );
    let aware = config.quant_aware.unwrap();
    assert_eq!(aware.activations(), "moving_average_abs_max");
    assert_eq!(aware.weight_quantize_type, "abs_max");
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
    assert_eq!(aware.activations(), "moving_average_abs_max");
    let aware = load("QuantAware:", &["QuantAware.epochs=2"])
        .unwrap()
        .quant_aware
        .unwrap();
    assert_eq!((aware.epochs, aware.activations()), (Some(2), "lsq"));
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
fn unknown_keys_name_line_and_nearest_key() {
    assert_refused(
        "Global:\n  batch_size: 16\n\n# prune\nPrune:\n  prune_algo: transformer_pruner\n  pruned_ration: 0.25\n",
        "x.yaml:7: Prune: unknown key \"pruned_ration\"; did you mean \"pruned_ratio\"?",
    );
    assert_refused(
        "Prunee: {}",
        "x.yaml:1: unknown section \"Prunee\"; did you mean \"Prune\"?",
    );
    assert_refused(
        "\nPrune: {epochs: 3}",
        "x.yaml:2: Prune: unknown key \"epochs\"; it belongs to TrainConfig",
    );
    assert_refused(
        "Prune: {zzz: 3}",
        "x.yaml:1: Prune: unknown key \"zzz\"; known are prune_algo, pruned_ratio",
    );
    assert_refused(
        "ChannelPrune: {pruned_ratio: 0.25}",
        "x.yaml:1: unknown section \"ChannelPrune\"; act prunes",
    );
    assert_refused(
        "TrainConfig:\n  optimizer_builder:\n    optimizer:\n      kind: AdamW",
        "x.yaml:4: TrainConfig.optimizer_builder.optimizer: unknown key \"kind\"",
    );
}

#[test]
fn wrong_types_and_values_name_line_key_and_what_is_allowed() {
    for (text, expected) in [
        (
            "TrainConfig:\n  epochs: many",
            "x.yaml:2: TrainConfig.epochs: invalid type: string \"many\", expected a whole number",
        ),
        (
            "TrainConfig:\n  epochs: 1.5",
            "x.yaml:2: TrainConfig.epochs: invalid type: floating point `1.5`",
        ),
        (
            "TrainConfig: {epochs: -1}",
            "x.yaml:1: TrainConfig.epochs: invalid value: integer `-1`",
        ),
        (
            "TrainConfig: {epochs: 0}",
            "x.yaml:1: TrainConfig.epochs: 0 is not allowed; give 1 or more",
        ),
        (
            "TrainConfig: {lr_decay: cubic}",
            "x.yaml:1: TrainConfig.lr_decay: unknown variant `cubic`, expected one of `linear`, `cosine`, `constant`",
        ),
        (
            "TrainConfig: {learning_rate: 0}",
            "x.yaml:1: TrainConfig.learning_rate: 0 is not allowed; give above 0",
        ),
        (
            "TrainConfig: {learning_rate: {type: NoamDecay}}",
            "x.yaml:1: TrainConfig.learning_rate: unknown variant `NoamDecay`, expected one of `PiecewiseDecay`",
        ),
        (
            "TrainConfig: {learning_rate: {type: StepDecay, learning_rate: 0.1, size: 3}}",
            "x.yaml:1: TrainConfig.learning_rate: unknown field `size`, expected",
        ),
        (
            "TrainConfig: {learning_rate: {type: PiecewiseDecay, boundaries: [3], values: [0.1]}}",
            "x.yaml:1: TrainConfig.learning_rate: 1 values for 1 boundaries",
        ),
        (
            "TrainConfig: {learning_rate: {type: ExponentialDecay, learning_rate: 0.1, gamma: 0.9}, lr_decay: linear}",
            "x.yaml:1: TrainConfig.learning_rate is a schedule and TrainConfig.lr_decay shapes a number",
        ),
        (
            "TrainConfig: {learning_rate: fast}",
            "x.yaml:1: TrainConfig.learning_rate: found \"fast\", expected a number or a schedule",
        ),
        (
            "TrainConfig: {validation_ratio: 0, patience: 2}",
            "x.yaml:1: TrainConfig.patience needs validation examples",
        ),
        (
            "TrainConfig: {optimizer_builder: {optimizer: {type: SGD, beta1: 0.9}}}",
            "x.yaml:1: TrainConfig.optimizer_builder.optimizer: SGD has no beta1",
        ),
        (
            "TrainConfig: {optimizer_builder: {grad_clip: {type: ClipGradByNorm, clip_norm: 1.0}}}",
            "x.yaml:1: TrainConfig.optimizer_builder.grad_clip: give a number, or {type: ClipGradByGlobalNorm",
        ),
        (
            "TrainConfig: {optimizer_builder: {regularizer: {type: L2Decay}}}",
            "x.yaml:1: TrainConfig.optimizer_builder.regularizer: missing field `coeff`",
        ),
        (
            "TrainConfig: {amp_config: {dtype: float16}}",
            "x.yaml:1: TrainConfig.amp_config.dtype: unknown \"float16\"",
        ),
        (
            "TrainConfig:\n  optimizer_builder:\n    optimizer: {type: Lamb}",
            "x.yaml:3: TrainConfig.optimizer_builder.optimizer.type: unknown \"Lamb\"; known: AdamW, Adam, SGD, Momentum",
        ),
        (
            "TrainConfig: {optimizer_builder: 3}",
            "x.yaml:1: TrainConfig.optimizer_builder: found 3; expected keys",
        ),
        ("Prune: 0.25", "x.yaml:1: Prune: found 0.25; expected keys"),
        (
            "Prune:\n  pruned_ratio: 1",
            "x.yaml:2: Prune.pruned_ratio: 1 is not allowed; give a share: 0 or more, below 1",
        ),
        (
            "Prune: {pruned_ratio: -0.1}",
            "x.yaml:1: Prune.pruned_ratio: -0.1 is not allowed",
        ),
        ("Prune: {pruned_ratio: .nan}", "x.yaml:1: "),
        (
            "Prune: {prune_algo: magnitude}",
            "x.yaml:1: Prune.prune_algo: unknown \"magnitude\"; known: transformer_pruner",
        ),
        (
            "Prune: {pruned_ratio: 0.25, target_speedup: 3}",
            "x.yaml:1: Prune: pruned_ratio and target_speedup contradict each other",
        ),
        (
            "Prune:\n  budget: 8ms\n  bytes: 20MB",
            "x.yaml:1: Prune: budget and bytes contradict each other",
        ),
        (
            "Prune:\n  budget: 8 hours",
            "x.yaml:2: Prune.budget: \"8 hours\" is not a time",
        ),
        (
            "Prune: {bytes: small}",
            "x.yaml:1: Prune.bytes: \"small\" is not a size",
        ),
        (
            "Prune: {target_speedup: 0.5}",
            "x.yaml:1: Prune.target_speedup: 0.5 is not allowed; give how many times faster",
        ),
        (
            "Prune: {params: 50}",
            "x.yaml:1: Prune.params: 50 is not allowed; give the share that stays",
        ),
        (
            "Prune: {vocabulary: some}",
            "x.yaml:1: Prune.vocabulary: unknown \"some\"",
        ),
        (
            "QuantPost: {weight_bits: 4}",
            "x.yaml:1: QuantPost.weight_bits: 4 is not allowed; give 8",
        ),
        (
            "QuantPost: {algo: kl}",
            "x.yaml:1: QuantPost.algo: unknown \"kl\"; did you mean \"KL\"?",
        ),
        (
            "QuantPost: {weight_max: 300}",
            "x.yaml:1: QuantPost.weight_max: invalid value: integer `300`, expected a whole number, 0 to 255",
        ),
        (
            "QuantPost: {embeddings: 1}",
            "x.yaml:1: QuantPost.embeddings: invalid type: integer `1`, expected true or false",
        ),
        (
            "HyperParameterOptimization: {ptq_algo: [KL, best]}",
            "x.yaml:1: HyperParameterOptimization.ptq_algo: unknown \"best\"",
        ),
        (
            "HyperParameterOptimization: {hist_percent: [0.9, 8]}",
            "x.yaml:1: HyperParameterOptimization.hist_percent: 8 is not allowed; give a share",
        ),
        (
            "Global: {max_seq_length: 2}",
            "x.yaml:1: Global.max_seq_length: 2 is not allowed; give 4 or more",
        ),
        (
            "HyperParameterOptimization: {ptq_algo: []}",
            "x.yaml:1: HyperParameterOptimization.ptq_algo: is empty",
        ),
        (
            "Distillation: {logits: 0, labels: 0}",
            "x.yaml:1: Distillation: every loss named weighs 0",
        ),
    ] {
        assert_refused(text, expected);
    }
}

#[test]
fn files_that_are_no_configuration_are_refused() {
    assert_refused(
        "- 1\n- 2",
        "x.yaml: found a list; expected Global, TrainConfig",
    );
    assert_refused(
        "just words",
        "x.yaml: found the text \"just words\"; expected",
    );
    assert_refused("Prune:\n  a: 1\n a: 2", "x.yaml:");
    assert_refused("Prune:\n\tpruned_ratio: 0.5", "x.yaml:2:");
    assert_refused(
        "Prune: {}\nGlobal: {}\nPrune: {}",
        "x.yaml:3: the key \"Prune\" is there twice",
    );
    assert_refused("Prune: {}\nTransformerPrune: {}", "x.yaml:");
    assert!(refusal("Prune: {}\nTransformerPrune: {}", &[]).contains("keep one"));
    assert_refused("Global: {}\n---\nGlobal: {}", "x.yaml:");
    assert!(refusal(b"Global:\n  task_name: \xff\xfe", &[]).starts_with("x.yaml:2: not UTF-8"));
    assert!(refusal(vec![b'#'; (1 << 20) + 1], &[]).starts_with("x.yaml: longer than 1 MiB"));
    load(vec![b'#'; 1 << 20], &[]).unwrap();
    assert_eq!(
        Config::load(Some(Path::new("/nowhere/x.yaml")), &[])
            .unwrap_err()
            .kind(),
        ErrorKind::Usage
    );
    assert_eq!(
        Config::load(Some(Path::new("/")), &[]).unwrap_err().kind(),
        ErrorKind::Usage
    );
}

#[test]
fn flags_override_the_file_and_the_last_one_wins() {
    let config = load(
        REFERENCE,
        &[
            "TrainConfig.epochs=2",
            "TransformerPrune.pruned_ratio=0.4",
            "Prune.pruned_ratio=0.5",
            "TrainConfig.optimizer_builder.weight_decay=0",
            "TrainConfig.lr_decay=constant",
            "TrainConfig.eval_iter=",
            "HyperParameterOptimization.ptq_algo=[hist, avg]",
        ],
    )
    .unwrap();
    assert_eq!(config.train.epochs, 2);
    assert_eq!(config.prune.pruned_ratio, Some(0.5));
    assert_eq!(config.train.optimizer_builder.weight_decay, Some(0.0));
    assert_eq!(config.train.optimizer_builder.optimizer.kind, "AdamW");
    assert_eq!(config.train.decay(), LrDecay::Constant);
    assert_eq!(
        config.train.eval_iter, None,
        "an empty value is the default"
    );
    assert_eq!(config.hpo.ptq_algo.unwrap(), ["hist", "avg"]);
}

#[test]
fn mistakes_in_flags_name_the_flag() {
    for (flag, expected) in [
        (
            "Prune.pruned_ratio=2",
            "--set Prune.pruned_ratio=2: Prune.pruned_ratio: 2 is not allowed",
        ),
        (
            "Prune.ratio=2",
            "--set Prune.ratio=2: Prune: unknown key \"ratio\"",
        ),
        (
            "Prun.x=2",
            "--set Prun.x=2: unknown section \"Prun\"; did you mean \"Prune\"?",
        ),
        ("Prune", "--set Prune: write --set Section.key=value"),
        ("Prune=1", "--set Prune=1: write --set Section.key=value"),
        (
            "Prune..x=1",
            "--set Prune..x=1: write --set Section.key=value",
        ),
        ("=", "--set =: write --set Section.key=value"),
        ("Prune.pruned_ratio=[", "--set Prune.pruned_ratio=[: "),
        (
            "TrainConfig.epochs.x=1",
            "--set TrainConfig.epochs.x=1: TrainConfig.epochs: invalid type",
        ),
        (
            "Global.task_name=[foo]",
            "--set Global.task_name=[foo]: Global.task_name: invalid type: sequence, expected text",
        ),
    ] {
        let message = refusal("", &[flag]);
        assert!(
            message.starts_with(expected),
            "\nfound    {message}\nexpected {expected}"
        );
    }
}

#[test]
fn provenance_holds_the_sections_that_acted_and_no_path() {
    let text = "Global: {task_name: afqmc, data_dir: /home/me/data}\nDistillation: {teacher_model_dir: /home/me/t}";
    let config = load(text, &["Prune.pruned_ratio=0.5"]).unwrap();
    let record = config
        .yaml_of(&["Global", "Distillation", "Prune"])
        .unwrap();
    assert_eq!(
        record,
        "Global:\n  task_name: afqmc\nDistillation: {}\nPrune:\n  \
         prune_algo: transformer_pruner\n  pruned_ratio: 0.5\n  precision: int8\n  latency_batch: 1\n  latency_threads: 1\n  steps: 1\n  step_iters: 300\n  vocabulary: all\n  calibration_examples: 2048\n"
    );
    let again = load(&record, &[]).unwrap();
    assert_eq!(again.prune, config.prune);
}

#[test]
fn every_shipped_configuration_loads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let files: Vec<PathBuf> = std::fs::read_dir(&root)
        .unwrap()
        .flat_map(|model| std::fs::read_dir(model.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    for model in ["pp-minilm", "ernie-3.0-medium", "sample"] {
        for task in [
            "afqmc",
            "tnews",
            "iflytek",
            "ocnli",
            "cmnli",
            "cluewsc2020",
            "csl",
        ] {
            let path = root.join(model).join(format!("{task}.yaml"));
            let config = Config::load(Some(&path), &[]).unwrap();
            assert_eq!(
                config.global.task_name.as_deref(),
                Some(task),
                "{}",
                path.display()
            );
            assert_eq!(config.prune.pruned_ratio, Some(0.25));
        }
    }
    assert_eq!(
        files.len(),
        27,
        "three models of seven tasks, the sample's base, three of GLUE, MiniLM on MRPC and SST-2"
    );
    for file in files {
        Config::load(Some(&file), &[]).unwrap();
    }
}

/// Epochs, steps between evaluations and learning rate of the reference's files for both models, in
/// their state before one of each was overwritten; batch 16, length 128, AdamW, decay 0.01 in all.
#[test]
fn the_recipes_train_as_the_reference_does() {
    let reference = [
        ("afqmc", 6, 1070, 2e-5),
        ("tnews", 6, 1110, 2e-5),
        ("iflytek", 12, 750, 2e-5),
        ("cmnli", 6, 2000, 3e-5),
        ("ocnli", 20, 1050, 3e-5),
        ("cluewsc2020", 100, 70, 1e-5),
        ("csl", 16, 1000, 1e-5),
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    for model in ["pp-minilm", "ernie-3.0-medium"] {
        for (task, epochs, eval_iter, rate) in reference {
            let path = root.join(model).join(format!("{task}.yaml"));
            let config = Config::load(Some(&path), &[]).unwrap();
            let (global, train) = (&config.global, &config.train);
            let name = path.display();
            assert_eq!(train.epochs, epochs, "{name}");
            assert_eq!(train.eval_iter, Some(eval_iter), "{name}");
            assert_eq!(train.learning_rate, LearningRate::Peak(rate), "{name}");
            assert_eq!(train.optimizer_builder.weight_decay, Some(0.01), "{name}");
            let sizes = (global.batch_size, global.max_seq_length);
            assert_eq!(sizes, (Some(16), Some(128)), "{name}");
        }
    }
}

proptest! {
    /// Whatever the bytes, a configuration or one line; never a panic.
    #[test]
    fn damaged_files_never_panic(at in 0..REFERENCE.len(), with in "[\\PC\n\t:\\-{}\\[\\],&*!|>#'\"?%@~]{0,6}", cut in 0usize..40) {
        let mut bytes = REFERENCE.as_bytes().to_vec();
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, with.into_bytes());
        if let Err(error) = load(bytes, &[]) {
            prop_assert_eq!(error.kind(), ErrorKind::Usage);
        }
    }

    #[test]
    fn random_flags_never_panic(flag in "[A-Za-z.=\\[{]{0,20}", value in "\\PC{0,12}") {
        for flag in [flag, format!("Prune.pruned_ratio={value}"), format!("TrainConfig.{value}=1")] {
            let _ = Config::load(None, &[flag]);
        }
    }
}
