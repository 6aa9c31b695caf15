//! `BertTokenizer` of `transformers`: BERT's rules around a vocabulary, whatever else the files say.

use std::path::Path;

use act_core::{Error, Result, TokenizerSpec};
use serde_json::Value;

use super::added::{self, BERT_NAMES, Named};
use super::config::{self, flag, keeps_end};
use super::fast;
use super::files::{Files, TOKENIZER, TOKENIZER_CONFIG};
use super::lines;
use super::pipeline::{Rules, spec};
use super::vocab::Tokens;

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
