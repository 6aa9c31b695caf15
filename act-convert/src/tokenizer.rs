//! The WordPiece tokenizer of a folder, from `vocab.txt` and `tokenizer_config.json` or from
//! `tokenizer.json`; anything but BERT's own rules is refused by name.

use std::path::Path;

use act_core::artifact::limits;
use act_core::{Error, Result, WordPieceSpec};
use serde_json::{Value, json};

use crate::file;

/// Name of the vocabulary, one token a line.
pub(crate) const VOCAB: &str = "vocab.txt";
/// Name of the tokenizer's rules.
pub(crate) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
/// Name of the `tokenizers` crate's own description: rules and vocabulary in one.
const TOKENIZER: &str = "tokenizer.json";
/// A vocabulary of 2^20 tokens with its ids and quotes fits.
const JSON_LEN: u64 = 4 * limits::TOKN_LEN as u64;

/// What a folder says about text.
pub(crate) struct FolderTokenizer {
    pub spec: WordPieceSpec,
    /// `model_max_length`, where it is a number of tokens.
    pub max_length: Option<usize>,
}

/// Reads the tokenizer of `dir`, with the vocabulary of the file `vocab` if there is one, for a
/// word table of `rows` rows. A table with more rows than tokens (padded to a round number, as is
/// usual) gets tokens that no text contains.
///
/// # Errors
/// Usage: no vocabulary, or a `vocab` that is none or not this model's. Rejected: the folder's own
/// is none or not this model's, or rules that are not BERT's.
pub(crate) fn read(dir: &Path, vocab: Option<&Path>, rows: usize) -> Result<FolderTokenizer> {
    if rows > limits::VOCAB {
        return Err(Error::rejected(format!("a word table of {rows} rows")));
    }
    let config = file::optional_json(&dir.join(TOKENIZER_CONFIG), JSON_LEN)?.unwrap_or(Value::Null);
    let path = dir.join(TOKENIZER);
    let fast = file::optional_json(&path, JSON_LEN)?.unwrap_or(Value::Null);
    if !fast.is_null() {
        check_rules(&fast).map_err(|e| e.context(path.display()))?;
    }
    let mut spec = match vocab {
        Some(path) => read_vocab(path).and_then(|spec| filled(spec.tokens(), rows, path))?,
        None => own_vocabulary(dir, &fast, rows)?,
    };

    let normalizer = fast.get("normalizer").unwrap_or(&Value::Null);
    let rule = |key: &str, fast_key: &str| {
        let flag = config.get(key).and_then(Value::as_bool);
        flag.or_else(|| normalizer.get(fast_key).and_then(Value::as_bool))
    };
    spec.lowercase = rule("do_lower_case", "lowercase").unwrap_or(true);
    spec.strip_accents = rule("strip_accents", "strip_accents").unwrap_or(spec.lowercase);
    spec.split_cjk = rule("tokenize_chinese_chars", "handle_chinese_chars").unwrap_or(true);
    if let Some(longest) = fast.pointer("/model/max_input_chars_per_word") {
        spec.max_word_chars = longest
            .as_u64()
            .and_then(|n| u32::try_from(n).ok())
            .filter(|n| (1..=limits::SHORT_TEXT as u32).contains(n))
            .ok_or_else(|| {
                Error::rejected(format!(
                    "{TOKENIZER}: max_input_chars_per_word is {}",
                    file::brief(longest)
                ))
            })?;
    }
    let max_length = config.get("model_max_length").and_then(Value::as_u64);
    Ok(FolderTokenizer {
        spec,
        max_length: max_length.and_then(|n| usize::try_from(n).ok()),
    })
}

/// A `vocab.txt` with BERT's rules, also of ERNIE's kind with ids.
///
/// # Errors
/// Usage: no such file, not UTF-8, or not a vocabulary. Rejected: too long.
pub fn read_vocab(path: &Path) -> Result<WordPieceSpec> {
    let text = file::text(path, limits::TOKN_LEN as u64)?;
    WordPieceSpec::from_vocab(&text).map_err(|e| e.context(path.display()))
}

