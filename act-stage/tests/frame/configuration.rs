//! What users hear of their configuration.

use std::fs;

use super::{assert_line, probe, stderr};

#[test]
fn the_configuration_and_its_mistakes_reach_the_user() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.yaml");
    fs::write(&file, "Prune:\n  pruned_ratio: 0.5\n  ratio: 1\n").unwrap();
    let file = file.to_str().unwrap();
    let output = probe(&["--act", "config", "-c", file]).output().unwrap();
    assert_line(
        &output,
        2,
        &format!("act-probe: {file}:3: Prune: unknown key \"ratio\""),
    );
    let output = probe(&["--act", "config", "--set", "Prune.pruned_ratio=0.5"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("pruned_ratio: 0.5"));
    assert_line(
        &probe(&["--act", "config", "-c", "/nowhere/c"])
            .output()
            .unwrap(),
        2,
        "act-probe: /nowhere/c: No such file",
    );
}

#[test]
fn keys_without_effect_are_told_once_and_misspelt_tasks_guessed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.yaml");
    fs::write(
        &file,
        "Global: {task_name: afqcm, dataset: clue}\nQuantPost:\n  epochs: 3\nQuantAware:\n  use_pact: true\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let args = ["--act", "config", "-c", file, "--set", "QuantPost.epochs=3"];
    let said = stderr(&probe(&args).output().unwrap());
    for line in [
        format!("act-probe: {file}:1: Global.dataset: without effect"),
        format!("act-probe: warning: {file}:3: QuantPost.epochs: accepted, but not"),
        format!(
            "act-probe: warning: {file}:5: QuantAware.use_pact: accepted, but not supported yet"
        ),
        "act-probe: warning: Global.task_name: \"afqcm\" is not a built-in task; did you mean"
            .into(),
    ] {
        assert!(said.contains(&line), "{line}\n{said}");
    }
    assert_eq!(said.lines().count(), 4, "{said}");
}

#[test]
fn keys_that_others_leave_idle_are_warned_of_where_they_stand() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.yaml");
    let told = |text: &str| {
        fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        let args = ["--act", "config-quant", "-c", file];
        let output = probe(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stderr(&output)
    };
    for (text, key, why) in [
        (
            "Prune:\n  latency_batch: 4",
            "Prune.latency_batch",
            "no target of time",
        ),
        (
            "Prune:\n  precision: f32",
            "Prune.precision",
            "no target of time or bytes",
        ),
        (
            "Distillation:\n  temperature: 4\n  logits: 1",
            "Distillation.temperature",
            "soft labels",
        ),
        (
            "Distillation:\n  layers: [[0, 0]]",
            "Distillation.layers",
            "hidden is not asked for",
        ),
        (
            "Distillation:\n  relation_heads: 3",
            "Distillation.relation_heads",
            "relations is not",
        ),
        (
            "Distillation:\n  cache: 1GB",
            "Distillation.cache",
            "no loss looks into the teacher",
        ),
        (
            "QuantPost:\n  smooth_alpha: [0.5]\n  schemes: [static]",
            "QuantPost.smooth_alpha",
            "smooth is",
        ),
        (
            "QuantPost:\n  weight_quantize_type: abs_max\n  weight_bits: 4",
            "QuantPost.weight_quantize_type",
            "groups have steps of their own",
        ),
        (
            "QuantPost:\n  schemes: [static, float]\n  weight_bits: 4",
            "float in QuantPost.schemes",
            "leaves no layer in float",
        ),
    ] {
        let said = told(text);
        let line = format!("c.yaml:2: {key} has no effect: ");
        assert!(said.contains(&line) && said.contains(why), "{text}: {said}");
        assert!(said.contains("warning: "), "{said}");
    }
    for text in [
        "Prune:\n  latency_batch: 4\n  target_speedup: 2",
        "Prune:\n  precision: f32\n  bytes: 9MB",
        "Distillation:\n  temperature: 4",
        "Distillation:\n  layers: [[0, 0]]\n  hidden: 1\n  cache: 0",
        "QuantPost:\n  smooth_alpha: [0.5]",
        "QuantPost:\n  schemes: [static, float]\n  weight_quantize_type: abs_max",
        "QuantPost:\n  schemes: [static]\n  weight_bits: 4",
        "Prune: {}\nQuantAware:",
    ] {
        assert_eq!(told(text), "", "{text}");
    }
}

#[test]
fn a_flag_behind_a_key_that_goes_before_it_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.yaml");
    let text = "Global: {batch_size: 4}\nTrainConfig: {batch_size: 8}\n\
                HyperParameterOptimization: {ptq_algo: [KL, hist], bias_correct: [true]}\n\
                QuantPost: {algo: hist, hist_percent: 0.99}\nQuantAware: {epochs: 3}\n";
    fs::write(&file, text).unwrap();
    let told = |set: &str| {
        let file = file.to_str().unwrap();
        let args = ["--act", "config-quant", "-c", file, "--set", set];
        let output = probe(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stderr(&output)
    };
    for (set, other) in [
        ("QuantPost.algo=mse", "HyperParameterOptimization.ptq_algo"),
        (
            "QuantPost.bias_correction=false",
            "HyperParameterOptimization.bias_correct",
        ),
        ("Global.batch_size=2", "TrainConfig.batch_size"),
        ("TrainConfig.epochs=9", "QuantAware.epochs"),
    ] {
        let (key, _) = set.split_once('=').unwrap();
        let line = format!("warning: --set {set}: {key} has no effect: {other} goes before it");
        let said = told(set);
        assert!(said.contains(&line), "{said}");
    }
    for set in ["QuantPost.hist_percent=0.9", "QuantAware.epochs=4"] {
        assert_eq!(told(set), "", "{set}");
    }
}
