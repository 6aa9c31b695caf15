//! Vocabulary files.

use crate::error::{Error, Result};

/// The tokens of a vocabulary file in id order, from either of the two layouts in use.
pub fn vocab_tokens(text: &str) -> Result<Vec<String>> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    if body.is_empty() {
        return Err(Error::usage("the vocabulary is empty"));
    }
    let mut tokens: Vec<Option<String>> = Vec::new();
    let count = body.split('\n').count();
    for (number, line) in body.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (token, id) = match line.split_once('\t') {
            Some((token, id)) => (
                token,
                id.trim().parse::<usize>().map_err(|_| {
                    Error::usage(format!(
                        "vocabulary line {}: {id:?} is not an id",
                        number + 1
                    ))
                })?,
            ),
            None => (line, number),
        };
        if id >= count {
            let message = format!("vocabulary line {}: id {id} of {count} tokens", number + 1);
            return Err(Error::usage(message));
        }
        tokens.resize(tokens.len().max(id + 1), None);
        if tokens[id].replace(token.to_string()).is_some() {
            return Err(Error::usage(format!(
                "vocabulary line {}: id {id} twice",
                number + 1
            )));
        }
    }
    tokens
        .into_iter()
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| Error::usage("the vocabulary's ids have gaps"))
}
