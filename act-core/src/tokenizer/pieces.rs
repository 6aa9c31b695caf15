//! WordPiece: words to pieces of the vocabulary, put between the special tokens and cut where they are
//! too many.

use super::spec::WordPieceSpec;
use super::truncation::Truncation;
use super::wordpiece::Vocabulary;
use super::words::{Halt, Unit, Words};
use crate::batch::Encoding;
use crate::error::{Error, Result};

/// A vocabulary with its rules.
pub struct WordPieces {
    words: Words,
    vocabulary: Vocabulary,
    cls_id: u32,
    sep_id: u32,
    cut: Truncation,
    max_seq_length: usize,
}

/// The pieces of a text, as many as are needed of them.
struct Pieces {
    ids: Vec<u32>,
    /// How many there are.
    total: usize,
}

impl WordPieces {
    /// # Errors
    /// Rejected: special tokens outside the vocabulary.
    pub fn new(spec: &WordPieceSpec, max_seq_length: usize) -> Result<Self> {
        let tokens: Vec<&str> = spec.tokens().collect();
        let name = |id: u32| {
            let token = tokens.get(id as usize).copied();
            token.ok_or_else(|| Error::rejected(format!("token id {id} is not in the vocabulary")))
        };
        let unknown = name(spec.unk_id)?;
        name(spec.cls_id).and(name(spec.sep_id))?;
        Ok(Self {
            words: Words::new(spec, &tokens),
            vocabulary: Vocabulary::new(&tokens, unknown, spec.max_word_chars as usize),
            cls_id: spec.cls_id,
            sep_id: spec.sep_id,
            cut: spec.cut,
            max_seq_length,
        })
    }

    pub fn encode(&self, text: &str, pair: Option<&str>) -> Result<Encoding> {
        Ok(self.encoded(text, pair, false)?.0)
    }

    pub fn encode_whole(&self, text: &str, pair: Option<&str>) -> Result<(Encoding, usize)> {
        self.encoded(text, pair, true)
    }

    /// The encoding and, if `counted`, how many tokens there would be uncut.
    fn encoded(&self, text: &str, pair: Option<&str>, counted: bool) -> Result<(Encoding, usize)> {
        let special = if pair.is_some() { 3 } else { 2 };
        let room = self.max_seq_length.saturating_sub(special);
        // Of two texts that both are cut in half, the longer one gets an odd token: all count.
        let enough = if pair.is_some() && self.cut.halves() {
            usize::MAX
        } else {
            room
        };
        let mut first = self.pieces(text, enough, counted)?;
        let mut second = match pair {
            Some(pair) => Some(self.pieces(pair, enough, counted)?),
            None => None,
        };
        let lengths = [first.ids.len(), second.as_ref().map_or(0, |s| s.ids.len())];
        let [a, b] = match second {
            Some(_) => self.cut.lengths(lengths[0], lengths[1], room),
            None => [lengths[0].min(room), 0],
        };
        self.cut.apply(&mut first.ids, a);
        if let Some(second) = &mut second {
            self.cut.apply(&mut second.ids, b);
        }
        let total = special + first.total + second.as_ref().map_or(0, |s| s.total);
        Ok((
            self.framed(&first.ids, second.as_ref().map(|s| &s.ids[..])),
            total,
        ))
    }

    /// `[CLS] a [SEP]`, or `[CLS] a [SEP] b [SEP]` with the second text's tokens of type 1.
    fn framed(&self, first: &[u32], second: Option<&[u32]>) -> Encoding {
        let mut input_ids = Vec::with_capacity(first.len() + second.map_or(0, <[u32]>::len) + 3);
        input_ids.push(self.cls_id);
        input_ids.extend_from_slice(first);
        input_ids.push(self.sep_id);
        let mut token_type_ids = vec![0; input_ids.len()];
        if let Some(second) = second {
            input_ids.extend_from_slice(second);
            input_ids.push(self.sep_id);
            token_type_ids.resize(input_ids.len(), 1);
        }
        Encoding {
            input_ids,
            token_type_ids,
        }
    }

    /// Pieces of a text: its first, and no more than are `enough`, unless its end is what stays.
    fn pieces(&self, text: &str, enough: usize, counted: bool) -> Result<Pieces> {
        let enough = if self.cut.keeps_end() {
            usize::MAX
        } else {
            enough
        };
        let (mut ids, mut total) = (Vec::new(), 0);
        self.words.each(text, |unit| {
            if ids.len() == enough && !counted {
                return Err(Halt::Enough);
            }
            let before = ids.len();
            match unit {
                Unit::Token(id) => ids.push(id),
                Unit::Word(word) => self.vocabulary.pieces(word, &mut ids),
            }
            total += ids.len() - before;
            ids.truncate(enough);
            Ok(())
        })?;
        Ok(Pieces { ids, total })
    }

    /// See [`super::Tokenizer::entries`].
    pub fn entries(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        self.words.each(text, |unit| {
            match unit {
                Unit::Token(id) => ids.push(id),
                // What matches counts, whether all of the word does or not.
                Unit::Word(word) => {
                    self.vocabulary.matches(word, &mut ids);
                }
            }
            Ok(())
        })?;
        Ok(ids)
    }
}
