//! Vocabularies of each kind of model.

use serde_json::{Map, Value};

use super::fields::LONGEST_FIELD;
use super::say::{brief, id, number, object, refuse};
use crate::error::Result;

/// Checks the model; id of what stands for unknown words.
pub fn model(value: &Value, highest: &mut Option<u32>) -> Result<Option<u32>> {
    let model = object("model", value)?;
    let kind = model.get("type").and_then(Value::as_str);
    let fields: &[&str] = match kind {
        Some("WordPiece") => &[
            "unk_token",
            "continuing_subword_prefix",
            "max_input_chars_per_word",
        ],
        Some("WordLevel") => &["unk_token"],
        Some("BPE") => &[
            "unk_token",
            "dropout",
            "continuing_subword_prefix",
            "end_of_word_suffix",
            "fuse_unk",
            "byte_fallback",
            "ignore_merges",
            "merges",
        ],
        Some("Unigram") => &["unk_id", "byte_fallback"],
        _ => {
            let kind = brief(model.get("type"));
            return Err(refuse(
                "model.type",
                &format!("is {kind}, which act does not run"),
            ));
        }
    };
    for (key, value) in model {
        let plain = match key.as_str() {
            "type" | "vocab" | "merges" => continue,
            "dropout" => value.is_null() || value.as_f64() == Some(0.0),
            "unk_id" | "max_input_chars_per_word" => value.is_null() || number(value).is_some(),
            "unk_token" | "continuing_subword_prefix" | "end_of_word_suffix" => {
                value.is_null()
                    || value
                        .as_str()
                        .is_some_and(|text| text.len() <= LONGEST_FIELD)
            }
            _ => value.is_null() || value.is_boolean(),
        };
        if !fields.contains(&key.as_str()) || !plain {
            return Err(refuse(
                &format!("model.{key}"),
                &format!("is {}", brief(Some(value))),
            ));
        }
    }
    let vocab = model.get("vocab").unwrap_or(&Value::Null);
    if kind == Some("Unigram") {
        return unigram(model, vocab, highest);
    }
    if kind == Some("BPE") {
        merges(model)?;
    }
    for value in object("model.vocab", vocab)?.values() {
        id("model.vocab", value, highest)?;
    }
    let unknown = model.get("unk_token").and_then(Value::as_str);
    let unknown_id = unknown.and_then(|token| vocab.get(token)).and_then(number);
    match (unknown, unknown_id) {
        (Some(token), None) => Err(refuse("model.unk_token", &format!("{token:?} is no token"))),
        (None, _) if kind != Some("BPE") => Err(refuse("model.unk_token", "is missing")),
        (_, id) => Ok(id),
    }
}

fn unigram(
    model: &Map<String, Value>,
    vocab: &Value,
    highest: &mut Option<u32>,
) -> Result<Option<u32>> {
    let entries = vocab.as_array().filter(|entries| !entries.is_empty());
    let entries = entries.ok_or_else(|| refuse("model.vocab", "is no list"))?;
    let right = |entry: &Value| match entry.as_array().map(Vec::as_slice) {
        Some([Value::String(token), score]) => !token.is_empty() && score.is_number(),
        _ => false,
    };
    if let Some(entry) = entries.iter().find(|entry| !right(entry)) {
        return Err(refuse(
            "model.vocab",
            &format!("has {}", brief(Some(entry))),
        ));
    }
    id("model.vocab", &Value::from(entries.len() - 1), highest)?;
    let unknown = model.get("unk_id").and_then(number);
    match unknown {
        Some(id) if id as usize >= entries.len() => Err(refuse("model.unk_id", "is no token")),
        None => Err(refuse("model.unk_id", "is missing")),
        unknown => Ok(unknown),
    }
}

/// The crate cuts the prefix off the second of two merged tokens without looking.
fn merges(model: &Map<String, Value>) -> Result<()> {
    let prefix = model
        .get("continuing_subword_prefix")
        .and_then(Value::as_str);
    let prefix = prefix.unwrap_or_default();
    let merges = model.get("merges").and_then(Value::as_array);
    let merges = merges.ok_or_else(|| refuse("model.merges", "is no list"))?;
    let right = |merge: &Value| {
        let second = match merge {
            Value::String(text) => text.split_once(' ').map(|(_, second)| second),
            Value::Array(pair) if pair.len() == 2 => pair[1].as_str(),
            _ => None,
        };
        second.is_some_and(|second| second.starts_with(prefix))
    };
    match merges.iter().find(|merge| !right(merge)) {
        Some(merge) => Err(refuse(
            "model.merges",
            &format!("has {}", brief(Some(merge))),
        )),
        None => Ok(()),
    }
}
