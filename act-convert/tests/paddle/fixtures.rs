//! Models that PaddlePaddle exported, and the logits that it computed with them. The files are not
//! part of the repository; without them the test says so and passes.

use std::io::Write;
use std::path::{Path, PathBuf};

use act_convert::{ImportOptions, import};
use act_core::{Activation, Artifact, Batch, Encoding, Family, Seed};
use act_infer::Engine;
use serde_json::Value;

/// Largest difference to PaddlePaddle's logits.
const TOLERANCE: f32 = 1e-5;

pub fn options() -> ImportOptions {
    ImportOptions {
        task: None,
        labels: None,
        data: None,
        max_seq_length: None,
        vocab: None,
        seed: Seed(42),
    }
}

/// A fixture's folder, if it is there.
pub fn fixture(name: &str) -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let dir = workspace.join("../shared/fixtures/paddle").join(name);
    if !dir.is_dir() {
        // Not by `eprintln!`, which tests that pass keep to themselves.
        let line = format!("skipped: {} not found\n", dir.display());
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return None;
    }
    Some(dir)
}

struct Case {
    encodings: Vec<Encoding>,
    logits: Vec<Vec<f32>>,
}

fn cases(reference: &Value) -> Vec<Case> {
    let rows = |case: &Value, key: &str| case[key].as_array().unwrap().clone();
    let ids = |row: &Value| -> Vec<u32> {
        let ids = row.as_array().unwrap().iter();
        ids.map(|id| id.as_u64().unwrap() as u32).collect()
    };
    let floats = |row: &Value| -> Vec<f32> {
        let values = row.as_array().unwrap().iter();
        values.map(|x| x.as_f64().unwrap() as f32).collect()
    };
    let case = |case: &Value| Case {
        encodings: rows(case, "input_ids")
            .iter()
            .zip(&rows(case, "token_type_ids"))
            .map(|(tokens, types)| Encoding {
                input_ids: ids(tokens),
                token_type_ids: ids(types),
            })
            .collect(),
        logits: rows(case, "logits").iter().map(floats).collect(),
    };
    rows(reference, "cases").iter().map(case).collect()
}

fn distance(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
    assert_eq!(a.len(), b.len());
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// What a program ends with that gives probabilities.
fn softmax(row: &mut [f32]) {
    row.iter_mut().for_each(|x| *x = x.exp());
    let sum: f32 = row.iter().sum();
    row.iter_mut().for_each(|x| *x /= sum);
}

pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Checks that both engines compute the logits of a reference's cases.
pub fn assert_reproduces(name: &str, artifact: &Artifact, reference: &Value) {
    let engine = Engine::new(artifact.clone()).unwrap();
    let device = "cpu".parse().unwrap();
    for (i, case) in cases(reference).iter().enumerate() {
        let inferred = engine.forward(&Batch::new(&case.encodings)).unwrap();
        let trained = act_nn::predict(device, artifact, &case.encodings, 4).unwrap();
        for (by, mut logits) in [("act-infer", inferred), ("act-nn", trained)] {
            if reference["options"]["head"] == "softmax" {
                logits.iter_mut().for_each(|row| softmax(row));
            }
            let distance = distance(&logits, &case.logits);
            assert!(distance <= TOLERANCE, "{name}, case {i}, {by}: {distance}");
        }
    }
}

fn reproduces(name: &str) -> Option<Artifact> {
    let dir = fixture(name)?;
    let artifact = import(&dir, &options()).unwrap();
    assert_reproduces(name, &artifact, &json(&dir.join("reference.json")));
    Some(artifact)
}

#[test]
fn pp_minilm_with_relu() {
    let Some(artifact) = reproduces("ppminilm") else {
        return;
    };
    let plan = &artifact.plan;
    assert_eq!(
        (plan.family, plan.block.activation),
        (Family::Bert, Activation::Relu)
    );
    assert_eq!((plan.layers.len(), plan.embeddings.type_vocab_size), (2, 2));
    assert_eq!(
        (plan.layers[0].heads(), plan.layers[0].intermediate_size),
        (4, 64)
    );
    assert_eq!(artifact.task.labels, ["0", "1"]);
    assert_eq!(artifact.task.max_seq_length, 64);
    assert_eq!(artifact.tokenizer.vocab_size(), 200);
}

#[test]
fn pp_minilm_with_gelu_and_four_token_types() {
    if let Some(artifact) = reproduces("ppminilm_gelu") {
        assert_eq!(artifact.plan.block.activation, Activation::Gelu);
        assert_eq!(artifact.plan.embeddings.type_vocab_size, 4);
    }
}

#[test]
fn ernie_with_a_task_table() {
    if let Some(artifact) = reproduces("ernie") {
        assert_eq!(artifact.plan.family, Family::Ernie);
        assert_eq!(artifact.plan.embeddings.task_type_vocab_size, 3);
    }
}
