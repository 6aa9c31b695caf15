//! Make chains the stages, and a second make does nothing.

use std::path::Path;

use act_tests::{Ran, bash, workspace};
use tempfile::TempDir;

fn make(build: &Path, words: &str) -> Ran {
    let line = format!(
        "make --no-print-directory BUILD={} {words}",
        build.display()
    );
    bash(workspace(), &line)
}

const TINY: &str =
    "afqmc LAYERS=2 HIDDEN=32 SAMPLE_FLAGS='--train 1000 --dev 100' REPORT_FLAGS='--seconds 0.2'";

#[test]
fn make_compresses_the_sample_and_then_has_nothing_to_do() {
    let folder = TempDir::new().expect("a temporary folder");
    let table = make(folder.path(), TINY).ok();
    for word in ["base", "pruned", "student", "int8", "synthetic sample"] {
        assert!(table.contains(word), "no {word:?} in the table:\n{table}");
    }
    for file in [
        "base.act",
        "pruned.act",
        "student.act",
        "int8.act",
        "report.json",
        "report.md",
        "report.html",
    ] {
        let path = folder.path().join("sample/afqmc").join(file);
        assert!(path.exists(), "{file} is missing");
    }
    let report = std::fs::read_to_string(folder.path().join("sample/afqmc/report.md"));
    let report = report.expect("the report");
    let told = [
        "Calibrated, not trained: ",
        "Calibrated, then trained with the rounding: ",
    ];
    assert!(told.iter().any(|way| report.contains(way)), "{report}");
    let again = make(folder.path(), TINY);
    assert_eq!(again.code, Some(0));
    assert!(
        !again.stderr.contains("act-"),
        "the second make worked again: {}",
        again.stderr
    );
    let planned = make(folder.path(), &format!("-n {TINY}")).ok();
    assert!(
        !planned.contains("act-distill"),
        "the second make would train again:\n{planned}"
    );
    let reseeded = make(folder.path(), &format!("-n {TINY} SEED=7")).ok();
    assert!(
        reseeded.contains("act-distill"),
        "another seed must redo the work"
    );
}

/// `Prune.steps: 2`: a step between, kept by a recipe that starts again, redone for other
/// `step_iters`, for which the base is not.
#[test]
fn gradual_pruning_goes_through_its_steps() {
    let folder = TempDir::new().expect("a temporary folder");
    let configs = folder.path().join("sample");
    let config = configs.join("afqmc.yaml");
    let copy = format!(
        "cp -r configs/sample {} && sed -i 's/^  pruned_ratio: .*/&\\n  steps: 2\\n  step_iters: 3/' {}",
        configs.display(),
        config.display()
    );
    bash(workspace(), &copy).ok();
    let words = format!("{TINY} CONFIGS={}", configs.display());
    make(folder.path(), &words).ok();
    let out = folder.path().join("sample/afqmc");
    let [step, pruned] = ["step-1.act", "pruned.act"].map(|file| out.join(file));
    let written = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let first = written(&step);
    assert!(first.is_some(), "step-1.act is missing");
    let planned = make(folder.path(), &format!("-n {words}")).ok();
    assert!(!planned.contains("act-distill"), "not done:\n{planned}");

    std::fs::remove_file(&pruned).expect("the pruned model was there");
    make(folder.path(), &words).ok();
    assert!(pruned.exists() && written(&step) == first, "the step again");

    bash(
        workspace(),
        &format!(
            "sed -i 's/step_iters: 3/step_iters: 4/' {}",
            config.display()
        ),
    )
    .ok();
    let again = make(folder.path(), &words);
    assert!(written(&step) > first, "not redone:\n{}", again.stderr);
    assert!(!again.stderr.contains("act-convert"), "the base too");
}

#[test]
fn every_clue_task_goes_through_every_stage() {
    let folder = TempDir::new().expect("a temporary folder");
    let words = TINY.replace("afqmc", "-j2 clue");
    make(folder.path(), &words).ok();
    for task in [
        "afqmc",
        "tnews",
        "iflytek",
        "ocnli",
        "cmnli",
        "cluewsc2020",
        "csl",
    ] {
        let report = folder.path().join("sample").join(task).join("report.json");
        let text = std::fs::read_to_string(&report).expect("the task's report");
        let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(report["task"], task);
        assert_eq!(report["model"]["precision"], "int8");
        assert_eq!(report["synthetic"], true);
    }
    let table = folder.path().join("sample/clue.md");
    let table = std::fs::read_to_string(table).expect("the table of all tasks");
    assert!(table.starts_with("(synthetic sample)"), "{table}");
    assert!(table.contains("AVG"), "{table}");
}

#[test]
fn a_task_that_fails_does_not_take_the_others_with_it() {
    let folder = TempDir::new().expect("a temporary folder");
    let sample = folder.path().join("sample");
    let in_the_way = sample.join("tnews/data/train.json");
    std::fs::create_dir_all(in_the_way).expect("a folder where a file must go");
    let words = TINY.replace("afqmc", "clue TASKS='tnews afqmc'");
    let ran = make(folder.path(), &words);
    assert_ne!(ran.code, Some(0), "tnews cannot have been made");
    assert!(ran.stderr.contains("make: tnews failed"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("make: afqmc failed"), "{}", ran.stderr);
    let table = std::fs::read_to_string(sample.join("clue.md")).expect("the table");
    assert!(
        table.contains("AFQMC") && !table.contains("TNEWS"),
        "{table}"
    );
}

#[test]
fn an_unfinished_recipe_is_named() {
    let folder = TempDir::new().expect("a temporary folder");
    let ran = make(folder.path(), "afqmc MODEL=pp-minilm");
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("BASE="), "{}", ran.stderr);
}

/// `MODEL-TASK` is a task by that model's configuration; `BASE` may be a root with a model a task.
#[test]
fn a_recipe_has_one_name_and_finds_its_model_in_a_root() {
    let folder = TempDir::new().expect("a temporary folder");
    let base = folder.path().join("models");
    std::fs::create_dir_all(base.join("tnews")).expect("a folder");
    std::fs::write(base.join("afqmc.act"), "").expect("a file");
    let planned = |target: &str| {
        let words = format!("-n {target} BASE={}", base.display());
        make(folder.path(), &words).ok()
    };
    let ernie = planned("ernie-3.0-medium-afqmc");
    assert!(
        ernie.contains("configs/ernie-3.0-medium/afqmc.yaml"),
        "{ernie}"
    );
    assert!(
        ernie.contains(&format!("cp {}/afqmc.act ", base.display())),
        "{ernie}"
    );
    let minilm = planned("pp-minilm-tnews");
    assert!(
        minilm.contains(&format!("act-convert import {}/tnews ", base.display())),
        "{minilm}"
    );
}
