//! Checkpoints: a folder is the classifier that it says it is, or is refused by name.

use std::path::Path;

use act_core::{Artifact, Batch, Encoding};
use act_infer::Engine;
use act_tests::{bash, run};
use serde_json::Value;
use tempfile::TempDir;

use super::case;

/// Runs `act-convert import` on a case, which must be refused with all of these words.
fn refused(name: &str, words: &[&str]) {
    let Some(path) = case(&format!("models/{name}")) else {
        return;
    };
    run("act-convert", [Path::new("import"), &path]).complains(3, words);
}

/// Runs the command of a case inside the folder of all cases, with `m.act` in `folder`.
fn command(folder: &TempDir, models: &Path, line: &str) -> String {
    let line = line.replace("m.act", &folder.path().join("m.act").display().to_string());
    bash(models, &line).ok()
}

/// Imports a case; nothing where there is no collection.
fn imported(name: &str, flags: &str) -> Option<Artifact> {
    let path = case(&format!("models/{}", name.split('/').next()?))?;
    let folder = TempDir::new().unwrap();
    let line = format!("act-convert import {flags} {name} -o m.act");
    command(&folder, path.parent()?, &line);
    Some(Artifact::open(folder.path().join("m.act")).unwrap())
}

/// The logits of a case's `logits.json` are those of the engine, as `make` turns them.
fn reproduces(name: &str, file: &str, make: fn(Vec<f32>) -> Vec<f32>) {
    let Some(artifact) = imported(&format!("{name}{file}"), "") else {
        return;
    };
    let path = case(&format!("models/{name}")).unwrap().join("logits.json");
    let record: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let numbers =
        |key: &str| -> Vec<Vec<f64>> { serde_json::from_value(record[key].clone()).unwrap() };
    let ids = |row: &[f64]| row.iter().map(|&id| id as u32).collect::<Vec<_>>();
    let encodings: Vec<Encoding> = numbers("input_ids")
        .iter()
        .zip(&numbers("token_type_ids"))
        .map(|(tokens, types)| Encoding {
            input_ids: ids(tokens),
            token_type_ids: ids(types),
        })
        .collect();
    let engine = Engine::new(artifact).unwrap();
    let found = engine.forward(&Batch::new(&encodings)).unwrap();
    for (found, expected) in found.into_iter().map(make).zip(numbers("logits")) {
        for (a, b) in found.iter().zip(&expected) {
            assert!(
                (f64::from(*a) - b).abs() < 1e-5,
                "{name}: {found:?} {expected:?}"
            );
        }
    }
}

fn softmax(logits: Vec<f32>) -> Vec<f32> {
    let sum: f32 = logits.iter().map(|x| x.exp()).sum();
    logits.iter().map(|x| x.exp() / sum).collect()
}

#[test]
fn one_output_is_no_classifier() {
    refused("num_labels_1", &["model.safetensors", "one output", "1.0"]);
}

#[test]
fn a_folders_own_code_is_not_known() {
    refused(
        "custom_code_auto_map",
        &["config.json", "auto_map", "own code"],
    );
}

#[test]
fn a_trained_classifier_needs_its_pooler() {
    let words = ["\"classifier.weight\" is trained", "no pooler.dense.weight"];
    refused("classifier_without_pooler", &words);
}

#[test]
fn names_are_as_many_as_outputs() {
    let words = [
        "config.json",
        "id2label names 5",
        "has 2 outputs",
        "--labels",
    ];
    refused("id2label_more_than_head", &words);
    if let Some(model) = imported("id2label_more_than_head", "--labels a,b") {
        assert_eq!(model.task.labels, ["a", "b"]);
    }
}

#[test]
fn labels_of_the_user_are_enough() {
    if let Some(model) = imported("id2label_int_values", "--labels a,b") {
        assert_eq!(model.task.labels, ["a", "b"]);
    }
    if let Some(model) = imported("id2label_int_values", "") {
        assert_eq!(model.task.labels, ["neg", "pos"]);
    }
}

#[test]
fn architectures_prefixes_and_marks_are_understood() {
    for name in ["no_model_type", "prefix_module", "utf8_bom"] {
        if let Some(model) = imported(name, "") {
            assert_eq!(model.task.labels, ["neg", "pos"], "{name}");
            assert_eq!(model.plan.layers.len(), 2, "{name}");
        }
    }
}

#[test]
fn names_beside_a_paddle_program_count() {
    let Some(path) = case("models/paddle_id2label_ignored") else {
        return;
    };
    let line = "act-convert import paddle_id2label_ignored -o m.act \
                && printf '%s\\n' 'hello' | act-eval predict m.act --format text";
    let answer = command(&TempDir::new().unwrap(), path.parent().unwrap(), line);
    let label = serde_json::from_str::<Value>(&answer).unwrap()["label"].clone();
    assert!(
        ["体育", "财经", "娱乐"].contains(&label.as_str().unwrap()),
        "{answer}"
    );
}

#[test]
fn paddlenlps_other_classes_compute_what_they_did() {
    reproduces("paddle_skep", "", |logits| logits);
    reproduces("paddle_roberta_wwm", "", |logits| logits);
    reproduces("paddle_softmax", "", softmax);
}

#[test]
fn of_two_programs_the_named_one_is_imported() {
    if let Some(model) = imported("paddle_two_programs/float32.pdmodel", "") {
        assert_eq!(model.plan.layers.len(), 2);
    }
    if let Some(path) = case("models/paddle_two_programs") {
        let words = [
            "2 programs",
            "float32.pdmodel and int8.pdmodel",
            "by its path",
        ];
        run("act-convert", [Path::new("import"), &path]).complains(2, &words);
    }
}

#[test]
fn weights_without_a_program_are_named() {
    let words = [
        "model_state.pdparams",
        "export the static graph",
        "paddle.jit.save",
    ];
    refused("paddle_dygraph_folder", &words);
}

#[test]
fn paddle_3s_programs_compute_what_they_did() {
    reproduces("paddle3_pir", "", |logits| logits);
    reproduces("paddle3_pir", "/inference.json", |logits| logits);
}
