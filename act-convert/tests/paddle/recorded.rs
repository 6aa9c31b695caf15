//! Models that PaddlePaddle exported in many manners (`tests/peers/paddle_export.py`), with the
//! logits that it computed, or the operator that a refusal must name. The small ones are part of the
//! repository; a folder of larger ones is named by `ACT_PADDLE_DIR`.

use std::io::Write;
use std::path::{Path, PathBuf};

use act_convert::import;
use act_core::ErrorKind;
use serde_json::Value;

use crate::fixtures::{assert_reproduces, json, options};

/// Reads every model of a folder and gives their number.
fn check(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut records: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    records.retain(|path| path.extension().is_some_and(|e| e == "json"));
    records.sort();
    for path in &records {
        let record = json(path);
        let archive = path.with_extension("tar.gz");
        let name = archive.file_name().unwrap().to_string_lossy();
        match record["refused"].as_str() {
            Some(operator) => assert_refused(&archive, operator),
            None => assert_imports(&name, &archive, &record),
        }
    }
    records.len()
}

fn assert_refused(archive: &Path, operator: &str) {
    let name = archive.display();
    let Err(error) = import(archive, &options()) else {
        panic!("{name} is imported");
    };
    assert_eq!(error.kind(), ErrorKind::Rejected, "{name}: {error}");
    let named = error.to_string().contains(&format!("({operator})"));
    assert!(named, "{error}");
}

fn assert_imports(name: &str, archive: &Path, record: &Value) {
    let artifact = import(archive, &options()).unwrap_or_else(|e| panic!("{e}"));
    let shapes = |key: &str| -> Vec<u64> {
        let numbers = record["options"][key].as_array().unwrap().iter();
        numbers.map(|n| n.as_u64().unwrap()).collect()
    };
    let layers = artifact.plan.layers.iter();
    let found: (Vec<u64>, Vec<u64>) = layers
        .map(|layer| (layer.heads() as u64, layer.intermediate_size as u64))
        .unzip();
    assert_eq!(found, (shapes("heads"), shapes("ffn")), "{name}");
    assert_reproduces(name, &artifact, record);
}

#[test]
fn every_manner_that_was_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/paddle/recorded");
    assert!(check(&folder) >= 40);
    // Paddle 3's programs.
    assert!(check(&folder.join("pir")) >= 20);
}

#[test]
fn published_sizes() {
    match std::env::var_os("ACT_PADDLE_DIR") {
        Some(folder) => assert!(check(folder.as_ref()) > 0),
        // Not by `eprintln!`, which tests that pass keep to themselves.
        None => std::io::stderr()
            .write_all(b"skipped: ACT_PADDLE_DIR names no folder of larger Paddle models\n")
            .unwrap(),
    }
}
