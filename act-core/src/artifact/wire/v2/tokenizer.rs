//! TOKN, schema 2.

use bincode::{Decode, Encode};

use crate::artifact::wire::codes::{self, Coded, unknown};
use crate::artifact::wire::v1::narrow;
use crate::error::{Error, Result};
use crate::tokenizer::{JsonSpec, TokenizerSpec, Truncation, WordPieceSpec};

/// TOKN: a tokenizer. Which fields a kind does not use are zero.
#[derive(Encode, Decode)]
pub struct Tokenizer {
    kind: u16,
    vocab_size: u32,
    pad_id: u32,
    word_piece: Option<WordPiece>,
    text: String,
}

#[derive(Encode, Decode)]
struct WordPiece {
    lowercase: bool,
    strip_accents: bool,
    split_cjk: bool,
    split: u16,
    whole_tokens: Vec<u32>,
    /// Was a bool, whose two values keep their meaning.
    cut: u8,
    max_word_chars: u32,
    unk_id: u32,
    cls_id: u32,
    sep_id: u32,
    mask_id: Option<u32>,
}

impl Tokenizer {
    /// To the wire.
    pub fn new(spec: &TokenizerSpec) -> Result<Self> {
        let (kind, word_piece, text) = match spec {
            TokenizerSpec::WordPiece(spec) => {
                (codes::WORDPIECE, Some(WordPiece::from(spec)), &spec.vocab)
            }
            TokenizerSpec::Json(spec) => (codes::TOKENIZER_JSON, None, &spec.text),
        };
        Ok(Self {
            kind,
            vocab_size: narrow(spec.vocab_size())?,
            pad_id: spec.pad_id(),
            word_piece,
            text: text.to_string(),
        })
    }
}

impl From<&WordPieceSpec> for WordPiece {
    fn from(spec: &WordPieceSpec) -> Self {
        Self {
            lowercase: spec.lowercase,
            strip_accents: spec.strip_accents,
            split_cjk: spec.split_cjk,
            split: spec.split.code(),
            whole_tokens: spec.whole_tokens.clone(),
            cut: spec.cut.code(),
            max_word_chars: spec.max_word_chars,
            unk_id: spec.unk_id,
            cls_id: spec.cls_id,
            sep_id: spec.sep_id,
            mask_id: spec.mask_id,
        }
    }
}

impl TryFrom<Tokenizer> for TokenizerSpec {
    type Error = Error;

    fn try_from(wire: Tokenizer) -> Result<Self> {
        match (wire.kind, wire.word_piece) {
            (codes::WORDPIECE, Some(rules)) => Ok(Self::WordPiece(WordPieceSpec {
                vocab: wire.text.into(),
                lowercase: rules.lowercase,
                strip_accents: rules.strip_accents,
                split_cjk: rules.split_cjk,
                split: Coded::from_code(rules.split)?,
                whole_tokens: rules.whole_tokens,
                cut: cut(rules.cut)?,
                max_word_chars: rules.max_word_chars,
                pad_id: wire.pad_id,
                unk_id: rules.unk_id,
                cls_id: rules.cls_id,
                sep_id: rules.sep_id,
                mask_id: rules.mask_id,
            })),
            (codes::TOKENIZER_JSON, None) => Ok(Self::Json(JsonSpec {
                text: wire.text.into(),
                vocab_size: wire.vocab_size as usize,
                pad_id: wire.pad_id,
            })),
            (codes::WORDPIECE | codes::TOKENIZER_JSON, _) => Err(Error::rejected(
                "WordPiece without its rules, or rules without it",
            )),
            (kind, _) => Err(unknown("tokenizer", kind)),
        }
    }
}

fn cut(code: u8) -> Result<Truncation> {
    Truncation::from_code(code).ok_or_else(|| unknown("way to cut texts", code.into()))
}
