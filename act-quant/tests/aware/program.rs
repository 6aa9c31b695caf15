//! By the program.

use std::fs;
use std::path::Path;
use std::process::Command;

use act_core::Artifact;

use crate::toy::{model, texts};

/// A folder with a model and its data.
pub fn workshop() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    write("float.act", &model().to_bytes().unwrap());
    let rows = texts(200).enumerate();
    let lines: Vec<String> = rows
        .map(|(i, text)| format!("{{\"text\":\"{text}\",\"label\":\"label {}\"}}\n", i % 3))
        .collect();
    write("train.json", lines.concat().as_bytes());
    let description = r#"{"task":"tiny","columns":{"text":"text","label":"label"},
        "labels":["label 0","label 1","label 2"],"hold_out":{"dev":0}}"#;
    write("act-dataset.json", description.as_bytes());
    write(
        "coarse.yaml",
        b"QuantPost: {judge: train, schemes: [static], range_passes: 0, weight_round: nearest, weight_max: 7, activation_max: 7}\n\
          TrainConfig: {learning_rate: 1.0e-2, epochs: 40}\n\
          Distillation: {logits: 1}\nQuantAware:\n",
    );
    dir
}

pub fn act_quant(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_act-quant"));
    command
        .current_dir(dir)
        .args(["float.act", "--data", "."])
        .args(args);
    command
}

pub fn report(dir: &Path, name: &str) -> serde_json::Value {
    serde_json::from_slice(&fs::read(dir.join(name)).unwrap()).unwrap()
}

#[test]
fn the_section_asks_for_training_where_calibration_loses_too_much() {
    let dir = workshop();
    let quant = |args: &[&str]| {
        let common = ["-c", "coarse.yaml", "--report", "r.json", "-o", "out.act"];
        let output = act_quant(dir.path(), &[&common, args].concat())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        (report(dir.path(), "r.json")["training"].clone(), told)
    };
    let (trained, told) = quant(&["--teacher", "float.act"]);
    assert_eq!(
        (&trained["mode"], &trained["kept"]),
        (&"auto".into(), &"qat".into())
    );
    assert!(
        trained["reason"]
            .as_str()
            .unwrap()
            .contains("more than QuantAware.max_divergence")
    );
    assert!(told.contains("keeping the trained model"), "{told}");
    let artifact = Artifact::open(dir.path().join("out.act")).unwrap();
    let record = artifact.provenance.last().unwrap();
    assert!(record.config.contains("QuantAware"), "{}", record.config);
    assert!(record.inputs.iter().any(|input| input.role == "teacher"));
    assert!(
        record
            .metrics
            .iter()
            .any(|(name, _)| name == "trained_teacher_divergence")
    );

    let (content, _) = quant(&["--set", "QuantAware.max_divergence=10"]);
    assert_eq!(content["kept"], "ptq");
    assert!(
        content["reason"]
            .as_str()
            .unwrap()
            .contains("within QuantAware.max_divergence")
    );
    assert!(content.get("steps").is_none());
    let (post, _) = quant(&["--mode", "ptq"]);
    assert_eq!(
        (&post["mode"], &post["kept"]),
        (&"ptq".into(), &"ptq".into())
    );
}

#[test]
fn what_cannot_be_trained_is_refused_in_one_line() {
    let dir = workshop();
    let refused = |args: &[&str], says: &str| {
        let output = act_quant(dir.path(), &[args, &["-q", "-o", "x.act"]].concat())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(says), "{told}");
    };
    refused(&["--mode", "both"], "ptq, qat or auto");
    refused(
        &[
            "--set",
            "QuantAware.moving_rate=0.5",
            "--set",
            "QuantAware.activation_quantize_type=lsq",
        ],
        "QuantAware.moving_rate",
    );
    let schedule =
        "TrainConfig.learning_rate={type: ExponentialDecay, learning_rate: 0.1, gamma: 0.9}";
    refused(
        &["--mode", "qat", "--set", schedule],
        "QuantAware.learning_rate",
    );
    refused(
        &["--mode", "qat", "--set", "Distillation.hidden=1"],
        "QuantPost.shift",
    );
    refused(
        &["--mode", "qat", "--teacher", "."],
        "the teacher . is a folder",
    );
    let output = Command::new(env!("CARGO_BIN_EXE_act-quant"))
        .current_dir(dir.path())
        .args(["float.act", "--mode", "qat", "-o", "x.act"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--data"));
}

#[test]
fn the_users_metric_decides_and_is_named_in_log_report_and_record() {
    let dir = workshop();
    let quant = |args: &[&str]| {
        let common = ["-c", "coarse.yaml", "--report", "r.json", "-o", "out.act"];
        let by = [
            "--set",
            "TrainConfig.metric=macro_f1",
            "--metrics",
            "m.jsonl",
        ];
        let output = act_quant(dir.path(), &[&common[..], &by[..], args].concat())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        (report(dir.path(), "r.json"), told)
    };
    let (trained, told) = quant(&["--mode", "qat", "--teacher", "float.act"]);
    assert!(told.contains("validation macro-F1 0."), "{told}");
    assert!(told.contains("from the teacher, accuracy 0."), "{told}");
    let quantization = &trained["quantization"];
    assert_eq!(quantization["metric"], "macro_f1");
    assert!(
        quantization["trials"][0]["score"].is_f64(),
        "{quantization}"
    );
    let training = &trained["training"];
    assert_eq!(training["metric"], "macro_f1");
    let [before, after] = ["calibrated", "trained"].map(|which| {
        let score = &training[which];
        (
            score["score"].as_f64().unwrap(),
            -score["divergence"].as_f64().unwrap(),
        )
    });
    let better = if after > before { "qat" } else { "ptq" };
    assert_eq!(training["kept"], better, "{training}");
    let evaluations = training["evaluations"].as_array().unwrap();
    assert!(
        evaluations
            .iter()
            .all(|e| e["score"].is_f64() && e.get("divergence").is_none())
    );
    let most = evaluations.iter().map(|e| e["score"].as_f64().unwrap());
    assert_eq!(most.fold(f64::MIN, f64::max), after.0);
    let lines = fs::read_to_string(dir.path().join("m.jsonl")).unwrap();
    assert!(lines.contains("\"macro_f1\":"), "{lines}");

    let (post, told) = quant(&["--mode", "ptq"]);
    assert!(post["quantization"]["metric"] == "macro_f1" && told.contains(", macro-F1 0."));
    let model = Artifact::open(dir.path().join("out.act")).unwrap();
    let record = model.provenance.last().unwrap();
    let key = "TrainConfig:\n  metric: macro_f1\n";
    assert!(record.config.ends_with(key), "{}", record.config);
    assert!(
        record
            .metrics
            .iter()
            .any(|(name, _)| name == "held_out_macro_f1")
    );
}

#[test]
fn a_metric_that_the_classes_cannot_have_is_refused_by_key() {
    let dir = workshop();
    let flags = ["-o", "out.act", "--set", "TrainConfig.metric=f1"];
    let output = act_quant(dir.path(), &flags).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("TrainConfig.metric: f1 is of the positive class of two"),
        "{told}"
    );
}
