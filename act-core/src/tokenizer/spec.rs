//! Tokenizers as artifacts hold them.

use std::sync::Arc;

use crate::error::{Error, Result};

const A_JSON: &str = "tokenizers of a tokenizer.json";

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
            Self::Json(_) => Err(Error::unsupported(A_JSON)),
        }
    }

    /// As [`TokenizerSpec::word_piece`], to change it.
    ///
    /// # Errors
    /// Rejected: it is a `tokenizer.json`.
    pub fn word_piece_mut(&mut self) -> Result<&mut WordPieceSpec> {
        match self {
            Self::WordPiece(spec) => Ok(spec),
            Self::Json(_) => Err(Error::unsupported(A_JSON)),
        }
    }
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
    /// What is too long loses its beginning, not its end.
    pub cut_start: bool,
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
    /// PaddleNLP's: all symbols of Unicode (category S) too.
    PunctuationAndSymbols,
}

impl WordPieceSpec {
    /// Reads a `vocab.txt` with BERT's usual rules. Lines may be `token` or ERNIE's `token<TAB>id`;
    /// the result is always plain lines in id order. The five special tokens must be there.
    pub fn from_vocab(text: &str) -> Result<Self> {
        let tokens = vocab_tokens(text)?;
        let id = |token: &str| {
            tokens
                .iter()
                .position(|t| t == token)
                .map(|i| i as u32)
                .ok_or_else(|| {
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
            cut_start: false,
            max_word_chars: 100,
            pad_id: id("[PAD]")?,
            unk_id: id("[UNK]")?,
            cls_id: id("[CLS]")?,
            sep_id: id("[SEP]")?,
            mask_id: Some(id("[MASK]")?),
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

    /// Refuses rules that [`Tokenizer`](super::Tokenizer) does not follow yet.
    ///
    /// # Errors
    /// Rejected: the rule is named.
    pub fn check_supported(&self) -> Result<()> {
        Error::refuse_any(&[
            (
                self.split != Split::Punctuation,
                "tokenizers that split off symbols",
            ),
            (
                !self.whole_tokens.is_empty(),
                "tokenizers that look for special tokens in texts",
            ),
            (self.cut_start, "tokenizers that cut the start of texts"),
        ])
    }
}

/// The tokens of a vocabulary file in id order, from either of the two layouts in use.
fn vocab_tokens(text: &str) -> Result<Vec<String>> {
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
