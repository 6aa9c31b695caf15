//! A tokenizer as the files of a folder that `transformers` reads.

use act_core::tokenizer::JsonSpec;
use act_core::{Artifact, Error, Result, TokenizerSpec, WordPieceSpec};
use serde_json::{Map, Value, json};

use super::family::FamilyTable;
use super::files::pretty;
use crate::tokenizer::{TOKENIZER, TOKENIZER_CONFIG, VOCAB};

/// Name and bytes of every file.
///
/// # Errors
/// Usage: rules that the files cannot say.
pub(super) fn files(artifact: &Artifact) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let typed = FamilyTable::of(artifact.plan.family).token_types > 0;
    let mut files = Vec::new();
    let (mut config, file) = match &artifact.tokenizer {
        TokenizerSpec::WordPiece(words) => {
            check_words(words)?;
            files.push((VOCAB, words.vocab.as_bytes().to_vec()));
            (words_config(words, typed), words_file(words))
        }
        TokenizerSpec::Json(spec) => whole_file(spec)?,
    };
    config["model_max_length"] = json!(artifact.task.max_seq_length);
    if !typed {
        config["model_input_names"] = json!(["input_ids", "attention_mask"]);
    }
    files.push((TOKENIZER_CONFIG, pretty(&config)?));
    files.push((TOKENIZER, file.to_string().into_bytes()));
    Ok(files)
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

/// What the class does, as the file that programs without it read: the `tokenizers` crate, servers and
/// browsers.
fn words_file(spec: &WordPieceSpec) -> Value {
    let tokens: Vec<&str> = spec.tokens().collect();
    let name = |id: u32| tokens.get(id as usize).copied().unwrap_or_default();
    let special = [spec.pad_id, spec.unk_id, spec.cls_id, spec.sep_id];
    let mut special: Vec<u32> = special.into_iter().chain(spec.mask_id).collect();
    special.sort_unstable();
    let whole = special.iter().chain(&spec.whole_tokens);
    let mut whole: Vec<u32> = whole.copied().collect();
    whole.sort_unstable();
    whole.dedup();
    let added: Vec<Value> = whole
        .iter()
        .map(|&id| {
            json!({
                "id": id, "content": name(id), "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": special.contains(&id),
            })
        })
        .collect();
    let (cls, sep) = (name(spec.cls_id), name(spec.sep_id));
    let token = |id: &str, type_id: u8| json!({"SpecialToken": {"id": id, "type_id": type_id}});
    let text = |id: &str, type_id: u8| json!({"Sequence": {"id": id, "type_id": type_id}});
    let single = [token(cls, 0), text("A", 0), token(sep, 0)];
    let pair = [&single[..], &[text("B", 1), token(sep, 1)]].concat();
    let of = |id: u32| json!({"id": name(id), "ids": [id], "tokens": [name(id)]});
    let vocab: Map<String, Value> = (tokens.iter().enumerate())
        .map(|(id, token)| (token.to_string(), json!(id)))
        .collect();
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": spec.split_cjk,
            "strip_accents": spec.strip_accents, "lowercase": spec.lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing", "single": single, "pair": pair,
            "special_tokens": {cls: of(spec.cls_id), sep: of(spec.sep_id)},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {
            "type": "WordPiece", "unk_token": name(spec.unk_id), "continuing_subword_prefix": "##",
            "max_input_chars_per_word": spec.max_word_chars, "vocab": vocab,
        },
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
