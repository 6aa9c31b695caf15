//! Hugging Face folders: one of the files is the stranger's, the others are a small model's.

use std::fs;
use std::sync::OnceLock;

use act_convert::new::EncoderShape;
use act_convert::{hf, init};
use act_core::quant::QuantSpec;
use act_core::{Activation, Artifact, Family, Seed, TaskInfo, WordPieceSpec};
use tempfile::TempDir;

use super::{folder, imported};

/// Tokens of the small model.
const VOCAB: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n花\n呗\nhow\n##ow\n?\nto\n##y\n";

/// Files of a folder, by name.
type Files = Vec<(String, Vec<u8>)>;

/// The folder of a small model, as act exports it.
pub fn small_folder() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let dir = TempDir::new().expect("a temporary folder");
        let target = dir.path().join("small");
        hf::export(&small_model(), &target).expect("a model of equal layers can be exported");
        let entries = fs::read_dir(&target).expect("the folder is there");
        let read = |entry: fs::DirEntry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).expect("the file is readable"))
        };
        let mut files: Files = entries.map(|e| read(e.expect("an entry"))).collect();
        files.sort();
        files
    })
}

fn small_model() -> Artifact {
    let shape = EncoderShape {
        layers: 1,
        hidden: 4,
        heads: 2,
        intermediate: 3,
        max_seq_length: 8,
        family: Family::Bert,
        activation: Activation::Gelu,
    };
    let tokenizer = WordPieceSpec::from_vocab(VOCAB).expect("it has the special tokens");
    let plan = shape
        .plan(tokenizer.vocab_size(), 2, Default::default())
        .expect("a small plan");
    Artifact {
        params: init::params(&plan, Seed(1)),
        plan,
        task: TaskInfo::new("small", 8, vec!["no".into(), "yes".into()]),
        tokenizer: tokenizer.into(),
        quant: QuantSpec::default(),
        provenance: Vec::new(),
    }
}

/// The small folder with these files in place of its own.
fn import_with(own: &[(&str, &[u8])], without: &[&str]) -> bool {
    let others = small_folder().iter().map(|(n, b)| (n.as_str(), &b[..]));
    let kept = |(name, _): &(&str, &[u8])| {
        !without.contains(name) && own.iter().all(|(other, _)| other != name)
    };
    let dir = folder(others.filter(kept).chain(own.iter().copied()));
    imported(dir.path())
}

/// A `config.json`.
pub fn hf_config(bytes: &[u8]) -> bool {
    import_with(&[("config.json", bytes)], &[])
}

/// A `model.safetensors`.
pub fn hf_weights(bytes: &[u8]) -> bool {
    import_with(&[("model.safetensors", bytes)], &[])
}

/// What describes a tokenizer, zero bytes between: `vocab.txt`, `tokenizer.json` and
/// `tokenizer_config.json`. An empty part is a file that is not there.
pub fn hf_tokenizer(bytes: &[u8]) -> bool {
    let names = ["vocab.txt", "tokenizer.json", "tokenizer_config.json"];
    let parts = bytes.splitn(3, |&b| b == 0);
    let given = names.iter().copied().zip(parts);
    let own: Vec<(&str, &[u8])> = given.filter(|(_, part)| !part.is_empty()).collect();
    import_with(&own, &names)
}
