//! The program itself on hostile sources: exit code 3, one line, nothing on standard output.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use act_core::Family;
use serde_json::{Value, json};

use super::folder::{Folder, safetensors, tiny};

/// Runs `act-convert import` and expects a refusal with `words` in it.
fn refuses(source: &Path, words: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_act-convert"))
        .arg("import")
        .arg(source)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{words}: {stderr}");
    assert!(stderr.contains(words), "{words}: {stderr}");
    assert!(
        output.stdout.is_empty() && stderr.trim_end().lines().count() == 1,
        "{stderr}"
    );
}

/// A good folder with one file replaced.
fn with(name: &str, bytes: &[u8], words: &str) {
    let dir = Folder::of(&tiny(Family::Bert)).write();
    fs::write(dir.path().join(name), bytes).unwrap();
    refuses(dir.path(), words);
}

#[test]
fn configurations_that_promise_too_much() {
    let config = Folder::of(&tiny(Family::Bert)).config;
    let claims = [
        ("num_hidden_layers", json!(1_000_000_000u64)),
        ("num_attention_heads", json!(u64::MAX)),
        ("hidden_size", json!(1u64 << 63)),
        ("intermediate_size", json!(-1)),
        ("vocab_size", json!(1e300)),
        ("max_position_embeddings", json!(1u64 << 40)),
        ("type_vocab_size", json!(u32::MAX)),
        ("layer_norm_eps", json!(-1)),
    ];
    for (key, value) in claims {
        let mut config = config.clone();
        config[key] = value;
        with("config.json", config.to_string().as_bytes(), key);
    }
}

#[test]
fn tensors_that_overlap_or_end_nowhere() {
    let entry =
        |end: u64, range: [u64; 2]| json!({"dtype": "F32", "shape": [end], "data_offsets": range});
    let pair = |a: Value, b: Value| json!({"a": a, "b": b}).to_string();
    let overlap = pair(entry(2, [0, 8]), entry(2, [4, 12]));
    let same = pair(entry(1, [0, 4]), entry(1, [0, 4]));
    let huge = pair(entry(1, [0, 4]), entry(1 << 61, [4, 4 + (1 << 63)]));
    for header in [overlap, same, huge] {
        let bytes = safetensors(&header, &[0; 12]);
        with("model.safetensors", &bytes, "not a whole safetensors file");
    }
    with(
        "model.safetensors",
        &(1u64 << 63).to_le_bytes(),
        "the header has",
    );
}

#[test]
fn files_cut_short() {
    let folder = Folder::of(&tiny(Family::Bert));
    let (config, weights) = (folder.config.to_string(), folder.weights());
    with(
        "config.json",
        &config.as_bytes()[..config.len() / 2],
        "not JSON",
    );
    with("model.safetensors", &weights[..100], "not a whole");
    with(
        "model.safetensors",
        &weights[..weights.len() - 1],
        "not a whole",
    );
    with("vocab.txt", b"[PAD]\n[UN", "vocab.txt");
}