/// The vocabulary of a folder itself: the folder is at fault where it is none.
fn own_vocabulary(dir: &Path, fast: &Value, rows: usize) -> Result<WordPieceSpec> {
    let lines = dir.join(VOCAB);
    if !lines.exists() && fast.is_null() {
        return Err(Error::usage(format!(
            "the model has no {VOCAB} and no {TOKENIZER} beside it: give --vocab FILE"
        )));
    }
    let spec = if lines.exists() {
        read_vocab(&lines).and_then(|spec| filled(spec.tokens(), rows, &lines))
    } else {
        let path = dir.join(TOKENIZER);
        let tokens = listed(fast, rows).map_err(|e| e.context(path.display()))?;
        filled(tokens.iter().map(String::as_str), rows, &path)
    };
    spec.map_err(|e| Error::rejected(e.to_string()))
}

/// Refuses a `tokenizer.json` that does not do what BERT's tokenizer does.
fn check_rules(fast: &Value) -> Result<()> {
    let wanted = [
        ("/model/type", json!("WordPiece")),
        ("/model/continuing_subword_prefix", json!("##")),
        ("/normalizer/type", json!("BertNormalizer")),
        ("/normalizer/clean_text", json!(true)),
        ("/pre_tokenizer/type", json!("BertPreTokenizer")),
    ];
    for (pointer, wanted) in wanted {
        let found = fast.pointer(pointer).unwrap_or(&Value::Null);
        // Files of old versions do not say the model's type and prefix.
        let silent = found.is_null() && pointer.starts_with("/model");
        if *found != wanted && !silent {
            return Err(Error::rejected(format!(
                "{} is {}: only BERT's WordPiece is supported, where it is {wanted}",
                pointer[1..].replace('/', "."),
                file::brief(found)
            )));
        }
    }
    Ok(())
}

/// Tokens of a `tokenizer.json` by id, at most `rows`; an id without a token gets an empty one.
fn listed(fast: &Value, rows: usize) -> Result<Vec<String>> {
    let vocab = fast.pointer("/model/vocab").and_then(Value::as_object);
    let vocab = vocab.ok_or_else(|| Error::rejected("no model.vocab"))?;
    let added = fast.get("added_tokens").and_then(Value::as_array);
    let added = added.into_iter().flatten().filter_map(|token| {
        let content = token.get("content")?.as_str()?;
        Some((content, token.get("id")?))
    });
    let mut tokens = Vec::new();
    for (token, id) in vocab.iter().map(|(t, id)| (t.as_str(), id)).chain(added) {
        let quoted = || file::brief(&token.into());
        let id = id.as_u64().filter(|&id| id < rows as u64).ok_or_else(|| {
            Error::rejected(format!(
                "token {} has the id {}: the model has {rows} tokens",
                quoted(),
                file::brief(id)
            ))
        })? as usize;
        if token.is_empty() || token.chars().any(char::is_control) {
            let message = format!("token {id}, {}, is no token of a line", quoted());
            return Err(Error::rejected(message));
        }
        tokens.resize(tokens.len().max(id + 1), String::new());
        if !tokens[id].is_empty() && tokens[id] != token {
            return Err(Error::rejected(format!("two tokens have the id {id}")));
        }
        tokens[id] = token.to_string();
    }
    Ok(tokens)
}

/// The tokens of a file, and as many more as bring them to `rows`. A word never holds brackets, so no
/// text has these.
fn filled<'a>(
    tokens: impl Iterator<Item = &'a str>,
    rows: usize,
    path: &Path,
) -> Result<WordPieceSpec> {
    let (mut text, mut count) = (String::new(), 0);
    for token in tokens.chain(std::iter::repeat("")) {
        if count >= rows && token.is_empty() {
            break;
        }
        match token {
            "" => text += &format!("[no token {count}]\n"),
            _ => text.extend([token, "\n"]),
        }
        count += 1;
    }
    let path = path.display();
    if count > rows {
        return Err(Error::usage(format!(
            "{path}: {count} tokens, but the model's word table has {rows} rows: is it this \
             model's?"
        )));
    }
    WordPieceSpec::from_vocab(&text).map_err(|e| e.context(path))
}
