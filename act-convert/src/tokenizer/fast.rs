//! `tokenizer.json`: what BERT's classes take of it, and the whole of it.

use std::collections::HashMap;
use std::path::Path;

use act_core::artifact::limits;
use act_core::{Error, Result, TokenizerSpec};
use serde_json::{Value, json};

use super::added::{self, Added, Named};
use super::config::{self, keeps_end};
use super::files::{Files, TOKENIZER, TOKENIZER_CONFIG};
use super::lines;
use super::pipeline::{self, Rules};
use super::vocab::Tokens;
use crate::file::brief;

/// Refuses a file that does not do what `BertTokenizer` does with its vocabulary.
///
/// # Errors
/// Rejected: the component is named.
pub(super) fn check_bert(fast: &Value, named: &Named) -> Result<()> {
    let unknown = named.get("unk_token").unwrap_or_default();
    let wanted = [
        ("/model/type", json!("WordPiece")),
        ("/model/continuing_subword_prefix", json!("##")),
        ("/model/unk_token", json!(unknown)),
        ("/normalizer/type", json!("BertNormalizer")),
        ("/normalizer/clean_text", json!(true)),
        ("/pre_tokenizer/type", json!("BertPreTokenizer")),
        ("/truncation/strategy", json!("LongestFirst")),
    ];
    for (pointer, wanted) in wanted {
        let found = fast.pointer(pointer).unwrap_or(&Value::Null);
        // Files of old versions do not say the model's type and prefix, and most no truncation.
        let may_lack = pointer.starts_with("/model") || pointer.starts_with("/truncation");
        if *found != wanted && !(found.is_null() && may_lack) {
            return Err(Error::rejected(format!(
                "{} is {}, and BertTokenizer's {wanted}: if the file is right, say tokenizer_class \
                 PreTrainedTokenizerFast in {TOKENIZER_CONFIG}",
                pointer[1..].replace('/', "."),
                brief(found)
            )));
        }
    }
    match fast.get("post_processor") {
        None | Some(Value::Null) => Ok(()),
        Some(post) if frame(post, fast) == frame_of(named) => Ok(()),
        Some(post) => Err(Error::rejected(format!(
            "post_processor {} does not make {} a {} b {}, as BertTokenizer does: if the file is right, \
             say tokenizer_class PreTrainedTokenizerFast in {TOKENIZER_CONFIG}",
            brief(post),
            named.get("cls_token").unwrap_or_default(),
            named.get("sep_token").unwrap_or_default(),
            named.get("sep_token").unwrap_or_default(),
        ))),
    }
}

fn frame_of(named: &Named) -> Option<(String, String)> {
    let name = |key: &str| named.get(key).map(str::to_string);
    name("cls_token").zip(name("sep_token"))
}

/// The special tokens of a post-processor that puts them as BERT does, with token types.
fn frame(post: &Value, fast: &Value) -> Option<(String, String)> {
    let text = |pointer: &str| post.pointer(pointer).and_then(Value::as_str);
    match text("/type")? {
        "BertProcessing" => {
            let [cls, sep] = [text("/cls/0")?, text("/sep/0")?];
            let right = |key: &str, name: &str| post.pointer(key) == Some(&id(fast, name));
            (right("/cls/1", cls) && right("/sep/1", sep)).then(|| (cls.into(), sep.into()))
        }
        "TemplateProcessing" => {
            let cls = text("/single/0/SpecialToken/id")?;
            let sep = text("/single/2/SpecialToken/id")?;
            let special =
                |name: &str, kind: u32| json!({"SpecialToken": {"id": name, "type_id": kind}});
            let sequence =
                |name: &str, kind: u32| json!({"Sequence": {"id": name, "type_id": kind}});
            let single = [special(cls, 0), sequence("A", 0), special(sep, 0)];
            let pair = [&single[..], &[sequence("B", 1), special(sep, 1)]].concat();
            let ids = |name: &str| {
                post.pointer("/special_tokens")
                    .and_then(|t| t.get(name)?.get("ids"))
            };
            let right = post.get("single") == Some(&json!(single))
                && post.get("pair") == Some(&json!(pair))
                && [cls, sep]
                    .iter()
                    .all(|name| ids(name) == Some(&json!([id(fast, name)])));
            right.then(|| (cls.into(), sep.into()))
        }
        _ => None,
    }
}

