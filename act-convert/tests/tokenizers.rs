//! The ids of `transformers` and PaddleNLP on texts that are hard to cut into tokens, recorded by
//! `tests/peers/tokenizers_record.py`, against those of the same folders read here.

use std::fs;
use std::io::Read;
use std::path::Path;

use act_convert::tokenizer::{Tables, read_huggingface, read_paddle};
use act_core::tokenizer::shorten_json;
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
            let tables = Tables {
                words: rows,
                types: 2,
            };
            let model = json!({"model_type": "bert"});
            read_huggingface(dir, &model, None, tables).unwrap().spec
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

#[test]
fn shortened_tokenizers_give_covered_texts_the_same_tokens() {
    let recorded = recorded();
    let texts = recorded["texts"].as_array().unwrap();
    let mut shortened = Vec::new();
    for configuration in recorded["configurations"].as_array().unwrap() {
        let TokenizerSpec::Json(spec) = tokenizer(configuration) else {
            continue;
        };
        let spec = TokenizerSpec::Json(spec);
        let name = configuration["name"].as_str().unwrap();
        let whole = Tokenizer::new(&spec, 64).unwrap();
        let entries = |text: &Value| {
            let parts = text
                .as_array()
                .map_or(std::slice::from_ref(text), Vec::as_slice);
            let parts = parts.iter().map(|part| part.as_str().unwrap());
            let ids = parts.map(|part| whole.entries(part));
            ids.collect::<Result<Vec<_>, _>>().map(|ids| ids.concat())
        };
        // Few of the texts are the corpus.
        let corpus = texts.iter().step_by(60).map(entries);
        let Ok(kept) = corpus.collect::<Result<Vec<_>, _>>() else {
            assert!(
                ["added", "added cased", "old files", "template"].contains(&name),
                "{name}"
            );
            continue;
        };
        let kept = kept.concat().into_iter().collect();
        let TokenizerSpec::Json(long) = &spec else {
            unreachable!()
        };
        let (short, ids) = shorten_json(long, &kept).unwrap();
        assert!(
            short.vocab_size == ids.len() && ids.len() < long.vocab_size,
            "{name}"
        );
        let short = Tokenizer::new(&TokenizerSpec::Json(short), 64).unwrap();
        let mut covered = 0;
        for (i, text) in texts.iter().enumerate() {
            let inside = entries(text).unwrap().iter().all(|id| ids.contains(id));
            assert!(inside || i % 60 != 0, "{name}: {text}");
            if inside {
                let (before, after) = (encode(&whole, text), encode(&short, text));
                let old = after.input_ids.iter().map(|&id| ids[id as usize]);
                assert_eq!(old.collect::<Vec<_>>(), before.input_ids, "{name}: {text}");
                assert_eq!(after.token_type_ids, before.token_type_ids);
                covered += 1;
            }
        }
        println!(
            "{name}: {} of {} entries, {covered} texts",
            ids.len(),
            long.vocab_size
        );
        shortened.push(name.to_string());
    }
    assert_eq!(shortened, ["byte pairs", "unigram", "words"]);
}
