//! WordPiece over the `tokenizers` crate: BERT's and ERNIE's vocabularies, single texts and pairs.
//!
//! Pairs are `[CLS] a [SEP] b [SEP]`; what is too long is cut from the longer text first.

mod spec;

use std::fmt;

use ahash::AHashMap;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    Model, NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString,
    PreTokenizer,
};

use crate::batch::Encoding;
use crate::error::{Error, Result};

pub use spec::{JsonSpec, Split, TokenizerSpec, WordPieceSpec};

/// BERT's basic tokenisation with the usual rules, before any vocabulary: control characters
/// removed, lower case, accents stripped, CJK characters and punctuation on their own, the rest
/// cut at blanks. What a vocabulary is made from.
pub fn basic_words(text: &str) -> Result<Vec<String>> {
    let split = split_words(&BertNormalizer::new(true, true, Some(true), true), text)?;
    Ok(words(&split).map(str::to_string).collect())
}

fn split_words(normalizer: &BertNormalizer, text: &str) -> Result<PreTokenizedString> {
    let mut normalized = NormalizedString::from(text);
    normalizer.normalize(&mut normalized).map_err(failed)?;
    let mut split = PreTokenizedString::from(normalized);
    BertPreTokenizer.pre_tokenize(&mut split).map_err(failed)?;
    Ok(split)
}

fn words(split: &PreTokenizedString) -> impl Iterator<Item = &str> {
    let splits = split.get_splits(OffsetReferential::Normalized, OffsetType::None);
    splits.into_iter().map(|(word, ..)| word)
}

fn failed(e: tokenizers::Error) -> Error {
    Error::failed(format!("tokenising: {e}"))
}

/// A ready tokenizer with a maximal sequence length.
#[derive(Clone)]
pub struct Tokenizer {
    normalizer: BertNormalizer,
    model: WordPiece,
    cls_id: u32,
    sep_id: u32,
    max_seq_length: usize,
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
    /// Rejected: special tokens outside the vocabulary, or rules that this version does not follow.
    pub fn new(spec: &TokenizerSpec, max_seq_length: usize) -> Result<Self> {
        let spec = spec.word_piece()?;
        spec.check_supported()?;
        let tokens: Vec<&str> = spec.tokens().collect();
        let name = |id: u32| {
            let token = tokens.get(id as usize);
            token.ok_or_else(|| Error::rejected(format!("token id {id} is not in the vocabulary")))
        };
        let unknown = name(spec.unk_id)?;
        name(spec.cls_id).and(name(spec.sep_id))?;
        let vocab: AHashMap<String, u32> = tokens
            .iter()
            .enumerate()
            .map(|(i, t)| (t.to_string(), i as u32))
            .collect();
        let model = WordPiece::builder()
            .vocab(vocab)
            .unk_token(unknown.to_string())
            .max_input_chars_per_word(spec.max_word_chars as usize)
            .build()
            .map_err(|e| Error::rejected(format!("the vocabulary does not load: {e}")))?;
        let normalizer = BertNormalizer::new(
            true,
            spec.split_cjk,
            Some(spec.strip_accents),
            spec.lowercase,
        );
        Ok(Self {
            normalizer,
            model,
            cls_id: spec.cls_id,
            sep_id: spec.sep_id,
            max_seq_length,
        })
    }

    /// Longest sequence in tokens, special tokens counted.
    pub fn max_seq_length(&self) -> usize {
        self.max_seq_length
    }

    /// Encodes a text or a pair; no more of it is read than is kept.
    pub fn encode(&self, text: &str, pair: Option<&str>) -> Result<Encoding> {
        let room = self.room(pair);
        let first = self.pieces(text, room)?;
        let second = pair.map(|p| self.pieces(p, room)).transpose()?;
        Ok(self.put_together(first, second, room))
    }

    /// The same encoding, and how many tokens it would have uncut, special tokens counted: the text
    /// was cut if that is more than the maximal sequence length. Reads all of the text.
    pub fn encode_whole(&self, text: &str, pair: Option<&str>) -> Result<(Encoding, usize)> {
        let first = self.pieces(text, usize::MAX)?;
        let second = pair.map(|p| self.pieces(p, usize::MAX)).transpose()?;
        let whole = specials(pair) + first.len() + second.as_ref().map_or(0, Vec::len);
        Ok((self.put_together(first, second, self.room(pair)), whole))
    }

