//! BERT's pipeline around a vocabulary, as an artifact holds it.

use std::collections::BTreeMap;

use act_core::tokenizer::{JsonSpec, Truncation};
use act_core::{Error, Result, TokenizerSpec, WordPieceSpec};
use serde_json::{Value, json};

use super::added::{Added, Named};
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
        Truncation::HalvesStart
    } else {
        Truncation::HalvesEnd
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
