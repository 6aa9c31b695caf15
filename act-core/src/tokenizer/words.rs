//! A text to the words that WordPiece cuts into pieces.

use std::borrow::Cow;

use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
};

use super::common::{Chunk, cut};
use super::failure::failed;
use super::paddle::Paddle;
use super::spec::{Split, WordPieceSpec};
use super::whole::{Part, WholeTokens};
use crate::error::{Error, Result};

/// BERT's basic tokenisation with the usual rules, before any vocabulary: control characters
/// removed, lower case, accents stripped, CJK characters and punctuation on their own, the rest
/// cut at blanks. What a vocabulary is made from.
pub fn basic_words(text: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let rules = Rules::Bert(BertNormalizer::new(true, true, Some(true), true));
    ended(rules.words(text, &WholeTokens::default(), &mut |word| {
        words.push(word.to_string());
        Ok(())
    }))?;
    Ok(words)
}

/// What a text is made of before the vocabulary is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit<'t> {
    /// A special or added token.
    Token(u32),
    /// A word.
    Word(&'t str),
}

/// Why no more of a text is wanted.
pub enum Halt {
    /// There is enough.
    Enough,
    /// Something is wrong.
    Wrong(Error),
}

fn ended(seen: Result<(), Halt>) -> Result<()> {
    match seen {
        Ok(()) | Err(Halt::Enough) => Ok(()),
        Err(Halt::Wrong(error)) => Err(error),
    }
}

/// The rules of words.
pub struct Words {
    whole: WholeTokens,
    rules: Rules,
}

enum Rules {
    Bert(BertNormalizer),
    Paddle(Paddle),
}

impl Words {
    /// The rules of a vocabulary with these tokens.
    pub fn new(spec: &WordPieceSpec, tokens: &[&str]) -> Self {
        let ids = spec.whole_tokens.iter();
        let whole = ids.filter_map(|&id| Some((*tokens.get(id as usize)?, id)));
        let rules = match spec.split {
            Split::Punctuation => Rules::Bert(BertNormalizer::new(
                true,
                spec.split_cjk,
                Some(spec.strip_accents),
                spec.lowercase,
            )),
            Split::PunctuationAndSymbols | Split::SymbolsOutsideWholeTokens => {
                Rules::Paddle(Paddle {
                    lowercase: spec.lowercase,
                    strip_accents: spec.strip_accents,
                    split_cjk: spec.split_cjk,
                    keeps_whole: spec.split == Split::SymbolsOutsideWholeTokens,
                })
            }
        };
        Self {
            whole: WholeTokens::new(whole),
            rules,
        }
    }

    /// Shows the units of a text in its order, until `see` has enough.
    pub fn each(
        &self,
        text: &str,
        mut see: impl FnMut(Unit<'_>) -> Result<(), Halt>,
    ) -> Result<()> {
        let text = match &self.rules {
            Rules::Bert(_) => Cow::Borrowed(text),
            Rules::Paddle(paddle) => paddle.lowered(text, &self.whole),
        };
        // Every part between tokens is normalised on its own, as the crate does it.
        ended(self.whole.split(&text, |part| match part {
            Part::Token(id) => see(Unit::Token(id)),
            Part::Text(text) => {
                let see = &mut |word: &str| see(Unit::Word(word));
                self.rules.words(text, &self.whole, see)
            }
        }))
    }
}

impl Rules {
    /// The words of a text without whole tokens; PaddleNLP's has no capitals any more.
    fn words(
        &self,
        text: &str,
        whole: &WholeTokens,
        see: &mut impl FnMut(&str) -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        let (ideographs, lowercase) = match self {
            Self::Bert(bert) => (bert.handle_chinese_chars, bert.lowercase),
            Self::Paddle(paddle) => (paddle.split_cjk, false),
        };
        // No rule that comes before asks for the case of ASCII's letters.
        let text = if lowercase && text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
        cut(&text, ideographs, |chunk| match chunk {
            Chunk::Word(word) => see(word),
            Chunk::Odd(text) => self.every_rule(text, whole, see),
        })
    }

    /// The same by all the rules.
    fn every_rule(
        &self,
        text: &str,
        whole: &WholeTokens,
        see: &mut impl FnMut(&str) -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        match self {
            Self::Bert(bert) => {
                let split = split(bert, text).map_err(|e| Halt::Wrong(failed(e)))?;
                let splits = split.get_splits(OffsetReferential::Normalized, OffsetType::None);
                splits.into_iter().try_for_each(|(word, ..)| see(word))
            }
            Self::Paddle(paddle) => paddle.split(text, whole, see),
        }
    }
}

/// A text by the crate's rules.
fn split(bert: &BertNormalizer, text: &str) -> tokenizers::Result<PreTokenizedString> {
    let mut normalized = NormalizedString::from(text);
    bert.normalize(&mut normalized)?;
    let mut split = PreTokenizedString::from(normalized);
    BertPreTokenizer.pre_tokenize(&mut split)?;
    Ok(split)
}

#[cfg(test)]
mod tests;
