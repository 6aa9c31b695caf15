//! Make with the stages themselves, on tiny samples.

use std::path::Path;

use act_tests::{Ran, bash, clue, workspace};
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
}

#[test]
fn every_clue_task_goes_through_every_stage() {
    let folder = TempDir::new().expect("a temporary folder");
    let words = TINY.replace("afqmc", "-j2 clue");
    make(folder.path(), &words).ok();
    for task in clue() {
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