/// The id of a token, null of none.
fn id(fast: &Value, token: &str) -> Value {
    let own = fast
        .pointer("/model/vocab")
        .and_then(|vocab| vocab.get(token))
        .cloned();
    let added = fast.get("added_tokens").and_then(Value::as_array);
    let mut added = added.into_iter().flatten();
    let added = added.find(|added| added.get("content").and_then(Value::as_str) == Some(token));
    own.or_else(|| added?.get("id").cloned())
        .unwrap_or_default()
}

/// `max_input_chars_per_word`.
///
/// # Errors
/// Rejected: no such number.
pub(super) fn word_chars(longest: &Value) -> Result<u32> {
    let number = longest.as_u64().and_then(|n| u32::try_from(n).ok());
    let number = number.filter(|n| (1..=limits::SHORT_TEXT as u32).contains(n));
    number.ok_or_else(|| Error::rejected(format!("max_input_chars_per_word is {}", brief(longest))))
}

/// Reads a folder whose class runs the file as it is, with the tokens that the other files add.
///
/// # Errors
/// Usage: a `vocab` of the user, or no file. Rejected: a component that is not known.
pub(super) fn read(
    files: &Files,
    vocab: Option<&Path>,
    rows: usize,
    typed: bool,
) -> Result<TokenizerSpec> {
    if files.tokenizer.is_null() || vocab.is_some() {
        return Err(Error::usage(format!(
            "{}: its tokenizer_class is a whole {TOKENIZER}, which must be there, and takes no --vocab",
            files.dir.display()
        )));
    }
    let at = files.at(TOKENIZER_CONFIG);
    config::check(&files.config).map_err(&at)?;
    let named = Named::read(files, &[]).map_err(&at)?;
    let listed = added::listed(files, &named).map_err(&at)?;
    let extra = added::extra(files).map_err(&at)?;
    let all = added::all(listed, &named, extra, &vocabulary(&files.tokenizer)).map_err(&at)?;
    let file = files.tokenizer.clone();
    let read = || {
        let keeps_end = cut(files, &file)?;
        if typed && let Some(spec) = as_word_piece(&file, files, &named, &all, keeps_end, rows)? {
            return Ok(spec);
        }
        whole(file, files, &named, &all, rows, typed)
    };
    read().map_err(files.at(TOKENIZER))
}

/// True if what is too long loses its start.
fn cut(files: &Files, file: &Value) -> Result<bool> {
    let strategy = file.pointer("/truncation/strategy").unwrap_or(&Value::Null);
    if !strategy.is_null() && *strategy != json!("LongestFirst") {
        return Err(Error::rejected(format!(
            "truncation.strategy {} is not followed: both texts of a pair are cut",
            brief(strategy)
        )));
    }
    let direction = file.pointer("/truncation/direction");
    let side = files.config.get("truncation_side").or(direction);
    Ok(keeps_end(side)?.unwrap_or(false))
}

/// A pipeline with the tokens that are found in texts; every token is of type 0 unless they are
/// `typed`.
pub(super) fn whole(
    mut file: Value,
    files: &Files,
    named: &Named,
    all: &[Added],
    rows: usize,
    typed: bool,
) -> Result<TokenizerSpec> {
    let side = if cut(files, &file)? { "Left" } else { "Right" };
    if !typed {
        untyped(&mut file["post_processor"]);
    }
    file["truncation"] = json!({"direction": side, "strategy": "LongestFirst"});
    file["added_tokens"] = all.iter().map(Added::json).collect();
    for key in ["padding", "decoder"] {
        file[key] = Value::Null;
    }
    let pad = named
        .get("pad_token")
        .and_then(|pad| all.iter().find(|t| t.content == pad));
    let padding = files
        .tokenizer
        .pointer("/padding/pad_id")
        .and_then(Value::as_u64);
    let padding = padding.and_then(|id| u32::try_from(id).ok());
    let pad_id = pad
        .map(|token| token.id)
        .or(padding)
        .ok_or_else(|| Error::rejected("no pad_token: which token fills rows up is not known"))?;
    let spec = pipeline::whole_file(&file, pad_id)?;
    if spec.vocab_size() > rows {
        return Err(Error::rejected(format!(
            "{} tokens, but the model's word table has {rows} rows",
            spec.vocab_size()
        )));
    }
    Ok(spec)
}

