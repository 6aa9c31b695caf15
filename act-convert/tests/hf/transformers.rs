//! Exported folders in the real `transformers`, on request: `tests/peers/transformers_logits.py`.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use act_convert::hf;
use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Activation, Artifact, Batch, Family, LayerPlan};
use act_infer::Engine;
use serde_json::{Value, json};

use super::folder::tiny;

const TEXTS: [(&str, Option<&str>); 4] = [
    ("花呗怎么还款", Some("花呗可以提前还款吗")),
    ("Loan 7 à la carte, ABC?", None),
    ("支付宝", Some("x")),
    ("a", None),
];

type Texts<'t> = &'t [(&'t str, Option<&'t str>)];

fn script(python: &OsStr, folder: &Path, texts: Texts) -> Option<Value> {
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers/transformers_logits.py");
    let mut child = Command::new(python)
        .args([script.as_path(), folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let texts = json!(texts).to_string();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(texts.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        return Some(serde_json::from_slice(&output.stdout).unwrap());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last = stderr.lines().last().unwrap_or_default();
    eprintln!("{}: {last}", folder.display());
    None
}

/// Ids are equal; the largest difference of the scores.
fn difference(model: Artifact, theirs: &Value, texts: Texts) -> f64 {
    let engine = Engine::new(model).unwrap();
    let mut most = 0.0f64;
    for (&(text, pair), answer) in texts.iter().zip(theirs["answers"].as_array().unwrap()) {
        let encoding = engine.tokenizer().unwrap().encode(text, pair).unwrap();
        assert_eq!(json!(encoding.input_ids), answer["input_ids"], "{text}");
        let ours = engine.forward(&Batch::new([&encoding])).unwrap();
        for (a, b) in ours[0].iter().zip(answer["logits"].as_array().unwrap()) {
            most = most.max((f64::from(*a) - b.as_f64().unwrap()).abs());
        }
    }
    most
}

#[test]
fn transformers_computes_what_we_do() {
    let Some(python) = std::env::var_os("ACT_TRANSFORMERS") else {
        eprintln!(
            "SKIPPED: exported folders are not loaded in transformers. Set ACT_TRANSFORMERS to a \
             Python that has it; see tests/peers/transformers_logits.py"
        );
        return;
    };
    let parent = tempfile::tempdir().unwrap();
    let export = |name: &str, model: &Artifact| -> PathBuf {
        let dir = parent.path().join(name);
        hf::export(model, &dir).unwrap();
        dir
    };
    let mut cased = tiny(Family::Bert);
    cased.plan.block.activation = Activation::Relu;
    let words = cased.tokenizer.word_piece_mut().unwrap();
    (words.lowercase, words.strip_accents) = (false, false);
    let mut layers = vec![LayerPlan::full(2, 4, 9); 3];
    layers[1].kept_heads = vec![1];
    let pruned = TinyOptions {
        layers,
        ..TinyOptions::default()
    };
    let models = [
        ("bert", tiny(Family::Bert)),
        ("ernie", tiny(Family::Ernie)),
        ("cased", cased),
        ("pruned", tiny_artifact(3, &pruned)),
    ];
    let mut version = String::new();
    for (name, model) in models {
        let Some(theirs) = script(&python, &export(name, &model), &TEXTS) else {
            // Version 5 has no pruned heads any more, as `export` warns; it says so by failing.
            assert!(
                name == "pruned" && version.starts_with('5'),
                "{name} does not load"
            );
            continue;
        };
        version = theirs["version"].as_str().unwrap().to_string();
        assert_eq!(theirs["labels"], json!(model.task.labels));
        let class = match model.plan.family {
            Family::Ernie => "ErnieForSequenceClassification",
            _ => "BertForSequenceClassification",
        };
        assert_eq!(theirs["class"], class);
        let most = difference(model, &theirs, &TEXTS);
        eprintln!("transformers {version}, {name}: scores within {most:.2e}");
        assert!(most <= 1e-4);
    }
    for archive in super::families::recorded() {
        let (_parent, dir) = super::families::unpacked(&archive);
        let name = dir.file_name().unwrap().to_str().unwrap();
        if name.starts_with("albert") {
            continue; // Its repeated layers have no folder any more.
        }
        let model = hf::import(&dir, &super::folder::options()).unwrap();
        // The first is too long for the small models.
        let folder = export(&format!("recorded {name}"), &model);
        let theirs = script(&python, &folder, &TEXTS[1..]);
        let theirs = theirs.unwrap_or_else(|| panic!("{name} does not load"));
        let most = difference(model, &theirs, &TEXTS[1..]);
        eprintln!("transformers {version}, {name}: scores within {most:.2e}");
        assert!(most <= 1e-5);
    }
}
