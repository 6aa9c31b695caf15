//! Vocabularies: `vocab.txt`, or the one in a `tokenizer.json`.

use std::path::Path;

use act_core::artifact::limits;
use act_core::tokenizer::vocab_tokens;
use act_core::{Error, Result, WordPieceSpec};
use serde_json::Value;

use super::files::{Files, TOKENIZER, VOCAB};
use crate::file;

/// A `vocab.txt` with BERT's rules, also of ERNIE's kind with ids.
///
/// # Errors
/// Usage: no such file, not UTF-8, or not a vocabulary. Rejected: too long.
pub fn read_vocab(path: &Path) -> Result<WordPieceSpec> {
    let text = file::text(path, limits::TOKN_LEN as u64)?;
    let spec = WordPieceSpec::from_vocab(&text).and_then(|spec| {
        check_plain(spec.tokens())?;
        Ok(spec)
    });
    spec.map_err(|e| e.context(path.display()))
}

/// # Errors
/// Usage: a token that no text can hold, and that would move a terminal's cursor where it is shown.
fn check_plain<'a>(mut tokens: impl Iterator<Item = &'a str>) -> Result<()> {
    match tokens.position(|token| token.chars().any(char::is_control)) {
        None => Ok(()),
        Some(id) => Err(Error::usage(format!(
            "vocabulary: token {id} has a control character"
        ))),
    }
}

/// The tokens of a folder by id, with what is to be said where something is wrong with them.
pub(super) struct Tokens {
    pub list: Vec<String>,
    /// The user's own file: the user is at fault where it is none.
    pub chosen: bool,
    source: String,
}

impl Tokens {
    /// From the file `vocab`, or the folder's `tokenizer.json`, or its `vocab.txt`. With `trim` blanks
    /// at the end of a line are no part of its token, as the `tokenizers` crate has it; PaddleNLP keeps
    /// them, and so never finds such a token.
    ///
    /// # Errors
    /// Usage: no vocabulary, or the user's is none. Rejected: the folder's is none, or its two differ.
    pub fn read(files: &Files, vocab: Option<&Path>, rows: usize, trim: bool) -> Result<Self> {
        if let Some(path) = vocab {
            return Ok(Self {
                list: lines(path, trim)?,
                chosen: true,
                source: path.display().to_string(),
            });
        }
        let path = files.dir.join(VOCAB);
        let rejected = |e: Error| Error::rejected(e.to_string());
        let own = path
            .exists()
            .then(|| lines(&path, trim))
            .transpose()
            .map_err(rejected)?;
        let fast = if files.tokenizer.is_null() {
            None
        } else {
            Some(listed(&files.tokenizer, rows).map_err(files.at(TOKENIZER))?)
        };
        let (list, name) = match (own, fast) {
            (None, None) => {
                return Err(Error::usage(format!(
                    "the model has no {VOCAB} and no {TOKENIZER} beside it: give --vocab FILE"
                )));
            }
            (Some(own), Some(fast)) => {
                check_same(&own, &fast).map_err(files.at(TOKENIZER))?;
                (fast, TOKENIZER)
            }
            (Some(own), None) => (own, VOCAB),
            (None, Some(fast)) => (fast, TOKENIZER),
        };
        Ok(Self {
            list,
            chosen: false,
            source: files.dir.join(name).display().to_string(),
        })
    }

    /// An error about this vocabulary.
    pub fn wrong(&self, why: impl std::fmt::Display) -> Error {
        let message = format!("{}: {why}", self.source);
        if self.chosen {
            Error::usage(message)
        } else {
            Error::rejected(message)
        }
    }

    /// One token for each row of the table: more are refused, and where there are fewer come tokens
    /// that no text contains, as a word never holds brackets.
    pub fn fill(&mut self, rows: usize) -> Result<()> {
        while self.list.len() > rows && self.list.last().is_some_and(String::is_empty) {
            self.list.pop();
        }
        let count = self.list.len();
        if count > rows {
            return Err(self.wrong(format!(
                "{count} tokens, but the model's word table has {rows} rows: is it this model's?"
            )));
        }
        self.list.resize(rows, String::new());
        for (id, token) in self.list.iter_mut().enumerate() {
            if token.is_empty() {
                *token = format!("[no token {id}]");
            }
        }
        Ok(())
    }
}

fn lines(path: &Path, trim: bool) -> Result<Vec<String>> {
    let text = file::text(path, limits::TOKN_LEN as u64)?;
    let at = |e: Error| e.context(path.display());
    let mut tokens = vocab_tokens(&text).map_err(at)?;
    check_plain(tokens.iter().map(String::as_str)).map_err(at)?;
    for token in tokens.iter_mut().filter(|_| trim) {
        token.truncate(token.trim_end().len());
    }
    Ok(tokens)
}

/// `vocab.txt` may lack what was added later.
fn check_same(own: &[String], fast: &[String]) -> Result<()> {
    let differs =
        |(a, b): &(&String, &String)| !a.is_empty() && !b.is_empty() && a.trim() != b.trim();
    let mut pairs = own.iter().zip(fast).enumerate();
    match pairs.find(|(_, pair)| differs(pair)) {
        None => Ok(()),
        Some((id, (a, b))) => Err(Error::rejected(format!(
            "token {id} is {}, and in {VOCAB} {}: remove the file that is not this model's",
            file::brief(&b.as_str().into()),
            file::brief(&a.as_str().into())
        ))),
    }
}

/// Tokens of a `tokenizer.json` by id, at most `rows`; an id without a token gets an empty one.
fn listed(fast: &Value, rows: usize) -> Result<Vec<String>> {
    let vocab = fast.pointer("/model/vocab").and_then(Value::as_object);
    let vocab = vocab.ok_or_else(|| Error::rejected("no model.vocab"))?;
    let mut tokens = Vec::new();
    for (token, id) in vocab {
        let quoted = || file::brief(&token.as_str().into());
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
        if !tokens[id].is_empty() && tokens[id] != *token {
            return Err(Error::rejected(format!("two tokens have the id {id}")));
        }
        tokens[id] = token.clone();
    }
    Ok(tokens)
}
