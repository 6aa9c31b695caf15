//! The ids of `transformers` and PaddleNLP on texts that are hard to cut into tokens, recorded by
//! `tests/peers/tokenizers_record.py`, against those of the same folders read here.

use std::fs;
use std::io::Read;
use std::path::Path;

use act_convert::tokenizer::{read_huggingface, read_paddle};
use act_core::{Encoding, Tokenizer, TokenizerSpec};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

const RECORDED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/tokenizers/recorded.json.gz"
);

fn recorded() -> Value {
    let mut text = String::new();
    let file = fs::File::open(RECORDED).unwrap();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// FNV-1a, 32 bits folded to 24, of ids and token types as four bytes each.
fn digest(encoding: &Encoding) -> String {
    let numbers = encoding.input_ids.iter().chain(&encoding.token_type_ids);
    let bytes = numbers.flat_map(|number| number.to_le_bytes());
    let step = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let hash = bytes.fold(0x811c_9dc5, step);
    format!("{:06x}", (hash >> 24) ^ (hash & 0xff_ffff))
}

/// The tokenizer of a recorded configuration, read from a folder as a user's is.
fn tokenizer(configuration: &Value) -> TokenizerSpec {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in configuration["files"].as_object().unwrap() {
        let text = content
            .as_str()
            .map_or_else(|| content.to_string(), str::to_string);
        fs::write(dir.path().join(name), text).unwrap();
    }
    let rows = configuration["rows"].as_u64().unwrap() as usize;
    read(configuration["kind"].as_str().unwrap(), dir.path(), rows)
}

fn read(kind: &str, dir: &Path, rows: usize) -> TokenizerSpec {
    match kind {
        "paddle" => read_paddle(dir, None, rows).unwrap(),
        _ => {
            read_huggingface(dir, &json!({"model_type": "bert"}), None, rows)
                .unwrap()
                .spec
        }
    }
}

fn encode(tokenizer: &Tokenizer, item: &Value) -> Encoding {
    let text = |i: usize| item.get(i).and_then(Value::as_str);
    match item.as_str() {
        Some(text) => tokenizer.encode(text, None).unwrap(),
        None => tokenizer.encode(text(0).unwrap(), text(1)).unwrap(),
    }
}

#[test]
fn ids_are_those_of_transformers_and_of_paddlenlp() {
    let recorded = recorded();
    let texts = recorded["texts"].as_array().unwrap();
    let configurations = recorded["configurations"].as_array().unwrap();
    assert!(texts.len() > 2_000 && configurations.len() > 20);
    let mut wrong = Vec::new();
    for configuration in configurations {
        let name = configuration["name"].as_str().unwrap();
        let longest = configuration["longest"].as_u64().unwrap() as usize;
        let tokenizer = Tokenizer::new(&tokenizer(configuration), longest).unwrap();
        let digests = configuration["digests"].as_str().unwrap();
        assert_eq!(digests.len(), 6 * texts.len());
        for (i, text) in texts.iter().enumerate() {
            let encoding = encode(&tokenizer, text);
            let ours = json!([encoding.input_ids, encoding.token_type_ids]);
            let clear = configuration["clear"].get(i.to_string());
            if clear.is_some_and(|clear| *clear != ours) {
                wrong.push(format!("{name}: {text}: {ours}, not {}", clear.unwrap()));
                continue;
            }
            if digest(&encoding) != digests[6 * i..6 * i + 6] {
                wrong.push(format!("{name}: {text}: {ours}"));
            }
        }
    }
    let first: Vec<&String> = wrong.iter().take(40).collect();
    assert!(wrong.is_empty(), "{} differ: {first:#?}", wrong.len());
}

#[test]
fn what_wordpiece_can_say_is_wordpiece_which_can_be_pruned() {
    for configuration in recorded()["configurations"].as_array().unwrap() {
        let name = configuration["name"].as_str().unwrap();
        let whole = [
            "added",
            "added cased",
            "old files",
            "template",
            "byte pairs",
            "unigram",
            "words",
        ];
        let word_piece = tokenizer(configuration).word_piece().is_ok();
        assert_eq!(word_piece, !whole.contains(&name), "{name}");
    }
}
