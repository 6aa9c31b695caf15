//! `BertTokenizer` of `transformers`: BERT's rules around a vocabulary, whatever else the files say.

use std::collections::BTreeMap;
use std::path::Path;

use act_core::tokenizer::{Cut, JsonSpec};
use act_core::{Error, Result, TokenizerSpec, WordPieceSpec};
use serde_json::{Value, json};

use super::added::{self, Added, BERT_NAMES, Named};
use super::config::{self, flag, keeps_end};
use super::fast;
use super::files::{Files, TOKENIZER, TOKENIZER_CONFIG};
use super::lines;
use super::vocab::Tokens;

/// The rules of words.
pub(super) struct Rules {
    pub lowercase: bool,
    pub strip_accents: bool,
    pub split_cjk: bool,
    pub max_word_chars: u32,
    pub keeps_end: bool,
}

/// Reads a folder of this class.
///
/// # Errors
/// Usage: no vocabulary, or the user's is none. Rejected: rules that are not BERT's.
pub(super) fn read(files: &Files, vocab: Option<&Path>, rows: usize) -> Result<TokenizerSpec> {
    let at = files.at(TOKENIZER_CONFIG);
    config::check(&files.config).map_err(&at)?;
    config::check_bert(&files.config).map_err(&at)?;
    for key in ["add_bos_token", "add_eos_token"] {
        if flag(&files.config, key).map_err(&at)? == Some(true) {
            return Err(at(Error::rejected(format!("{key} true is not followed"))));
        }
    }
    files.refuse_foreign_vocabularies()?;
    let named = Named::read(files, &BERT_NAMES).map_err(&at)?;
    if !files.tokenizer.is_null() {
        fast::check_bert(&files.tokenizer, &named).map_err(files.at(TOKENIZER))?;
    }
    let rules = rules(files)?;
    let tokens = Tokens::read(files, vocab, rows, true)?;
    let (listed, extra) = lines::listed(files, &named, &tokens)?;
    let all = added::all(listed, &named, extra, &lines::ids(&tokens.list)).map_err(&at)?;
    let added = lines::with_rows(all, &named, &tokens, rows)?;
    spec(&rules, &named, tokens, &added, rows)
}

/// `tokenizer_config.json` comes first. Where it is silent `transformers` takes its own defaults,
/// and not what `tokenizer.json` says; the file is followed, as its author meant it.
fn rules(files: &Files) -> Result<Rules> {
    let normalizer = files.tokenizer.get("normalizer").unwrap_or(&Value::Null);
    let at = files.at(TOKENIZER_CONFIG);
    let rule = |key: &str, fast_key: &str, default: bool| {
        let chosen = flag(&files.config, key).map_err(&at)?;
        let fast = flag(normalizer, fast_key).map_err(files.at(TOKENIZER))?;
        match (chosen, fast) {
            (Some(chosen), Some(fast)) if chosen != fast => log::warn!(
                "{key} is {chosen} in {TOKENIZER_CONFIG}, which is followed, and {fast_key} {fast} \
                 in {TOKENIZER}"
            ),
            (None, Some(fast)) if fast != default => log::warn!(
                "{fast_key} is {fast} in {TOKENIZER}, which is followed; transformers takes \
                 {default}, since {TOKENIZER_CONFIG} has no {key}"
            ),
            _ => {}
        }
        Ok::<_, Error>(chosen.or(fast))
    };
    let lowercase = rule("do_lower_case", "lowercase", true)?.unwrap_or(true);
    let truncation = files.tokenizer.pointer("/truncation/direction");
    let side = files.config.get("truncation_side").or(truncation);
    let longest = files.tokenizer.pointer("/model/max_input_chars_per_word");
    Ok(Rules {
        lowercase,
        strip_accents: rule("strip_accents", "strip_accents", lowercase)?.unwrap_or(lowercase),
        split_cjk: rule("tokenize_chinese_chars", "handle_chinese_chars", true)?.unwrap_or(true),
        max_word_chars: longest
            .map_or(Ok(100), fast::word_chars)
            .map_err(files.at(TOKENIZER))?,
        keeps_end: keeps_end(side).map_err(&at)?.unwrap_or(false),
    })
}

/// WordPiece where it can say everything, and otherwise the same as a `tokenizer.json`.
pub(super) fn spec(
    rules: &Rules,
    named: &Named,
    tokens: Tokens,
    added: &[Added],
    rows: usize,
) -> Result<TokenizerSpec> {
    let simple = |token: &Added| token.is_plain() && lines::is_line(token, &tokens.list);
    if !added.iter().all(simple) {
        return json_spec(rules, named, &tokens.list, added);
    }
    let spec = lines::word_piece(named, tokens, added, rows)?;
    let cut = if rules.keeps_end {
        Cut::HalvesStart
    } else {
        Cut::HalvesEnd
    };
    Ok(TokenizerSpec::WordPiece(WordPieceSpec {
        lowercase: rules.lowercase,
        strip_accents: rules.strip_accents,
        split_cjk: rules.split_cjk,
        max_word_chars: rules.max_word_chars,
        cut,
        ..spec
    }))
}

/// The pipeline that `BertTokenizer` builds.
fn json_spec(
    rules: &Rules,
    named: &Named,
    vocab: &[String],
    added: &[Added],
) -> Result<TokenizerSpec> {
    let find = |key: &str| {
        let name = named.need(key)?;
        let id = added
            .iter()
            .find(|token| token.content == name)
            .map(|token| token.id);
        let id = id.ok_or_else(|| Error::rejected(format!("{key} {name:?} is no token")));
        Ok::<_, Error>((name, id?))
    };
    let ((cls, cls_id), (sep, sep_id)) = (find("cls_token")?, find("sep_token")?);
    let special = |id: &str, kind: u32| json!({"SpecialToken": {"id": id, "type_id": kind}});
    let text = |id: &str, kind: u32| json!({"Sequence": {"id": id, "type_id": kind}});
    let first = [special(cls, 0), text("A", 0), special(sep, 0)];
    let pair = [&first[..], &[text("B", 1), special(sep, 1)]].concat();
    let token = |name: &str, id: u32| json!({"id": name, "ids": [id], "tokens": [name]});
    let direction = if rules.keeps_end { "Left" } else { "Right" };
    let ids: BTreeMap<&str, u32> = lines::ids(vocab).into_iter().collect();
    let file = json!({
        "version": "1.0",
        "truncation": {"direction": direction, "strategy": "LongestFirst"},
        "added_tokens": added.iter().map(Added::json).collect::<Vec<_>>(),
        "normalizer": {"type": "BertNormalizer", "clean_text": true,
            "handle_chinese_chars": rules.split_cjk, "strip_accents": rules.strip_accents,
            "lowercase": rules.lowercase},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": first, "pair": pair,
            "special_tokens": {cls: token(cls, cls_id), sep: token(sep, sep_id)}},
        "model": {"type": "WordPiece", "unk_token": named.need("unk_token")?,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": rules.max_word_chars, "vocab": ids},
    });
    let (_, pad_id) = find("pad_token")?;
    whole_file(&file, pad_id)
}

/// A file that was checked, as an artifact holds it.
pub(super) fn whole_file(file: &Value, pad_id: u32) -> Result<TokenizerSpec> {
    let text = file.to_string();
    let parts = act_core::tokenizer::check_json(&text)?;
    Ok(TokenizerSpec::Json(JsonSpec {
        text: text.into(),
        vocab_size: parts.vocab_size,
        pad_id,
    }))
}
