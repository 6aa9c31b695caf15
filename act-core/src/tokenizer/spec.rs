//! Tokenizers as artifacts hold them.

use std::sync::Arc;

use super::truncation::Truncation;
use super::vocab::vocab_tokens;
use crate::error::{Error, Result};

/// A tokenizer as an artifact holds it. A clone shares the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenizerSpec {
    /// A `vocab.txt` and BERT's rules or their variants.
    WordPiece(WordPieceSpec),
    /// A whole `tokenizer.json`.
    Json(JsonSpec),
}

impl TokenizerSpec {
    /// Number of tokens.
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::WordPiece(spec) => spec.vocab_size(),
            Self::Json(spec) => spec.vocab_size,
        }
    }

    /// Id of the padding token, which engines mask.
    pub fn pad_id(&self) -> u32 {
        match self {
            Self::WordPiece(spec) => spec.pad_id,
            Self::Json(spec) => spec.pad_id,
        }
    }

    /// The vocabulary and rules, for what knows no other kind of tokenizer.
    ///
    /// # Errors
    /// Rejected: it is a `tokenizer.json`.
    pub fn word_piece(&self) -> Result<&WordPieceSpec> {
        match self {
            Self::WordPiece(spec) => Ok(spec),
            Self::Json(_) => Err(not_word_piece()),
        }
    }

    /// As [`TokenizerSpec::word_piece`], to change it.
    ///
    /// # Errors
    /// Rejected: it is a `tokenizer.json`.
    pub fn word_piece_mut(&mut self) -> Result<&mut WordPieceSpec> {
        match self {
            Self::WordPiece(spec) => Ok(spec),
            Self::Json(_) => Err(not_word_piece()),
        }
    }
}

fn not_word_piece() -> Error {
    Error::rejected(
        "the model's tokenizer is a whole tokenizer.json: only WordPiece by vocab.txt can be made anew",
    )
}

impl From<WordPieceSpec> for TokenizerSpec {
    fn from(spec: WordPieceSpec) -> Self {
        Self::WordPiece(spec)
    }
}

/// A `tokenizer.json`, and what an engine must know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonSpec {
    /// The file.
    pub text: Arc<str>,
    /// Ids that it gives are below this number.
    pub vocab_size: usize,
    /// Id of the padding token.
    pub pad_id: u32,
}

/// WordPiece: `vocab.txt` and the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordPieceSpec {
    /// One token a line, the line number is the id.
    pub vocab: Arc<str>,
    /// Lower-case the text first (`do_lower_case`).
    pub lowercase: bool,
    /// Strip accents; BERT does so exactly when it lower-cases.
    pub strip_accents: bool,
    /// Put blanks around CJK characters (`tokenize_chinese_chars`).
    pub split_cjk: bool,
    /// What else stands alone.
    pub split: Split,
    /// Entries that are found in a text as they stand before it is cut into words, by rising id:
    /// special and added tokens.
    pub whole_tokens: Vec<u32>,
    /// What goes of a text that is too long.
    pub cut: Truncation,
    /// Words of more characters become `[UNK]`.
    pub max_word_chars: u32,
    /// Id of `[PAD]`.
    pub pad_id: u32,
    /// Id of `[UNK]`.
    pub unk_id: u32,
    /// Id of `[CLS]`.
    pub cls_id: u32,
    /// Id of `[SEP]`.
    pub sep_id: u32,
    /// Id of `[MASK]`, where there is one.
    pub mask_id: Option<u32>,
}

/// Which characters are words of their own, CJK aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// BERT's: ASCII symbols and Unicode's punctuation.
    Punctuation,
    /// PaddleNLP's: all symbols of Unicode (category S) too, by the tables of its Python, where what
    /// is unassigned goes like a control character. `ErnieTokenizer` and its kin.
    PunctuationAndSymbols,
    /// As [`Split::PunctuationAndSymbols`], but for words that are whole tokens once control characters
    /// are gone. `BertTokenizer` of PaddleNLP and its kin.
    SymbolsOutsideWholeTokens,
}

/// Names of the special tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpecialTokens<'a> {
    /// What rows of a batch are filled up with.
    pub pad: &'a str,
    /// What an unknown word becomes.
    pub unk: &'a str,
    /// What comes first.
    pub cls: &'a str,
    /// What comes behind a text.
    pub sep: &'a str,
    /// What stands for a hidden word, where there is such a token.
    pub mask: &'a str,
}

impl SpecialTokens<'static> {
    /// BERT's and ERNIE's.
    pub const BERT: Self = Self {
        pad: "[PAD]",
        unk: "[UNK]",
        cls: "[CLS]",
        sep: "[SEP]",
        mask: "[MASK]",
    };
}

impl WordPieceSpec {
    /// Reads a `vocab.txt` with BERT's usual rules. Lines may be `token` or ERNIE's `token<TAB>id`;
    /// the result is always plain lines in id order. BERT's special tokens must be there, `[MASK]`
    /// may.
    pub fn from_vocab(text: &str) -> Result<Self> {
        let tokens = vocab_tokens(text)?;
        Self::from_tokens(&tokens, &SpecialTokens::BERT)
    }

    /// BERT's usual rules around tokens in id order, some of which are special.
    ///
    /// # Errors
    /// Usage: a special token other than the mask is not among them.
    pub fn from_tokens(tokens: &[String], special: &SpecialTokens<'_>) -> Result<Self> {
        // The last of equal tokens is the one that texts get.
        let find = |token: &str| tokens.iter().rposition(|t| t == token).map(|i| i as u32);
        let id = |token: &str| {
            find(token).ok_or_else(|| {
                Error::usage(format!(
                    "the vocabulary has no {token}: is it a BERT vocab.txt?"
                ))
            })
        };
        Ok(Self {
            lowercase: true,
            strip_accents: true,
            split_cjk: true,
            split: Split::Punctuation,
            whole_tokens: Vec::new(),
            cut: Truncation::End,
            max_word_chars: 100,
            pad_id: id(special.pad)?,
            unk_id: id(special.unk)?,
            cls_id: id(special.cls)?,
            sep_id: id(special.sep)?,
            mask_id: find(special.mask),
            vocab: tokens
                .iter()
                .map(|t| format!("{t}\n"))
                .collect::<String>()
                .into(),
        })
    }

    /// The tokens in id order.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.vocab
            .strip_suffix('\n')
            .unwrap_or(&self.vocab)
            .split('\n')
    }

    /// Number of tokens.
    pub fn vocab_size(&self) -> usize {
        self.tokens().count()
    }

    /// The special tokens by the names of their fields.
    pub fn special(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let always = [
            ("pad_id", self.pad_id),
            ("unk_id", self.unk_id),
            ("cls_id", self.cls_id),
            ("sep_id", self.sep_id),
        ];
        let mask = self.mask_id.map(|id| ("mask_id", id));
        always.into_iter().chain(mask)
    }
}
