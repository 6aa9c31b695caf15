//! Entry points for bytes that somebody else made, one a parser. Each takes any bytes, says whether
//! they were accepted, and panics only if act breaks a promise about them: an error must blame the
//! input, and what is accepted must be whole. The fuzz targets (`tests/fuzz`) and the default tests,
//! which replay what fuzzing once found, call the same functions.

mod archive;
mod artifact;
mod checkpoint;
mod huggingface;
mod memory;
mod paddle;
mod text;

use act_convert::ImportOptions;
use act_core::{Artifact, Batch, Error, ErrorKind, Result, Seed};
use act_infer::Engine;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

pub use archive::archive;
pub use artifact::artifact;
pub use checkpoint::{broken_off, checkpoint};
pub use huggingface::{hf_config, hf_tokenizer, hf_weights, small_folder};
pub use memory::memory;
pub use paddle::{paddle_params, paddle_program};
pub use text::{config, data, describe, predict, promise, report, table};

/// Judges one input: true if it was accepted. Panics if a promise is broken.
pub type Entry = fn(&[u8]) -> bool;

/// Every entry point under the name of its fuzz target.
pub const ENTRIES: [(&str, Entry); 16] = [
    ("archive", archive),
    ("artifact", artifact),
    ("checkpoint", checkpoint),
    ("config", config),
    ("data", data),
    ("describe", describe),
    ("hf_config", hf_config),
    ("hf_tokenizer", hf_tokenizer),
    ("hf_weights", hf_weights),
    ("memory", memory),
    ("paddle_params", paddle_params),
    ("paddle_program", paddle_program),
    ("predict", predict),
    ("promise", promise),
    ("report", report),
    ("table", table),
];

/// A temporary folder with these files.
fn folder<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> TempDir {
    let dir = TempDir::new().expect("a temporary folder");
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).expect("a file is written");
    }
    dir
}

/// Imports a foreign model without options, and judges what comes of it.
fn imported(source: &Path) -> bool {
    let options = ImportOptions {
        task: None,
        labels: None,
        data: None,
        max_seq_length: None,
        vocab: None,
        seed: Seed(1),
    };
    checked(act_convert::import(source, &options))
        .map(accepted)
        .is_some()
}

/// What loads must save and load again as the same model, and the engine must run it.
fn accepted(artifact: Artifact) {
    let bytes = artifact.to_bytes().expect("what is loaded can be saved");
    let again = Artifact::read(&bytes[..]).expect("what is saved can be loaded");
    assert!(again.to_bytes().expect("it can be saved again") == bytes);
    let digest = |a: &Artifact| a.model_digest().expect("it has a digest").to_string();
    assert_eq!(digest(&again), digest(&artifact));

    if artifact.check_supported().is_err() {
        return;
    }
    let (vocab, labels) = (
        artifact.plan.embeddings.vocab_size,
        artifact.plan.num_labels,
    );
    let longest = artifact.task.max_seq_length;
    let engine = Engine::new(artifact).expect("the engine takes what the format allows");
    // A tokenizer.json is looked into when the first text comes.
    let Some(tokenizer) = checked(engine.tokenizer()) else {
        return;
    };
    let encoding = tokenizer
        .encode("花呗怎么还款? How to pay", None)
        .expect("a text has tokens");
    assert!(encoding.len() <= longest, "{} tokens", encoding.len());
    assert!(encoding.input_ids.iter().all(|&id| (id as usize) < vocab));
    let logits = engine.forward(&Batch::new(&[encoding])).expect("it runs");
    assert_eq!((logits.len(), logits[0].len()), (1, labels));
}

/// An error says something, and blames the input and not the program.
fn refused(error: &Error) {
    let text = error.to_string();
    assert!(!text.is_empty());
    assert_ne!(error.kind(), ErrorKind::Failed, "{text}");
}

/// Judges an error if it is one, and passes on what is not.
fn checked<T>(result: Result<T>) -> Option<T> {
    result.inspect_err(refused).ok()
}
