//! PaddleNLP's WordPiece: `ErnieTokenizer`, `BertTokenizer` and their kin of PaddleNLP 2.6.

use std::path::Path;

use act_core::tokenizer::{Split, Truncation};
use act_core::{Error, Result, WordPieceSpec};

use super::added::{self, Added, BERT_NAMES, Named};
use super::config::{self, flag, keeps_end};
use super::files::{Files, TOKENIZER_CONFIG};
use super::lines;
use super::vocab::Tokens;

/// Reads a folder of this kind.
///
/// # Errors
/// Usage: no vocabulary, or the user's is none. Rejected: rules that are not followed.
pub(super) fn read(
    files: &Files,
    split: Split,
    vocab: Option<&Path>,
    rows: usize,
) -> Result<WordPieceSpec> {
    let at = files.at(TOKENIZER_CONFIG);
    config::check(&files.config).map_err(&at)?;
    config::check_bert(&files.config).map_err(&at)?;
    files.refuse_foreign_vocabularies()?;
    let lowercase = flag(&files.config, "do_lower_case")
        .map_err(&at)?
        .unwrap_or(true);
    // `ErnieTokenizer` takes these keys and does nothing with them.
    let followed = split == Split::SymbolsOutsideWholeTokens;
    let rule = |key: &str, default: bool| {
        let chosen = flag(&files.config, key).map_err(&at)?;
        if chosen.is_some_and(|chosen| chosen != default) && !followed {
            log::warn!("{key} has no effect in PaddleNLP's ErnieTokenizer, and none here");
        }
        Ok::<_, Error>(chosen.filter(|_| followed).unwrap_or(default))
    };
    let strip_accents = rule("strip_accents", lowercase)?;
    let split_cjk = rule("tokenize_chinese_chars", true)?;
    let side = files.config.get("truncation_side");
    let cut = match keeps_end(side).map_err(&at)? {
        Some(true) => Truncation::Start,
        _ => Truncation::End,
    };
    let named = Named::read(files, &BERT_NAMES).map_err(&at)?;
    let tokens = Tokens::read(files, vocab, rows, false)?;
    let whole = whole_tokens(files, &named, &tokens, lowercase, rows)?;
    let spec = lines::word_piece(&named, tokens, &whole, rows)?;
    Ok(WordPieceSpec {
        lowercase,
        strip_accents,
        split_cjk,
        split,
        cut,
        ..spec
    })
}

/// Special and added tokens; PaddleNLP looks for them wherever they stand, whatever their flags.
fn whole_tokens(
    files: &Files,
    named: &Named,
    tokens: &Tokens,
    lowercase: bool,
    rows: usize,
) -> Result<Vec<Added>> {
    let (mut listed, extra) = lines::listed(files, named, tokens)?;
    let special = |token: &Added| {
        let names = BERT_NAMES
            .iter()
            .any(|(key, _)| named.get(key) == Some(&token.content));
        names || extra.iter().any(|other| other.content == token.content)
    };
    for token in listed
        .iter_mut()
        .filter(|token| lowercase && !special(token))
    {
        token.content = token.content.to_lowercase();
    }
    let all = added::all(listed, named, extra, &lines::ids(&tokens.list));
    let all = all.map_err(files.at(TOKENIZER_CONFIG))?;
    let all = lines::with_rows(all, named, tokens, rows)?;
    for token in &all {
        let content = &token.content;
        if !lines::is_line(token, &tokens.list) {
            return Err(Error::rejected(format!(
                "added token {content:?} could be a word too: such tokens are not followed"
            )));
        }
        let longer = |other: &&Added| {
            other.content.len() > content.len() && other.content.starts_with(content.as_str())
        };
        if let Some(other) = all.iter().find(longer) {
            return Err(Error::rejected(format!(
                "added token {content:?} is the start of {:?}: which one PaddleNLP finds is not followed",
                other.content
            )));
        }
    }
    Ok(all)
}