/// The file as WordPiece, which can be pruned, where that says the same.
fn as_word_piece(
    file: &Value,
    files: &Files,
    named: &Named,
    all: &[Added],
    keeps_end: bool,
    rows: usize,
) -> Result<Option<TokenizerSpec>> {
    let flag = |key: &str| file.pointer(key).and_then(Value::as_bool);
    let complete = [
        "/model/type",
        "/model/unk_token",
        "/model/continuing_subword_prefix",
    ]
    .iter()
    .all(|pointer| file.pointer(pointer).is_some_and(Value::is_string));
    let framed = file
        .get("post_processor")
        .and_then(|post| frame(post, file));
    let has = named.get("unk_token").is_some() && named.get("pad_token").is_some();
    let same = complete && has && framed.is_some() && framed == frame_of(named);
    let (Some(lowercase), Some(split_cjk)) = (
        flag("/normalizer/lowercase"),
        flag("/normalizer/handle_chinese_chars"),
    ) else {
        return Ok(None);
    };
    if !same || check_bert(file, named).is_err() {
        return Ok(None);
    }
    let longest = file.pointer("/model/max_input_chars_per_word");
    let rules = Rules {
        lowercase,
        strip_accents: flag("/normalizer/strip_accents").unwrap_or(lowercase),
        split_cjk,
        max_word_chars: longest.map_or(Ok(100), word_chars)?,
        keeps_end,
    };
    let tokens = Tokens::read(files, None, rows, true)?;
    let all = lines::with_rows(all.to_vec(), named, &tokens, rows)?;
    pipeline::spec(&rules, named, tokens, &all, rows).map(Some)
}

/// Gives every token the type 0.
fn untyped(post: &mut Value) {
    let is = |post: &Value, kind: &str| post.get("type").is_some_and(|found| found == kind);
    if is(post, "Sequence") {
        let processors = post.get_mut("processors").and_then(Value::as_array_mut);
        processors.into_iter().flatten().for_each(untyped);
        return;
    }
    if is(post, "BertProcessing") {
        *post = as_template(post);
    }
    if post.is_null() {
        *post = json!({"type": "TemplateProcessing", "special_tokens": {},
            "single": [{"Sequence": {"id": "A"}}],
            "pair": [{"Sequence": {"id": "A"}}, {"Sequence": {"id": "B"}}]});
    }
    for key in ["single", "pair"] {
        let pieces = post.get_mut(key).and_then(Value::as_array_mut);
        let pieces = pieces
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut);
        for piece in pieces.flat_map(|piece| piece.values_mut()) {
            piece["type_id"] = json!(0);
        }
    }
}

/// `BertProcessing` spelt out.
fn as_template(bert: &Value) -> Value {
    let token = |key: &str| bert[key][0].as_str().unwrap_or_default();
    let special = |key: &str| json!({"SpecialToken": {"id": token(key)}});
    let text = |id: &str| json!({"Sequence": {"id": id}});
    let first = [special("cls"), text("A"), special("sep")];
    let pair = [&first[..], &[text("B"), special("sep")]].concat();
    let mut tokens = serde_json::Map::new();
    for key in ["cls", "sep"] {
        let name = token(key);
        let ids = json!({"id": name, "ids": [bert[key][1]], "tokens": [name]});
        tokens.insert(name.to_string(), ids);
    }
    json!({"type": "TemplateProcessing", "single": first, "pair": pair, "special_tokens": tokens})
}

/// Ids by token of any model.
pub(super) fn vocabulary(file: &Value) -> HashMap<&str, u32> {
    let vocab = file.pointer("/model/vocab");
    let by_id = vocab
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(token, id)| Some((token.as_str(), u32::try_from(id.as_u64()?).ok()?)));
    let listed = vocab
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate();
    let listed = listed.filter_map(|(id, entry)| Some((entry.get(0)?.as_str()?, id as u32)));
    by_id.chain(listed).collect()
}
