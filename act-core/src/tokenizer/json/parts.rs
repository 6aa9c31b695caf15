//! The components of a `tokenizer.json` that are let pass, with their fields.

use serde_json::Value;

use super::fields::{NORMALIZERS, PRE_TOKENIZERS, component};
use super::frame::post_processor;
use super::model::model;
use super::say::{brief, id, object, refuse};
use crate::error::Result;

/// What is to be known of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonParts {
    /// One more than the highest id.
    pub vocab_size: usize,
    /// Id of what stands for unknown words, where there is one.
    pub unk_id: Option<u32>,
    /// What is too long loses its start.
    pub keeps_end: bool,
}

const TOP: [&str; 9] = [
    "version",
    "truncation",
    "padding",
    "added_tokens",
    "normalizer",
    "pre_tokenizer",
    "post_processor",
    "decoder",
    "model",
];

/// Checks the whole file.
///
/// # Errors
/// Rejected: what is not known, by its place.
pub fn check(file: &Value) -> Result<JsonParts> {
    let file = file
        .as_object()
        .ok_or_else(|| refuse("it", "is no object"))?;
    if let Some(key) = file.keys().find(|key| !TOP.contains(&key.as_str())) {
        return Err(refuse(key, "is not known"));
    }
    let part = |name: &str| file.get(name).filter(|value| !value.is_null());
    let mut highest = None;
    let unk_id = model(part("model").unwrap_or(&Value::Null), &mut highest)?;
    if let Some(tokens) = part("added_tokens") {
        added_tokens(tokens, &mut highest)?;
    }
    if let Some(value) = part("normalizer") {
        component("normalizer", value, NORMALIZERS, 0)?;
    }
    if let Some(value) = part("pre_tokenizer") {
        component("pre_tokenizer", value, PRE_TOKENIZERS, 0)?;
    }
    if let Some(value) = part("post_processor") {
        post_processor(value, 0, &mut highest)?;
    }
    let direction = part("truncation").and_then(|t| t.get("direction"));
    let vocab_size = highest.map_or(0, |id| id as usize + 1);
    Ok(JsonParts {
        vocab_size,
        unk_id,
        keeps_end: direction.and_then(Value::as_str) == Some("Left"),
    })
}

fn added_tokens(value: &Value, highest: &mut Option<u32>) -> Result<()> {
    const PLACE: &str = "added_tokens";
    const FLAGS: [&str; 5] = ["single_word", "lstrip", "rstrip", "normalized", "special"];
    for token in value
        .as_array()
        .ok_or_else(|| refuse(PLACE, "is no list"))?
    {
        let content = token.get("content").and_then(Value::as_str);
        let flags = FLAGS
            .iter()
            .all(|flag| token.get(*flag).is_some_and(Value::is_boolean));
        let known = object(PLACE, token)?.len() == FLAGS.len() + 2;
        match content {
            Some(content) if flags && known && !content.is_empty() => {
                id(PLACE, token.get("id").unwrap_or(&Value::Null), highest)?;
            }
            _ => return Err(refuse(PLACE, &format!("has {}", brief(Some(token))))),
        }
    }
    Ok(())
}
