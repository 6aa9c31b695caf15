//! Texts and pairs to ids, as the tokenizer that a model was made with makes them.
//!
//! [`WordPieceSpec`] says a vocabulary and the rules around it: BERT's, as `transformers` runs them, or
//! PaddleNLP's. [`JsonSpec`] is a whole `tokenizer.json`, which the `tokenizers` crate runs.

mod category;
mod common;
mod failure;
mod json;
mod paddle;
mod pieces;
mod spec;
mod truncation;
mod vocab;
mod whole;
mod wordpiece;
mod words;

use std::fmt;
use std::sync::Arc;

use crate::batch::Encoding;
use crate::error::Result;

use json::Json;
use pieces::WordPieces;

pub use json::{JsonParts, LONGEST as LONGEST_JSON, check_json, shorten_json};
pub use spec::{JsonSpec, SpecialTokens, Split, TokenizerSpec, WordPieceSpec};
pub use truncation::Truncation;
pub use vocab::vocab_tokens;
pub use words::basic_words;

/// A ready tokenizer with a maximal sequence length. A clone shares the vocabulary.
#[derive(Clone)]
pub struct Tokenizer {
    kind: Kind,
    max_seq_length: usize,
}

#[derive(Clone)]
enum Kind {
    WordPiece(Arc<WordPieces>),
    Json(Json),
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokenizer")
    }
}

impl Tokenizer {
    /// A tokenizer that cuts sequences at `max_seq_length` tokens, special tokens counted.
    ///
    /// # Errors
    /// Rejected: special tokens outside the vocabulary, or a `tokenizer.json` with a part that is not
    /// known.
    pub fn new(spec: &TokenizerSpec, max_seq_length: usize) -> Result<Self> {
        let kind = match spec {
            TokenizerSpec::WordPiece(spec) => {
                Kind::WordPiece(Arc::new(WordPieces::new(spec, max_seq_length)?))
            }
            TokenizerSpec::Json(spec) => Kind::Json(Json::new(spec, max_seq_length)?),
        };
        Ok(Self {
            kind,
            max_seq_length,
        })
    }

    /// The length at which sequences are cut.
    pub fn max_seq_length(&self) -> usize {
        self.max_seq_length
    }

    /// Encodes a text or a pair.
    pub fn encode(&self, text: &str, pair: Option<&str>) -> Result<Encoding> {
        match &self.kind {
            Kind::WordPiece(words) => words.encode(text, pair),
            Kind::Json(json) => json.encode(text, pair),
        }
    }

    /// Encodes a text or a pair, and says how many tokens it would have uncut, special tokens counted.
    /// Longer texts take longer than with [`Tokenizer::encode`], which stops at what it needs.
    pub fn encode_whole(&self, text: &str, pair: Option<&str>) -> Result<(Encoding, usize)> {
        match &self.kind {
            Kind::WordPiece(words) => words.encode_whole(text, pair),
            Kind::Json(json) => json.encode_whole(text, pair),
        }
    }

    /// Ids of the vocabulary entries that decide how a text is encoded, however long it is: the
    /// pieces of its words, also those found in a word that ends up as `[UNK]`. A vocabulary cut
    /// down to them and the special tokens encodes the text to the same tokens: WordPiece takes
    /// the longest entry that matches, and an entry that lost no longer one cannot win now. Of a
    /// `tokenizer.json` those that the text is encoded to, to which [`shorten_json`] adds what they need.
    ///
    /// # Errors
    /// Rejected: a `tokenizer.json` with WordPiece.
    pub fn entries(&self, text: &str) -> Result<Vec<u32>> {
        match &self.kind {
            Kind::WordPiece(words) => words.entries(text),
            Kind::Json(json) => json.entries(text),
        }
    }
}
