//! WordPiece over the `tokenizers` crate: BERT's and ERNIE's vocabularies, single texts and pairs.
//!
//! Pairs are `[CLS] a [SEP] b [SEP]`; what is too long is cut from the longer text first.

use std::fmt;

use ahash::AHashMap;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{
    DecoderWrapper, NormalizedString, Normalizer, OffsetReferential, OffsetType,
    PreTokenizedString, PreTokenizer, TokenizerBuilder, TokenizerImpl, TruncationDirection,
    TruncationParams, TruncationStrategy,
};

use crate::batch::Encoding;
use crate::error::{Error, Result};

/// A tokenizer as an artifact holds it: `vocab.txt` and the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizerSpec {
    /// One token a line, the line number is the id.
    pub vocab: String,
    /// Lower-case the text first (`do_lower_case`).
    pub lowercase: bool,
    /// Strip accents; BERT does so exactly when it lower-cases.
    pub strip_accents: bool,
    /// Put blanks around CJK characters (`tokenize_chinese_chars`).
    pub split_cjk: bool,
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
    /// Id of `[MASK]`.
    pub mask_id: u32,
}

impl TokenizerSpec {
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
            max_word_chars: 100,
            pad_id: id("[PAD]")?,
            unk_id: id("[UNK]")?,
            cls_id: id("[CLS]")?,
            sep_id: id("[SEP]")?,
            mask_id: id("[MASK]")?,
            vocab: tokens.iter().map(|t| format!("{t}\n")).collect(),
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

/// BERT's basic tokenisation with the usual rules, before any vocabulary: control characters
/// removed, lower case, accents stripped, CJK characters and punctuation on their own, the rest
/// cut at blanks. What a vocabulary is made from.
pub fn basic_words(text: &str) -> Result<Vec<String>> {
    let failed = |e| Error::failed(format!("tokenising: {e}"));
    let mut normalized = NormalizedString::from(text);
    let normalizer = BertNormalizer::new(true, true, Some(true), true);
    normalizer.normalize(&mut normalized).map_err(failed)?;
    let mut words = PreTokenizedString::from(normalized);
    BertPreTokenizer.pre_tokenize(&mut words).map_err(failed)?;
    let splits = words.get_splits(OffsetReferential::Normalized, OffsetType::None);
    Ok(splits
        .into_iter()
        .map(|(word, ..)| word.to_string())
        .collect())
}

type Inner =
    TokenizerImpl<WordPiece, BertNormalizer, BertPreTokenizer, TemplateProcessing, DecoderWrapper>;

/// A ready tokenizer with a maximal sequence length.
#[derive(Clone)]
pub struct Tokenizer {
    inner: Inner,
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokenizer")
    }
}

impl Tokenizer {
    /// A tokenizer that cuts sequences at `max_seq_length` tokens, special tokens counted.
    pub fn new(spec: &TokenizerSpec, max_seq_length: usize) -> Result<Self> {
        let tokens: Vec<&str> = spec.tokens().collect();
        let name = |id: u32| -> Result<String> {
            tokens
                .get(id as usize)
                .map(|t| t.to_string())
                .ok_or_else(|| Error::rejected(format!("token id {id} is not in the vocabulary")))
        };
        let (unk, cls, sep) = (name(spec.unk_id)?, name(spec.cls_id)?, name(spec.sep_id)?);
        let vocab: AHashMap<String, u32> = tokens
            .iter()
            .enumerate()
            .map(|(i, t)| (t.to_string(), i as u32))
            .collect();
        let model = WordPiece::builder()
            .vocab(vocab)
            .unk_token(unk)
            .max_input_chars_per_word(spec.max_word_chars as usize)
            .build()
            .map_err(|e| Error::rejected(format!("the vocabulary does not load: {e}")))?;
        let template = TemplateProcessing::builder()
            .try_single(format!("{cls}:0 $A:0 {sep}:0"))
            .and_then(|b| b.try_pair(format!("{cls}:0 $A:0 {sep}:0 $B:1 {sep}:1")))
            .map_err(|e| Error::rejected(format!("the tokenizer's special tokens: {e}")))?
            .special_tokens(vec![(cls, spec.cls_id), (sep, spec.sep_id)])
            .build()
            .map_err(|e| Error::rejected(format!("the tokenizer's special tokens: {e}")))?;
        let truncation = TruncationParams {
            direction: TruncationDirection::Right,
            max_length: max_seq_length,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
        };
        let inner = TokenizerBuilder::default()
            .with_model(model)
            .with_normalizer(Some(BertNormalizer::new(
                true,
                spec.split_cjk,
                Some(spec.strip_accents),
                spec.lowercase,
            )))
            .with_pre_tokenizer(Some(BertPreTokenizer))
            .with_post_processor(Some(template))
            .with_truncation(Some(truncation))
            .build()
            .map_err(|e| Error::rejected(format!("the tokenizer does not build: {e}")))?;
        Ok(Self { inner })
    }

    /// Encodes a text or a pair.
    pub fn encode(&self, text: &str, pair: Option<&str>) -> Result<Encoding> {
        let encoding = match pair {
            Some(pair) => self.inner.encode((text, pair), true),
            None => self.inner.encode(text, true),
        }
        .map_err(|e| Error::failed(format!("tokenising: {e}")))?;
        Ok(Encoding {
            input_ids: encoding.get_ids().to_vec(),
            token_type_ids: encoding.get_type_ids().to_vec(),
        })
    }
}
