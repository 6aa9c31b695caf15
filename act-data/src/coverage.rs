//! Whether a model's vocabulary belongs to a text: how many of its tokens it knows. A model reads every
//! unknown word as the same `[UNK]`; where that is most of the text, no figure about it means anything.

use act_core::tokenizer::check_json;
use act_core::{Encoding, Error, Result, TokenizerSpec, WordPieceSpec};

/// Share of unknown tokens above which a warning is due. Text of the vocabulary's own language stays
/// well below it.
const MANY: f64 = 0.1;

/// Tokens of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage {
    /// All that are not special, `[UNK]` among them.
    pub tokens: usize,
    /// Those that are `[UNK]`.
    pub unknown: usize,
}

impl Coverage {
    /// Counts the tokens of texts encoded by `vocabulary`.
    pub fn of<'a>(
        encodings: impl IntoIterator<Item = &'a Encoding>,
        vocabulary: &WordPieceSpec,
    ) -> Self {
        let special = [vocabulary.cls_id, vocabulary.sep_id];
        Self::count(encodings, &special, Some(vocabulary.unk_id))
    }

    /// As [`Coverage::of`], by any tokenizer. Which tokens a `tokenizer.json` puts around texts is not
    /// asked: they count as known ones.
    ///
    /// # Errors
    /// Rejected: a `tokenizer.json` that is none.
    pub fn of_any<'a>(
        encodings: impl IntoIterator<Item = &'a Encoding>,
        tokenizer: &TokenizerSpec,
    ) -> Result<Self> {
        let json = match tokenizer {
            TokenizerSpec::WordPiece(vocabulary) => return Ok(Self::of(encodings, vocabulary)),
            TokenizerSpec::Json(json) => json,
        };
        let unknown = check_json(&json.text)?.unk_id;
        Ok(Self::count(encodings, &[], unknown))
    }

    fn count<'a>(
        encodings: impl IntoIterator<Item = &'a Encoding>,
        special: &[u32],
        unknown: Option<u32>,
    ) -> Self {
        let mut coverage = Self::default();
        for &id in encodings.into_iter().flat_map(|e| &e.input_ids) {
            if !special.contains(&id) {
                coverage.tokens += 1;
                coverage.unknown += usize::from(Some(id) == unknown);
            }
        }
        coverage
    }

    /// Warns if many tokens of the data set `name` are unknown.
    ///
    /// # Errors
    /// Usage: all of them are.
    pub fn check(self, name: &str) -> Result<()> {
        if let Some(warning) = self.judge(name)? {
            log::warn!("{warning}");
        }
        Ok(())
    }

    /// The warning that is due, if there is one.
    ///
    /// # Errors
    /// As [`Coverage::check`].
    pub(crate) fn judge(self, name: &str) -> Result<Option<String>> {
        let Self { tokens, unknown } = self;
        if tokens > 0 && unknown == tokens {
            return Err(Error::usage(format!(
                "{name}: the model's vocabulary knows none of its {tokens} tokens; give text of the \
                 language that the model was made for, or another model"
            )));
        }
        let share = unknown as f64 / tokens.max(1) as f64;
        Ok((share > MANY).then(|| {
            format!(
                "{name}: {:.1} % of its tokens are not in the model's vocabulary; is it text of the \
                 language that the model was made for?",
                100.0 * share
            )
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_tokens_are_no_text_and_only_strangers_are_refused() {
        let tokens = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n花\n";
        let vocabulary = WordPieceSpec::from_vocab(tokens).unwrap();
        let encoding = |ids: &[u32]| Encoding {
            input_ids: ids.to_vec(),
            token_type_ids: vec![0; ids.len()],
        };
        let (unknown, known) = (vocabulary.unk_id, 5);
        let ends = [vocabulary.cls_id, vocabulary.sep_id];
        let of = |ids: &[u32]| Coverage::of([&encoding(&[&ends, ids].concat())], &vocabulary);
        assert_eq!(
            of(&[unknown, known, unknown]),
            Coverage {
                tokens: 3,
                unknown: 2
            }
        );
        assert!(of(&[unknown, known, unknown]).check("x").is_ok());
        assert!(of(&[]).check("x").is_ok(), "nothing is unknown in no text");
        let message = of(&[unknown; 2]).check("afqmc/train").unwrap_err();
        assert_eq!(message.kind(), act_core::ErrorKind::Usage);
        assert!(message.to_string().contains("none of its 2 tokens"));
    }
}