    /// Tokens that a text or pair may have beside the special ones.
    fn room(&self, pair: Option<&str>) -> usize {
        self.max_seq_length.saturating_sub(specials(pair))
    }

    /// Cuts what has no room, and puts special tokens and segments around the rest.
    fn put_together(
        &self,
        mut first: Vec<u32>,
        mut second: Option<Vec<u32>>,
        room: usize,
    ) -> Encoding {
        first.truncate(room);
        if let Some(second) = &mut second {
            second.truncate(room);
            cut_longer_first(&mut first, second, room);
        }
        let mut encoding = Encoding::default();
        let mut push = |id: u32, segment: u32| {
            encoding.input_ids.push(id);
            encoding.token_type_ids.push(segment);
        };
        push(self.cls_id, 0);
        for (ids, segment) in [(Some(first), 0), (second, 1)] {
            for id in ids
                .into_iter()
                .flat_map(|ids| ids.into_iter().chain([self.sep_id]))
            {
                push(id, segment);
            }
        }
        encoding
    }

    /// Ids of the vocabulary entries that decide how a text is encoded, however long it is: the
    /// pieces of its words, also those found in a word that ends up as `[UNK]`. A vocabulary cut
    /// down to them and the special tokens encodes the text to the same tokens: WordPiece takes
    /// the longest entry that matches, and an entry that lost no longer one cannot win now.
    pub fn entries(&self, text: &str) -> Result<Vec<u32>> {
        let split = split_words(&self.normalizer, text)?;
        let mut ids = Vec::new();
        for word in words(&split) {
            let pieces = self.model.tokenize(word).map_err(failed)?;
            match &pieces[..] {
                [only] if only.value == self.model.unk_token => self.matched(word, &mut ids),
                pieces => ids.extend(pieces.iter().map(|p| p.id)),
            }
        }
        Ok(ids)
    }

    /// The longest matches from the start of a word to where nothing matches.
    fn matched(&self, word: &str, ids: &mut Vec<u32>) {
        if word.chars().count() > self.model.max_input_chars_per_word {
            return;
        }
        let prefix = &self.model.continuing_subword_prefix;
        let mut rest = word;
        while !rest.is_empty() {
            let ends = rest.char_indices().map(|(i, c)| i + c.len_utf8()).rev();
            let prefix = if rest.len() == word.len() { "" } else { prefix };
            let mut candidates = ends.map(|end| (end, format!("{prefix}{}", &rest[..end])));
            let longest = candidates.find_map(|(end, piece)| {
                let id = self.model.token_to_id(&piece)?;
                Some((end, id))
            });
            let Some((end, id)) = longest else { return };
            ids.push(id);
            rest = &rest[end..];
        }
    }

    /// The first pieces of a text, at least `room` if it has so many.
    fn pieces(&self, text: &str, room: usize) -> Result<Vec<u32>> {
        let split = split_words(&self.normalizer, text)?;
        let mut ids = Vec::new();
        for word in words(&split) {
            if ids.len() >= room {
                break;
            }
            let pieces = self.model.tokenize(word).map_err(failed)?;
            ids.extend(pieces.into_iter().map(|p| p.id));
        }
        Ok(ids)
    }
}

/// Special tokens around a text or a pair.
fn specials(pair: Option<&str>) -> usize {
    if pair.is_some() { 3 } else { 2 }
}

/// Drops tokens from the end of the longer text until both fit, from the second of equals: BERT's
/// `_truncate_seq_pair`, which PaddleNLP follows. (The `tokenizers` crate's own truncation leaves
/// an odd token to the second text instead, and so gives other ids than the models were trained
/// and published with.)
fn cut_longer_first(first: &mut Vec<u32>, second: &mut Vec<u32>, room: usize) {
    while first.len() + second.len() > room {
        if first.len() > second.len() {
            first.pop();
        } else {
            second.pop();
        }
    }
}
