//! Keys of `tokenizer_config.json`: read, without effect here, or refused.

use act_core::{Error, Result};
use serde_json::Value;

use crate::file::brief;

/// Keys that other files read, by their name here or there.
const READ: [&str; 18] = [
    "tokenizer_class",
    "init_class",
    "auto_map",
    "do_lower_case",
    "keep_accents",
    "strip_accents",
    "tokenize_chinese_chars",
    "additional_special_tokens",
    "extra_special_tokens",
    "model_specific_special_tokens",
    "added_tokens_decoder",
    "model_max_length",
    "max_len",
    "max_length",
    "truncation_side",
    "add_bos_token",
    "add_eos_token",
    "model_input_names",
];

/// Keys that change no id: padding, decoding, chat, names, where the files came from.
const HARMLESS: [&str; 36] = [
    "padding_side",
    "pad_token_type_id",
    "pad_to_multiple_of",
    "clean_up_tokenization_spaces",
    "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output",
    "name_or_path",
    "special_tokens_map_file",
    "tokenizer_file",
    "full_tokenizer_file",
    "vocab_file",
    "merges_file",
    "chat_template",
    "response_template",
    "response_schema",
    "chat_control_tokens",
    "processor_class",
    "backend",
    "is_local",
    "local_files_only",
    "files_loaded",
    "use_fast",
    "from_slow",
    "device_map",
    "stride",
    "truncation_strategy",
    "verbose",
    "errors",
    "model_type",
    "task",
    "language",
    "revision",
    "return_token_type_ids",
    "return_attention_mask",
    "mecab_kwargs",
    "trim_offsets",
    "_commit_hash",
];

/// Keys with the one value that is followed.
const ONLY: [(&str, Only, &str); 8] = [
    (
        "do_basic_tokenize",
        Only::True,
        "words are always cut first",
    ),
    (
        "clean_text",
        Only::True,
        "control characters are always removed",
    ),
    (
        "never_split",
        Only::Nothing,
        "words of a list are not kept whole",
    ),
    (
        "split_special_tokens",
        Only::False,
        "special tokens in texts are always found",
    ),
    (
        "wordpieces_prefix",
        Only::Text("##"),
        "pieces within words start with ##",
    ),
    (
        "init_inputs",
        Only::Nothing,
        "arguments without a name are not read",
    ),
    (
        "add_prefix_space",
        Only::False,
        "texts are taken as they are",
    ),
    (
        "use_bpe_encoder",
        Only::False,
        "byte-pair encodings of this kind are not run",
    ),
];

#[derive(Clone, Copy)]
enum Only {
    True,
    False,
    Nothing,
    Text(&'static str),
}

/// Refuses what `BertTokenizer` and its kin would do otherwise.
///
/// # Errors
/// Rejected: the key is named.
pub(super) fn check_bert(config: &Value) -> Result<()> {
    ONLY.iter().try_for_each(|only| check_only(config, only))
}

fn check_only(config: &Value, (key, only, why): &(&str, Only, &str)) -> Result<()> {
    let Some(value) = config.get(*key).filter(|value| !value.is_null()) else {
        return Ok(());
    };
    let right = match only {
        Only::True => *value == Value::Bool(true),
        Only::False => *value == Value::Bool(false),
        Only::Nothing => value.as_array().is_some_and(Vec::is_empty),
        Only::Text(text) => value.as_str() == Some(text),
    };
    if right {
        return Ok(());
    }
    Err(Error::rejected(format!(
        "{key} {} is not followed: {why}",
        brief(value)
    )))
}

/// Refuses what no class follows here, and says which keys are not known.
///
/// # Errors
/// Rejected: the key is named.
pub(super) fn check(config: &Value) -> Result<()> {
    let always = ["split_special_tokens", "init_inputs"];
    let mut only = ONLY.iter().filter(|(key, ..)| always.contains(key));
    only.try_for_each(|only| check_only(config, only))?;
    let keys = config
        .as_object()
        .into_iter()
        .flat_map(|object| object.keys());
    for key in keys {
        let known = READ.contains(&key.as_str())
            || HARMLESS.contains(&key.as_str())
            || ONLY.iter().any(|(known, ..)| known == key)
            || key.ends_with("_token");
        if !known {
            log::warn!("tokenizer_config.json: {key} is not known and not read");
        }
    }
    Ok(())
}

/// Whether the model gets token types, and not 0 for every token: `model_input_names`, or what its
/// class has there.
pub(super) fn gives_types(config: &Value, default: bool) -> bool {
    let inputs = config.get("model_input_names").and_then(Value::as_array);
    inputs.map_or(default, |names| {
        names.iter().any(|name| name == "token_type_ids")
    })
}

/// A switch; `null` and nothing are nothing.
///
/// # Errors
/// Rejected: something else.
pub(super) fn flag(config: &Value, key: &str) -> Result<Option<bool>> {
    match config.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(Error::rejected(format!("{key} is {}", brief(other)))),
    }
}

/// True if what is too long loses its start; nothing where nothing is said.
///
/// # Errors
/// Rejected: neither left nor right.
pub(super) fn keeps_end(side: Option<&Value>) -> Result<Option<bool>> {
    let Some(side) = side.filter(|side| !side.is_null()) else {
        return Ok(None);
    };
    match side.as_str() {
        Some("left" | "Left") => Ok(Some(true)),
        Some("right" | "Right") => Ok(Some(false)),
        _ => Err(Error::rejected(format!(
            "truncation_side is {}",
            brief(side)
        ))),
    }
}

/// `model_max_length`, where it is a number of tokens.
pub(super) fn max_length(config: &Value) -> Option<usize> {
    let named = ["model_max_length", "max_len"]
        .into_iter()
        .find_map(|key| config.get(key));
    usize::try_from(named?.as_u64()?).ok()
}
