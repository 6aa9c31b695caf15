//! A tokenizer as the files of a folder that `transformers` reads.

use act_core::tokenizer::JsonSpec;
use act_core::{Artifact, Error, Result, TokenizerSpec, WordPieceSpec};
use serde_json::{Value, json};

use super::family::FamilyTable;
use super::files::pretty;
use crate::tokenizer::{TOKENIZER, TOKENIZER_CONFIG, VOCAB};

/// Name and bytes of every file.
///
/// # Errors
/// Usage: rules that the files cannot say.
pub(super) fn files(artifact: &Artifact) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let typed = FamilyTable::of(artifact.plan.family).token_types > 0;
    let (mut config, name, bytes) = match &artifact.tokenizer {
        TokenizerSpec::WordPiece(words) => {
            check_words(words)?;
            let bytes = words.vocab.as_bytes().to_vec();
            (words_config(words, typed), VOCAB, bytes)
        }
        TokenizerSpec::Json(spec) => {
            let (config, file) = whole_file(spec)?;
            (config, TOKENIZER, file.to_string().into_bytes())
        }
    };
    config["model_max_length"] = json!(artifact.task.max_seq_length);
    if !typed {
        config["model_input_names"] = json!(["input_ids", "attention_mask"]);
    }
    Ok(vec![(TOKENIZER_CONFIG, pretty(&config)?), (name, bytes)])
}

/// Refuses rules of words that `tokenizer_config.json` cannot say.
fn check_words(words: &WordPieceSpec) -> Result<()> {
    match words.max_word_chars {
        100 => Ok(()),
        n => Err(Error::usage(format!(
            "the tokenizer gives up on words of more than {n} characters, that of transformers on \
             more than 100: export to ONNX instead"
        ))),
    }
}

fn words_config(spec: &WordPieceSpec, typed: bool) -> Value {
    let tokens: Vec<&str> = spec.tokens().collect();
    let token = |id: u32| tokens.get(id as usize).copied();
    json!({
        // The two differ in whether they give token types.
        "tokenizer_class": if typed { "BertTokenizer" } else { "DistilBertTokenizer" },
        "do_lower_case": spec.lowercase,
        "strip_accents": spec.strip_accents,
        "tokenize_chinese_chars": spec.split_cjk,
        "pad_token": token(spec.pad_id),
        "unk_token": token(spec.unk_id),
        "cls_token": token(spec.cls_id),
        "sep_token": token(spec.sep_id),
        "mask_token": spec.mask_id.map(token),
    })
}

/// The configuration of the class that runs a file as it is, and the file.
fn whole_file(spec: &JsonSpec) -> Result<(Value, Value)> {
    let wrong = |e| Error::rejected(format!("the model's {TOKENIZER} is not JSON: {e}"));
    let mut file: Value = serde_json::from_str(&spec.text).map_err(wrong)?;
    // The crate reads no truncation without a length, and that is the configuration's.
    let left = file.pointer("/truncation/direction") == Some(&json!("Left"));
    file["truncation"] = Value::Null;
    let config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": token(&file, spec.pad_id),
        "truncation_side": if left { "left" } else { "right" },
    });
    Ok((config, file))
}

/// The token of an id, added or of any model's vocabulary.
fn token(file: &Value, id: u32) -> Option<&str> {
    let added = file.get("added_tokens").and_then(Value::as_array);
    let mut added = added.into_iter().flatten();
    if let Some(token) = added.find(|token| token["id"] == id) {
        return token["content"].as_str();
    }
    match file.pointer("/model/vocab")? {
        Value::Array(list) => list.get(id as usize)?.get(0)?.as_str(),
        vocab => {
            let mut ids = vocab.as_object()?.iter();
            ids.find(|(_, known)| **known == id)
                .map(|(token, _)| token.as_str())
        }
    }
}
