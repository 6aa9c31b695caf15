//! WordPiece: words to pieces of the vocabulary, put between the special tokens and cut where they are
//! too many.

use ahash::AHashMap;
use tokenizers::Model;
use tokenizers::models::wordpiece::WordPiece;

use super::failure::failed;
use super::spec::WordPieceSpec;
use super::truncation::Truncation;
use super::words::{Unit, Words};
use crate::batch::Encoding;
use crate::error::{Error, Result};

/// A vocabulary with its rules.
#[derive(Clone)]
pub struct WordPieces {
    words: Words,
    model: WordPiece,
    unk_id: u32,
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
            let token = tokens.get(id as usize);
            token.ok_or_else(|| Error::rejected(format!("token id {id} is not in the vocabulary")))
        };
        let unknown = name(spec.unk_id)?;
        name(spec.cls_id).and(name(spec.sep_id))?;
        let ids = tokens.iter().enumerate();
        let vocab: AHashMap<String, u32> = ids.map(|(i, t)| (t.to_string(), i as u32)).collect();
        let model = WordPiece::builder()
            .vocab(vocab)
            .unk_token(unknown.to_string())
            .max_input_chars_per_word(spec.max_word_chars as usize)
            .build()
            .map_err(|e| Error::rejected(format!("the vocabulary does not load: {e}")))?;
        Ok(Self {
            words: Words::new(spec, &tokens),
            model,
            unk_id: spec.unk_id,
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

    /// Pieces of a text, from its end where that stays; no more words are taken than give `enough`.
    fn pieces(&self, text: &str, enough: usize, counted: bool) -> Result<Pieces> {
        if self.cut.keeps_end() {
            self.last_pieces(text, enough, counted)
        } else {
            self.first_pieces(text, enough, counted)
        }
    }

    fn first_pieces(&self, text: &str, enough: usize, counted: bool) -> Result<Pieces> {
        let (mut ids, mut total, mut full) = (Vec::new(), 0, enough == 0);
        let mut wrong = None;
        self.words.each(text, |unit| match unit {
            _ if full && !counted => {}
            Unit::Token(id) => {
                total += 1;
                if !full {
                    ids.push(id);
                }
            }
            Unit::Word(word) => match self.model.tokenize(word) {
                Ok(pieces) => {
                    total += pieces.len();
                    if !full {
                        ids.extend(pieces.into_iter().map(|p| p.id));
                        full = ids.len() >= enough;
                    }
                }
                Err(e) => wrong = Some(e),
            },
        })?;
        wrong.map_or(Ok(Pieces { ids, total }), |e| Err(failed(e)))
    }

    fn last_pieces(&self, text: &str, enough: usize, counted: bool) -> Result<Pieces> {
        let mut units = Vec::new();
        self.words.each(text, |unit| {
            units.push(match unit {
                Unit::Token(id) => Err(id),
                Unit::Word(word) => Ok(word.to_string()),
            });
        })?;
        let (mut ids, mut total, mut full) = (Vec::new(), 0, enough == 0);
        for unit in units.iter().rev() {
            if full && !counted {
                break;
            }
            let pieces = match unit {
                Err(id) => vec![*id],
                Ok(word) => {
                    let pieces = self.model.tokenize(word).map_err(failed)?;
                    pieces.into_iter().map(|p| p.id).collect()
                }
            };
            total += pieces.len();
            if !full {
                ids.extend(pieces.into_iter().rev());
                full = unit.is_ok() && ids.len() >= enough;
            }
        }
        ids.reverse();
        Ok(Pieces { ids, total })
    }

    /// See [`super::Tokenizer::entries`].
    pub fn entries(&self, text: &str) -> Result<Vec<u32>> {
        let (mut ids, mut wrong) = (Vec::new(), None);
        self.words.each(text, |unit| {
            let word = match unit {
                Unit::Token(id) => return ids.push(id),
                Unit::Word(word) => word,
            };
            match self.model.tokenize(word) {
                Ok(pieces) => match &pieces[..] {
                    [only] if only.id == self.unk_id => self.matched(word, &mut ids),
                    pieces => ids.extend(pieces.iter().map(|p| p.id)),
                },
                Err(e) => wrong = Some(e),
            }
        })?;
        wrong.map_or(Ok(ids), |e| Err(failed(e)))
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
}
