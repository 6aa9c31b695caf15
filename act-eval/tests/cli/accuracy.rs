//! `act-eval accuracy`: the figure, its interval, and what it does not depend on.

use act_core::{Artifact, Tensor};
use serde_json::Value;

use super::{Workplace, text_of};

#[test]
fn accuracy_prints_one_line_with_its_interval_and_the_digest() {
    let here = Workplace::new();
    let text = here.stdout("accuracy base.act --data afqmc");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(
        lines[0].starts_with("accuracy ") && lines[0].contains(", 95 %), 50 examples of afqmc")
    );
    let digest = Artifact::open(here.path("base.act"))
        .unwrap()
        .model_digest()
        .unwrap();
    assert_eq!(lines[1], format!("model_digest {digest}"));
    assert!(
        here.stdout("accuracy int8.act --data afqmc")
            .contains("[synthetic sample]")
    );
}

#[test]
fn accuracy_stands_at_the_end_of_a_pipe() {
    let here = Workplace::new();
    let bytes = std::fs::read(here.path("int8.act")).unwrap();
    let piped = text_of(here.run_with("accuracy --data afqmc", &bytes));
    assert_eq!(piped, here.stdout("accuracy int8.act --data afqmc"));
}

#[test]
fn the_accuracy_report_counts_what_was_answered() {
    let here = Workplace::new();
    let report = here.json("accuracy base.act --data afqmc --json --per-class --report r.json");
    assert_eq!(report["schema"], 1);
    assert_eq!(report["accuracy"]["n"], 50);
    assert_eq!(report["dataset"]["split"], "dev");
    assert_eq!(report["synthetic"], false);
    assert_eq!(report["majority_class"]["label"], "0");
    let classes = report["classes"].as_array().unwrap();
    let sum = |field: &str| {
        classes
            .iter()
            .map(|c| c[field].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!((sum("examples"), sum("predicted")), (50, 50));
    assert_eq!(
        sum("correct") as f64 / 50.0,
        report["accuracy"]["value"].as_f64().unwrap()
    );
    let written: Value =
        serde_json::from_slice(&std::fs::read(here.path("r.json")).unwrap()).unwrap();
    assert_eq!(written["accuracy"], report["accuracy"]);
}

#[test]
fn accuracy_does_not_depend_on_batches_or_threads() {
    let here = Workplace::new();
    let one = here.stdout("accuracy int8.act --data afqmc --batch-size 1 --threads 1");
    assert_eq!(
        one,
        here.stdout("accuracy int8.act --data afqmc --batch-size 50 --threads 3")
    );
}

#[test]
fn a_model_that_answers_one_class_is_named() {
    let here = Workplace::new();
    let mut constant = Artifact::open(here.path("base.act")).unwrap();
    let bias = Tensor::f32([2], vec![100.0, -100.0]);
    constant.params.insert("classifier.bias", bias);
    here.save("constant.act", constant);
    let warning = "predicted one class, \"0\", for all 50 examples";
    let run = here.run("accuracy constant.act --data afqmc");
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(
        said.contains(&format!("warning: constant: {warning}")),
        "{said}"
    );

    let table = here.stdout(
        "report constant.act same=constant.act --data afqmc --runs 5 --batch 4 --seq 8 \
         -o r.json -o r.md -o r.html",
    );
    let together = format!("Warning: constant, same: {warning}.");
    assert!(table.contains(&together), "{table}");
    let read = |name: &str| std::fs::read_to_string(here.path(name)).unwrap();
    assert!(read("r.md").contains(&together));
    assert!(read("r.html").contains("constant, same: predicted one class"));
    let report: Value = serde_json::from_str(&read("r.json")).unwrap();
    assert_eq!(report["models"][1]["warning"], warning);
    assert_eq!(report["majority_class"]["label"], "0");

    let summary = here.stdout("summary r.json");
    assert!(
        summary.contains("| afqmc   | nothing learned |"),
        "{summary}"
    );
    assert!(
        summary.contains(&format!("Warning: afqmc, same: {warning}.")),
        "{summary}"
    );
    assert_eq!(
        here.json("summary r.json --json")["tasks"][0]["warning"],
        warning
    );
}
