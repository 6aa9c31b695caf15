//! A vocabulary by lines with its special and added tokens.

use std::collections::HashMap;

use act_core::tokenizer::SpecialTokens;
use act_core::{Error, Result, WordPieceSpec};

use super::added::{self, Added, Named};
use super::files::{Files, TOKENIZER_CONFIG};
use super::vocab::Tokens;

/// What files list beside the named special tokens, and what has no place in the files but a name; the
/// user's own vocabulary has its own.
pub(super) fn listed(
    files: &Files,
    named: &Named,
    tokens: &Tokens,
) -> Result<(Vec<Added>, Vec<Added>)> {
    if tokens.chosen {
        return Ok((Vec::new(), Vec::new()));
    }
    let at = files.at(TOKENIZER_CONFIG);
    let listed = added::listed(files, named).map_err(&at)?;
    Ok((listed, added::extra(files).map_err(&at)?))
}

/// The tokens that have a row of the table. A text with another one is an error in `transformers`;
/// where that is the mask, which no classifier needs, its characters are taken here.
///
/// # Errors
/// A special token that the vocabulary has not, or one of the model's own without a row.
pub(super) fn with_rows(
    all: Vec<Added>,
    named: &Named,
    tokens: &Tokens,
    rows: usize,
) -> Result<Vec<Added>> {
    let needed = ["unk_token", "sep_token", "pad_token", "cls_token"];
    let is_needed = |content: &str| needed.iter().any(|key| named.get(key) == Some(content));
    let mut inside = Vec::new();
    for token in all {
        let content = token.content.as_str();
        if token.appended && is_needed(content) {
            return Err(tokens.wrong(format!(
                "the vocabulary has no {content}: is it a BERT vocab.txt?"
            )));
        }
        if (token.id as usize) < rows {
            inside.push(token);
        } else if Some(content) == named.get("mask_token") {
            log::info!("the vocabulary has no {content}: in a text it is taken as it stands");
        } else {
            return Err(Error::rejected(format!(
                "added token {content:?} has the id {}, and the model's word table {rows} rows",
                token.id
            )));
        }
    }
    Ok(inside)
}

/// Ids by token; of equal tokens the last counts.
pub(super) fn ids(tokens: &[String]) -> HashMap<&str, u32> {
    let tokens = tokens.iter().enumerate();
    let tokens = tokens.filter(|(_, token)| !token.is_empty());
    let ids = tokens.map(|(id, token)| (token.as_str(), id as u32));
    ids.collect()
}

/// True if the token may be a line of the vocabulary: no word and no piece of one becomes it that would
/// not without the line. No word has punctuation within.
pub(super) fn is_line(token: &Added, vocab: &[String]) -> bool {
    let known = vocab.get(token.id as usize) == Some(&token.content);
    let content = token.content.trim_start_matches("##");
    let outside_words = content.len() > 1 && content.chars().any(|c| c.is_ascii_punctuation());
    known || outside_words && !token.content.chars().any(char::is_control)
}

/// The vocabulary with these tokens in it, which are found in texts as they stand, and BERT's usual
/// rules.
pub(super) fn word_piece(
    named: &Named,
    mut tokens: Tokens,
    whole: &[Added],
    rows: usize,
) -> Result<WordPieceSpec> {
    let list = &mut tokens.list;
    for token in whole {
        let id = token.id as usize;
        list.resize(list.len().max(id + 1), String::new());
        list[id] = token.content.clone();
    }
    tokens.fill(rows)?;
    let mask = named.get("mask_token");
    let mask = mask.filter(|mask| whole.iter().any(|token| token.content == **mask));
    let special = SpecialTokens {
        pad: named.need("pad_token")?,
        unk: named.need("unk_token")?,
        cls: named.need("cls_token")?,
        sep: named.need("sep_token")?,
        // An empty text is no token of any vocabulary.
        mask: mask.unwrap_or_default(),
    };
    let mut whole_tokens: Vec<u32> = whole.iter().map(|token| token.id).collect();
    whole_tokens.sort_unstable();
    whole_tokens.dedup();
    let spec = WordPieceSpec::from_tokens(&tokens.list, &special);
    Ok(WordPieceSpec {
        whole_tokens,
        ..spec.map_err(|e| tokens.wrong(e))?
    })
}
