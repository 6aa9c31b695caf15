//! Models of every family, as `transformers` made, saved and computed them: recorded by
//! `tests/peers/families_record.py`.

use std::fs;
use std::path::{Path, PathBuf};

use act_convert::{ImportOptions, hf};
use act_core::{Artifact, Batch, Encoding, Linear};
use act_infer::{Engine, Kernels};
use act_nn::Device;
use flate2::read::GzDecoder;
use safetensors::SafeTensors;
use serde_json::Value;
use tempfile::TempDir;

use super::folder::options;

/// Largest difference to the scores of `transformers`, about 1 in size.
const TOLERANCE: f32 = 1e-5;

const BOTH: [Kernels; 2] = [Kernels::Generic, Kernels::Auto];

pub fn recorded() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hf/recorded");
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    assert!(files.len() >= 12);
    files
}

/// The folder that an archive holds.
pub fn unpacked(archive: &Path) -> (TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let file = GzDecoder::new(fs::File::open(archive).unwrap());
    tar::Archive::new(file).unpack(parent.path()).unwrap();
    let name = archive.file_name().unwrap().to_str().unwrap();
    let dir = parent.path().join(name.strip_suffix(".tar.gz").unwrap());
    (parent, dir)
}

/// What `transformers` said: ids and scores of every text.
struct Expected {
    encodings: Vec<(String, Option<String>, Vec<u32>)>,
    logits: Vec<Vec<f32>>,
}

fn expected(dir: &Path) -> Expected {
    let text = fs::read(dir.join("expected.json")).unwrap();
    let said: Value = serde_json::from_slice(&text).unwrap();
    let answers = said["answers"].as_array().unwrap();
    let text = |value: &Value| value.as_str().map(str::to_string);
    let numbers = |value: &Value| -> Vec<f64> {
        let values = value.as_array().unwrap().iter();
        values.map(|number| number.as_f64().unwrap()).collect()
    };
    let ids = |value: &Value| numbers(value).into_iter().map(|id| id as u32).collect();
    let answer = |a: &Value| {
        (
            text(&a["text"]).unwrap(),
            text(&a["pair"]),
            ids(&a["input_ids"]),
        )
    };
    let scores = |a: &Value| {
        numbers(&a["logits"])
            .into_iter()
            .map(|x| x as f32)
            .collect()
    };
    Expected {
        encodings: answers.iter().map(answer).collect(),
        logits: answers.iter().map(scores).collect(),
    }
}

/// The encodings of the texts, whose ids are those of `transformers`.
fn encodings(name: &str, engine: &Engine, expected: &Expected) -> Vec<Encoding> {
    let tokenizer = engine.tokenizer().unwrap();
    let encode = |(text, pair, ids): &(String, Option<String>, Vec<u32>)| {
        let encoding = tokenizer.encode(text, pair.as_deref()).unwrap();
        assert_eq!(&encoding.input_ids, ids, "{name}: {text:?}, {pair:?}");
        encoding
    };
    expected.encodings.iter().map(encode).collect()
}

fn largest_difference(ours: &[Vec<f32>], theirs: &[Vec<f32>]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let pairs = ours.iter().zip(theirs);
    let differences = pairs.flat_map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b).abs()));
    differences.fold(0.0, f32::max)
}

/// Ids equal and scores near those of `transformers`; the model.
fn agrees(name: &str, dir: &Path, kernels: &[Kernels]) -> Artifact {
    let artifact = hf::import(dir, &options()).unwrap();
    let engine = Engine::new(artifact.clone()).unwrap();
    let expected = expected(dir);
    let encodings = encodings(name, &engine, &expected);
    for &kernels in kernels {
        let engine = Engine::new(artifact.clone()).unwrap().with_kernels(kernels);
        let ours = engine.forward(&Batch::new(&encodings)).unwrap();
        let most = largest_difference(&ours, &expected.logits);
        assert!(most <= TOLERANCE, "{name}: act-infer is {most:e} away");
    }
    let trained = act_nn::predict(Device::NdArray, &artifact, &encodings, 5).unwrap();
    let most = largest_difference(&trained, &expected.logits);
    println!("{name}: {most:e}");
    assert!(most <= TOLERANCE, "{name}: act-nn is {most:e} away");
    artifact
}

