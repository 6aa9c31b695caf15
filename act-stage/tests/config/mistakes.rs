//! Mistakes in files: one line with the file, the line, the key and what is allowed, whatever the bytes.

use std::path::Path;

use act_core::ErrorKind;
use act_stage::config::Config;
use proptest::prelude::*;

use super::{REFERENCE, assert_refused, load, refusal};

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
        "Prune:\n  steps: 3",
        "x.yaml:2: Prune: unknown key \"steps\": pruning in steps was removed, since it gained nothing",
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
            "TrainConfig:\n  epochs: 99999999999999999999",
            "x.yaml:2: TrainConfig.epochs: 99999999999999999999 is too large a number",
        ),
        (
            "TrainConfig: {epochs: 0}",
            "x.yaml:1: TrainConfig.epochs: 0 is not allowed; give 1 or more",
        ),
        (
            "TrainConfig: {lr_decay: cubic}",
            "x.yaml:1: TrainConfig.lr_decay: unknown \"cubic\"; known: linear, cosine, constant",
        ),
        (
            "TrainConfig: {learning_rate: 0}",
            "x.yaml:1: TrainConfig.learning_rate: 0 is not allowed; give above 0",
        ),
        (
            "TrainConfig: {learning_rate: {type: NoamDecay}}",
            "x.yaml:1: TrainConfig.learning_rate: unknown \"NoamDecay\"; known: PiecewiseDecay",
        ),
        (
            "TrainConfig: {learning_rate: {type: StepDecay, learning_rate: 0.1, size: 3}}",
            "x.yaml:1: TrainConfig.learning_rate: unknown key \"size\"; known: learning_rate, step_size, gamma",
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
            "QuantPost: {weight_bits: 5}",
            "x.yaml:1: QuantPost.weight_bits: 5 is not allowed; give 4 or 8",
        ),
        (
            "QuantPost: {group_size: 16}",
            "x.yaml:1: QuantPost.group_size: 16 is not allowed; give 32 or 64",
        ),
        (
            "QuantAware: {weight_bits: 4}",
            "x.yaml:1: QuantAware.weight_bits: 4 is not allowed; give 8",
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
            "Distillation: {loss: [l2, soft_labels]}",
            "x.yaml:1: Distillation.loss: unknown \"soft_labels\"; did you mean \"soft_label\"?",
        ),
        (
            "QuantAware:\n  weight_quantize_type: channel_wise_mse",
            "x.yaml:2: QuantAware.weight_quantize_type: unknown \"channel_wise_mse\"; did you mean",
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
    assert!(refusal(vec![b'#'; (256 << 10) + 1], &[]).starts_with("x.yaml: longer than 256 KiB"));
    load(vec![b'#'; 256 << 10], &[]).unwrap();
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
