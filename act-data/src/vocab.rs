//! A vocabulary from a data set, for an encoder trained from scratch.
//!
//! One token a CJK character or punctuation mark, as in BERT's Chinese vocabulary. Other scripts:
//! frequent words whole, and every letter and digit both alone and as a `##` continuation, so that
//! WordPiece can spell any word of seen letters and nothing common becomes `[UNK]`. Built from the
//! split it is given: give it train only, or dev's characters leak into the model.

use std::collections::HashMap;

use act_core::Result;
use act_core::tokenizer::basic_words;
use rayon::prelude::*;

use crate::dataset::Dataset;

/// BERT's special tokens in BERT's order; `[PAD]` has id 0.
pub const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// Times a word of several characters must occur at least to become a token of its own.
const MIN_WORD_COUNT: u64 = 8;

/// A `vocab.txt`: one token a line, the special ones first, then by falling frequency. Characters
/// seen fewer than `min_count` times are left out; ASCII letters and digits are always there.
pub fn vocabulary(data: &Dataset, min_count: usize) -> Result<String> {
    let min_count = min_count.max(1) as u64;
    let mut pieces: HashMap<String, u64> = HashMap::new();
    for c in ('a'..='z').chain('0'..='9') {
        pieces.insert(c.to_string(), min_count);
        pieces.insert(format!("##{c}"), min_count);
    }
    for (word, count) in count_words(data)? {
        let mut chars = word.chars();
        let first = chars.next().map(String::from).unwrap_or_default();
        let rest: Vec<String> = chars.map(|c| format!("##{c}")).collect();
        let whole = !rest.is_empty() && count >= MIN_WORD_COUNT.max(min_count);
        let spelling = std::iter::once(first).chain(rest);
        for piece in spelling.chain(whole.then_some(word)) {
            *pieces.entry(piece).or_default() += count;
        }
    }
    let mut pieces: Vec<(String, u64)> = pieces
        .into_iter()
        .filter(|(piece, count)| *count >= min_count && !SPECIAL.contains(&piece.as_str()))
        .collect();
    pieces.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let tokens = SPECIAL
        .into_iter()
        .chain(pieces.iter().map(|(p, _)| p.as_str()));
    Ok(tokens.flat_map(|t| [t, "\n"]).collect())
}

/// How often each word occurs in the data set's texts.
fn count_words(data: &Dataset) -> Result<HashMap<String, u64>> {
    let texts = data
        .examples
        .par_iter()
        .flat_map_iter(|e| std::iter::once(e.text.as_str()).chain(e.pair.as_deref()));
    texts
        .map(|text| {
            let mut counts = HashMap::new();
            for word in basic_words(text)? {
                *counts.entry(word).or_insert(0) += 1;
            }
            Ok(counts)
        })
        .try_reduce(HashMap::new, |a, b| {
            let (mut large, small) = if a.len() >= b.len() { (a, b) } else { (b, a) };
            for (word, count) in small {
                *large.entry(word).or_insert(0) += count;
            }
            Ok(large)
        })
}
