//! `--set` goes before the file, and its mistakes name the flag.

use act_core::quant::Calibrator;
use act_stage::config::{Config, LrDecay, OptimizerKind, Program};

use super::{REFERENCE, load, refusal};

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
    assert_eq!(
        config.train.optimizer_builder.optimizer.kind,
        OptimizerKind::AdamW
    );
    assert_eq!(config.train.decay(), LrDecay::Constant);
    assert_eq!(
        config.train.eval_iter, None,
        "an empty value is the default"
    );
    assert_eq!(
        config.hpo.ptq_algo.unwrap(),
        [Calibrator::Hist, Calibrator::Avg]
    );
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

/// What Make gives every stage: checked as a flag is, read by whom it concerns, below `--set`.
#[test]
fn a_change_of_the_recipe_may_be_of_any_programs_key() {
    let change = [
        "Prune.pruned_ratio=0.4".to_string(),
        "TrainConfig.epochs=7".into(),
    ];
    let own = ["TrainConfig.epochs=2".to_string()];
    let config = Config::load_recipe(None, &change, &own).unwrap();
    config.check_flags(Program::Distill).unwrap();
    assert_eq!(config.prune.pruned_ratio, Some(0.4));
    assert_eq!(config.train.epochs, 2);
    let typo = ["Prun.x=2".to_string()];
    let refused = Config::load_recipe(None, &typo, &[]).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("--set-any Prun.x=2: unknown section"),
        "{refused}"
    );
}
