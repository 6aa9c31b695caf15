//! A whole `tokenizer.json`, run by the `tokenizers` crate.
//!
//! The file is a stranger's, and the crate trusts files. So [`parts`] lets pass only components it
//! knows, with fields it knows, before the crate sees any of it; ids are checked as they come out.

mod charsmap;
mod fields;
mod frame;
mod model;
mod parts;
mod say;
mod shorten;
mod text;

use std::sync::Arc;

use serde_json::{Value, json};
use tokenizers::utils::truncation::truncate_encodings;
use tokenizers::{
    PostProcessor, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy,
};

use super::failure::failed;
use super::spec::JsonSpec;
use crate::batch::Encoding;
use crate::error::{Error, Result};

pub use parts::JsonParts;
pub use shorten::shorten as shorten_json;
pub use text::LONGEST;

/// Reads what the file says and refuses a component that is not known.
///
/// # Errors
/// Rejected: not JSON, a component or field that is not known, ids that contradict each other.
pub fn check_json(text: &str) -> Result<JsonParts> {
    Ok(read(text)?.1)
}

/// The file without what does not matter here: padding, decoder, a length.
fn read(text: &str) -> Result<(Value, JsonParts)> {
    let mut file = text::value(text)?;
    let parts = parts::check(&file)?;
    if let Some(file) = file.as_object_mut() {
        for key in ["decoder", "padding", "truncation"] {
            file.insert(key.into(), Value::Null);
        }
        file.insert("version".into(), json!("1.0"));
        if file.get("post_processor").is_none_or(Value::is_null) {
            file.insert("post_processor".into(), texts_alone());
        }
    }
    Ok((file, parts))
}

/// Nothing around texts, and a second one of type 1.
fn texts_alone() -> Value {
    let text = |id: &str, kind: u32| json!({"Sequence": {"id": id, "type_id": kind}});
    json!({
        "type": "TemplateProcessing",
        "single": [text("A", 0)],
        "pair": [text("A", 0), text("B", 1)],
        "special_tokens": {},
    })
}

/// A ready tokenizer.
#[derive(Clone)]
pub struct Json {
    /// Without a limit: with one, this release stops early in each text, and then no longer knows
    /// which of two is the longer.
    uncut: Arc<Tokenizer>,
    limit: TruncationParams,
    vocab_size: usize,
    /// Ids of a text are the entries that it needs.
    shows_entries: bool,
}

impl Json {
    /// # Errors
    /// Rejected: see [`check_json`]; more special tokens around a text than there is room.
    pub fn new(spec: &JsonSpec, max_seq_length: usize) -> Result<Self> {
        Self::read(spec, max_seq_length).map_err(|e| e.context("the model's tokenizer.json"))
    }

    fn read(spec: &JsonSpec, max_seq_length: usize) -> Result<Self> {
        let (file, parts) = read(&spec.text)?;
        if parts.vocab_size > spec.vocab_size {
            return Err(Error::rejected(format!(
                "a token has the id {}, of {}",
                parts.vocab_size - 1,
                spec.vocab_size
            )));
        }
        let wrong = |e: &dyn std::fmt::Display| Error::rejected(format!("it does not load: {e}"));
        let (added, shows_entries) = (file["added_tokens"].clone(), shorten::can_shorten(&file));
        let tokenizer: Tokenizer = serde_json::from_value(file).map_err(|e| wrong(&e))?;
        // The crate numbers added tokens itself, whatever the file says.
        for token in added.as_array().into_iter().flatten() {
            let content = token["content"].as_str().unwrap_or_default();
            let id = tokenizer.token_to_id(content).map(u64::from);
            if id.is_some() && id != token["id"].as_u64() {
                return Err(Error::rejected(format!(
                    "added token {content:?} has the id {}, and would get {}",
                    token["id"],
                    id.unwrap_or_default()
                )));
            }
        }
        let post = tokenizer.get_post_processor();
        let special = post.map_or(0, |post| {
            post.added_tokens(true).max(post.added_tokens(false))
        });
        if special > max_seq_length {
            return Err(Error::rejected(format!(
                "{special} special tokens around a pair, in sequences of {max_seq_length}"
            )));
        }
        let direction = if parts.keeps_end {
            TruncationDirection::Left
        } else {
            TruncationDirection::Right
        };
        Ok(Self {
            uncut: Arc::new(tokenizer),
            limit: TruncationParams {
                direction,
                max_length: max_seq_length,
                strategy: TruncationStrategy::LongestFirst,
                stride: 0,
            },
            vocab_size: spec.vocab_size,
            shows_entries,
        })
    }

    /// See [`Tokenizer::entries`](crate::Tokenizer::entries).
    pub fn entries(&self, text: &str) -> Result<Vec<u32>> {
        if !self.shows_entries {
            return Err(shorten::unsupported());
        }
        let encoding = self.uncut.encode_fast(text, false).map_err(failed)?;
        Ok(encoding.get_ids().to_vec())
    }

    pub fn encode(&self, text: &str, pair: Option<&str>) -> Result<Encoding> {
        Ok(self.encode_whole(text, pair)?.0)
    }

    pub fn encode_whole(&self, text: &str, pair: Option<&str>) -> Result<(Encoding, usize)> {
        let plain = |text: &str| self.uncut.encode_fast(text, false).map_err(failed);
        let first = plain(text)?;
        let second = pair.map(plain).transpose()?;
        let special = self.special(second.is_some());
        let total = special + first.len() + second.as_ref().map_or(0, |second| second.len());
        let limit = TruncationParams {
            max_length: self.limit.max_length - special,
            ..self.limit.clone()
        };
        let (first, second) = truncate_encodings(first, second, &limit).map_err(failed)?;
        let whole = self
            .uncut
            .post_process(first, second, true)
            .map_err(failed)?;
        let input_ids = whole.get_ids().to_vec();
        let token_type_ids = whole.get_type_ids().to_vec();
        if let Some(id) = input_ids.iter().find(|&&id| id as usize >= self.vocab_size) {
            return Err(Error::rejected(format!(
                "tokenizer.json gives a token the id {id}, of {}",
                self.vocab_size
            )));
        }
        let encoding = Encoding {
            input_ids,
            token_type_ids,
        };
        Ok((encoding, total))
    }

    fn special(&self, pair: bool) -> usize {
        let post = self.uncut.get_post_processor();
        post.map_or(0, |post| post.added_tokens(pair))
    }
}