#[test]
fn both_engines_compute_what_transformers_does() {
    for archive in recorded() {
        let (_parent, dir) = unpacked(&archive);
        let name = dir.file_name().unwrap().to_str().unwrap().to_string();
        let artifact = agrees(&name, &dir, &BOTH);
        assert_eq!(artifact.task.labels, ["bad", "good", "neither"]);
        assert_eq!(artifact.task.max_seq_length, 40);
        let whole = act_convert::import(&archive, &options()).unwrap();
        assert_eq!(
            whole.model_digest().unwrap(),
            artifact.model_digest().unwrap()
        );
    }
}

#[test]
fn what_goes_out_comes_in_again_with_the_same_answers() {
    for archive in recorded() {
        let (parent, dir) = unpacked(&archive);
        let name = dir.file_name().unwrap().to_str().unwrap().to_string();
        let model = hf::import(&dir, &options()).unwrap();
        let out = parent.path().join("out");
        if name.starts_with("albert") {
            let error = hf::export(&model, &out).unwrap_err().to_string();
            assert!(error.contains("it repeats one"), "{error}");
            continue;
        }
        hf::export(&model, &out).unwrap();
        let again = hf::import(&out, &options()).unwrap();
        assert_eq!(again.plan, model.plan, "{name}");
        assert_eq!(again.task, model.task, "{name}");
        for (tensor, values) in model.params.iter() {
            assert!(again.params.get(tensor).unwrap().bytes() == values.bytes());
        }
        fs::copy(dir.join("expected.json"), out.join("expected.json")).unwrap();
        agrees(&name, &out, &BOTH);
    }
}

/// Takes a folder's head away, and what its configuration says about it.
fn make_bare(dir: &Path) {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    let is_weights = |path: &PathBuf| path.extension().is_some_and(|e| e == "safetensors");
    let files: Vec<Vec<u8>> = files
        .filter(is_weights)
        .map(|p| fs::read(p).unwrap())
        .collect();
    let shards = files
        .iter()
        .map(|bytes| SafeTensors::deserialize(bytes).unwrap());
    let shards: Vec<_> = shards.collect();
    let tensors = shards.iter().flat_map(|shard| shard.tensors());
    let encoder = tensors.filter(|(name, _)| !name.contains("classifier"));
    let bytes = safetensors::serialize(encoder.collect::<Vec<_>>(), None).unwrap();
    fs::write(dir.join("model.safetensors"), bytes).unwrap();
    let path = dir.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let class = config["architectures"][0].as_str().unwrap();
    config["architectures"][0] = class.replace("ForSequenceClassification", "Model").into();
    config["id2label"] = Value::Null;
    config["label2id"] = Value::Null;
    fs::write(path, config.to_string()).unwrap();
}

#[test]
fn a_bare_encoder_gets_a_head_of_its_family() {
    for name in ["distilbert", "roberta", "electra", "albert", "modernbert"] {
        let archive = recorded()
            .into_iter()
            .find(|path| path.ends_with(format!("{name}.tar.gz")));
        let (_parent, dir) = unpacked(&archive.unwrap());
        let whole = hf::import(&dir, &options()).unwrap();
        make_bare(&dir);
        let labels = Some(whole.task.labels.clone());
        let bare = ImportOptions {
            labels,
            ..options()
        };
        let bare = hf::import(&dir, &bare).unwrap();
        assert_eq!(bare.task.head_trained, Some(false), "{name}");
        assert_eq!(bare.plan.head, whole.plan.head, "{name}");
        let same = |tensor: &str| {
            bare.params.get(tensor).unwrap().bytes() == whole.params.get(tensor).unwrap().bytes()
        };
        assert!(same(&Linear::Query(1).weight()), "{name}");
        // The dense layer is part of ALBERT's encoder, and of what ModernBERT is pretrained with.
        assert_eq!(
            same(&Linear::Pooler.weight()),
            name.ends_with("bert") && !name.contains("distil"),
            "{name}"
        );
        assert!(!same(&Linear::Classifier.weight()), "{name}");
    }
}

#[test]
fn published_sizes_agree_too() {
    let Some(parent) = std::env::var_os("ACT_FAMILIES") else {
        eprintln!("SKIPPED: models of published sizes. Set ACT_FAMILIES; see families_record.py");
        return;
    };
    for folder in fs::read_dir(parent).unwrap() {
        let dir = folder.unwrap().path();
        let name = dir.file_name().unwrap().to_str().unwrap();
        agrees(name, &dir, &[Kernels::Auto]);
    }
}
