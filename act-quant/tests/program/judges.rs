//! The texts that trials are judged on: which ones, how they are told of, and what is no such text.

use std::fs;

use act_core::Artifact;
use act_stage::testing::Workshop;
use serde_json::Value;

use crate::workshop::{in_turn, texts, workshop};

/// The report's `judge` of a run, and what was told.
fn judge(workshop: &Workshop, line: &str) -> (Value, String) {
    let told = workshop.ends(0, &format!("float.act --report out.json {line}"));
    let report = fs::read(workshop.path("out.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    (report["quantization"]["judge"].clone(), told)
}

/// The configuration and the data that the result's provenance has of the run.
fn recorded(workshop: &Workshop) -> (String, Vec<String>) {
    let int8 = Artifact::open(workshop.path("out.act")).unwrap();
    let record = int8.provenance.last().unwrap();
    let names = record.data.iter().map(|data| data.name.clone());
    (record.config.clone(), names.collect())
}

#[test]
fn texts_that_nobody_trained_on_judge_and_both_divergences_are_told() {
    let workshop = workshop();
    let (made, told) = judge(&workshop, "");
    assert_eq!(
        (&made["texts"], &made["examples"]),
        (&"made".into(), &512.into())
    );
    assert!(made["divergence"].is_f64() && made["seen_divergence"].is_f64());
    assert_eq!(made["seen_examples"], 47);
    assert!(
        told.contains("on 47 examples of train its divergence is"),
        "{told}"
    );
    let (config, data) = recorded(&workshop);
    assert!(config.contains("judge: made"), "{config}");
    assert_eq!(data, ["tiny/train"]);
    let bytes = fs::read(workshop.path("out.act")).unwrap();
    assert_eq!(judge(&workshop, "--threads 1").0, made);
    assert_eq!(fs::read(workshop.path("out.act")).unwrap(), bytes);

    let (train, _) = judge(&workshop, "--judge train");
    assert_eq!(
        (&train["texts"], &train["examples"]),
        (&"train".into(), &47.into())
    );
    assert!(train["seen_divergence"].is_null());
}

#[test]
fn unlabelled_texts_beside_the_data_or_a_file_go_before_made_up_ones() {
    let workshop = workshop();
    // Every text of train, and forty others.
    let lines: Vec<String> = texts(133).collect();
    fs::write(workshop.path("data/unlabelled.txt"), lines.join("\n")).unwrap();
    let (file, told) = judge(&workshop, "");
    assert_eq!(
        (&file["texts"], &file["examples"]),
        (&"file".into(), &40.into())
    );
    assert!(told.contains("93 of its texts are in train too"), "{told}");
    let (config, data) = recorded(&workshop);
    assert_eq!(data, ["tiny/train", "tiny/unlabelled"]);
    assert!(
        config.contains("judge: file") && !config.contains("judge_file"),
        "{config}"
    );
    assert_eq!(judge(&workshop, "--judge data/unlabelled.txt").0, file);
    assert_eq!(judge(&workshop, "--judge made").0["texts"], "made");

    fs::write(workshop.path("few.txt"), lines[90..100].join("\n")).unwrap();
    let few = ["7 texts that are not in train", "32 at least", "--judge"];
    workshop.refuses(2, "float.act --judge few.txt", &few);
    workshop.refuses(2, "float.act --judge texts.xml", &["texts.xml", ".txt"]);
    workshop.refuses(2, "float.act --judge none.txt", &["none.txt"]);
    let lonely = "float.act --set QuantPost.judge=file";
    workshop.refuses(2, lonely, &["QuantPost.judge_file"]);
    let idle = "float.act --set QuantPost.judge_file=few.txt";
    workshop.refuses(2, idle, &["QuantPost.judge_file is for judge: file"]);
}

#[test]
fn dev_judges_when_asked_to_and_is_untouched_no_more() {
    let workshop = workshop();
    workshop.refuses(2, "float.act --judge dev", &["dev"]);
    workshop.write_data("other", in_turn(texts(173)));
    let dev = fs::read(workshop.path("other/train.json")).unwrap();
    fs::write(workshop.path("data/dev.json"), dev).unwrap();
    let (dev, told) = judge(&workshop, "--judge dev");
    assert_eq!(
        (&dev["texts"], &dev["examples"]),
        (&"dev".into(), &80.into())
    );
    assert!(
        dev["note"]
            .as_str()
            .unwrap()
            .contains("dev chose between trials")
    );
    assert!(told.contains("no clean figure any more"), "{told}");
    let (config, data) = recorded(&workshop);
    assert!(config.contains("judge: dev"), "{config}");
    assert_eq!(data, ["tiny/train", "tiny/dev"]);
    assert_eq!(
        judge(&workshop, "").0["texts"],
        "made",
        "never silently dev"
    );
}

#[test]
fn training_is_judged_on_the_same_texts_and_a_metric_on_labelled_ones() {
    let workshop = workshop();
    let line =
        "--mode qat --set TrainConfig.learning_rate=1.0e-5 --set TrainConfig.metric=macro_f1";
    let (made, _) = judge(&workshop, line);
    assert_eq!(made["texts"], "made");
    let report = fs::read(workshop.path("out.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let calibrated = &report["training"]["calibrated"];
    // Its own teacher: the very divergence, beside a figure that only labels give.
    let near = |a: &Value, b: &Value| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-9;
    assert!(
        near(&calibrated["divergence"], &made["divergence"]),
        "{calibrated}"
    );
    assert!(
        calibrated["score"].is_f64() && calibrated["accuracy"]["n"] == 47,
        "{calibrated}"
    );
    assert!(report["quantization"]["trials"][0]["score"].is_f64());
}
