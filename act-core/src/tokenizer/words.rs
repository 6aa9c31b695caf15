//! A text to the words that WordPiece cuts into pieces.

use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
};

use super::failure::failed;
use super::paddle::Paddle;
use super::spec::{Split, WordPieceSpec};
use super::whole::{Part, WholeTokens};
use crate::error::Result;

/// BERT's basic tokenisation with the usual rules, before any vocabulary: control characters
/// removed, lower case, accents stripped, CJK characters and punctuation on their own, the rest
/// cut at blanks. What a vocabulary is made from.
pub fn basic_words(text: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let bert = BertNormalizer::new(true, true, Some(true), true);
    split_words(&bert, text, |word| words.push(word.to_string()))?;
    Ok(words)
}

fn split_words(bert: &BertNormalizer, text: &str, mut word: impl FnMut(&str)) -> Result<()> {
    let mut normalized = NormalizedString::from(text);
    bert.normalize(&mut normalized).map_err(failed)?;
    let mut split = PreTokenizedString::from(normalized);
    BertPreTokenizer.pre_tokenize(&mut split).map_err(failed)?;
    let splits = split.get_splits(OffsetReferential::Normalized, OffsetType::None);
    splits.into_iter().for_each(|(text, ..)| word(text));
    Ok(())
}

/// What a text is made of before the vocabulary is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit<'t> {
    /// A special or added token.
    Token(u32),
    /// A word.
    Word(&'t str),
}

/// The rules of words.
#[derive(Clone)]
pub struct Words {
    whole: WholeTokens,
    rules: Rules,
}

#[derive(Clone)]
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

    /// Shows the units of a text in its order.
    pub fn each(&self, text: &str, mut see: impl FnMut(Unit<'_>)) -> Result<()> {
        match &self.rules {
            // Every part between tokens is normalised on its own, as the crate does it.
            Rules::Bert(bert) => {
                for part in self.whole.split(text) {
                    match part {
                        Part::Token(id) => see(Unit::Token(id)),
                        Part::Text(text) => split_words(bert, text, |word| see(Unit::Word(word)))?,
                    }
                }
            }
            Rules::Paddle(paddle) => {
                let text = paddle.lowered(text, &self.whole);
                for part in self.whole.split(&text) {
                    match part {
                        Part::Token(id) => see(Unit::Token(id)),
                        Part::Text(text) => {
                            paddle.split(text, &self.whole, |word| see(Unit::Word(word)));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
