//! Made-up texts: the first part of one text and the last part of another, of a pair of both texts at
//! the same place. Word for word they are of the kind that the model reads, and it has not been
//! trained on one of them.

use act_core::Seed;
use act_data::Example;
use rand::Rng;
use rand::seq::SliceRandom;

/// No example gives its first part to more texts.
const EACH: usize = 16;

/// `count` texts of parts of `examples`, fewer of few: as many from each as goes, at most [`EACH`], and
/// none of a single one.
pub fn up(examples: &[&Example], count: usize, seed: Seed) -> Vec<Example> {
    let mut random = seed.stream("quant.made");
    let count = count.min(EACH.saturating_mul(examples.len()));
    let mut order: Vec<&Example> = examples.to_vec();
    let mut made = Vec::with_capacity(count);
    while made.len() < count && order.len() > 1 {
        order.shuffle(&mut random);
        let neighbours = order.iter().zip(order.iter().cycle().skip(1));
        for (first, last) in neighbours.take(count - made.len()) {
            made.push(crossed(first, last, random.random_range(0.3..0.7)));
        }
    }
    made
}

/// The first `share` of one example and the rest of another.
fn crossed(first: &Example, last: &Example, share: f64) -> Example {
    let pair = (first.pair.as_ref()).zip(last.pair.as_ref());
    Example {
        text: joined(&first.text, &last.text, share),
        pair: pair.map(|(first, last)| joined(first, last, share)),
        target: None,
    }
}

fn joined(first: &str, last: &str, share: f64) -> String {
    let (start, _) = cut(first, share);
    let (_, end) = cut(last, share);
    let blank = start.ends_with(char::is_whitespace) || end.starts_with(char::is_whitespace);
    // Where words are set apart, so they stay.
    let spaced = first.contains(char::is_whitespace) || last.contains(char::is_whitespace);
    let between = if spaced && !blank && !start.is_empty() {
        " "
    } else {
        ""
    };
    format!("{start}{between}{end}")
}

/// A text in two, between words where it has any, else between characters.
fn cut(text: &str, share: f64) -> (&str, &str) {
    let spaced = text.trim().contains(char::is_whitespace);
    let word = |(at, c): (usize, char)| {
        let begins = at == 0 || text[..at].ends_with(char::is_whitespace);
        (!spaced || (begins && !c.is_whitespace())).then_some(at)
    };
    let starts: Vec<usize> = text.char_indices().filter_map(word).collect();
    let kept = (starts.len() as f64 * share).round() as usize;
    text.split_at(starts.get(kept).copied().unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(text: &str, pair: Option<&str>) -> Example {
        Example {
            text: text.into(),
            pair: pair.map(str::to_string),
            target: Some(act_data::Target::Class(1)),
        }
    }

    #[test]
    fn halves_are_exchanged_between_words_or_characters() {
        assert_eq!(
            joined("a fine film", "so very dull it was", 0.5),
            "a fine it was"
        );
        assert_eq!(joined("今天天气", "明日有雨了吗", 0.5), "今天雨了吗");
        assert_eq!(joined("word", "another one", 0.5), "wo one");
        assert_eq!(joined("", "", 0.5), "");
        let pair = crossed(
            &example("a b", Some("c d")),
            &example("e f", Some("g h")),
            0.5,
        );
        assert_eq!(
            (&*pair.text, pair.pair.as_deref(), pair.class()),
            ("a f", Some("c h"), None)
        );
    }

    #[test]
    fn as_many_as_wanted_are_made_the_same_ones_by_the_same_seed() {
        let examples: Vec<Example> = (0..20)
            .map(|i| example(&format!("{i} b c {i}"), None))
            .collect();
        let examples: Vec<&Example> = examples.iter().collect();
        let made = up(&examples, 50, Seed(7));
        assert_eq!(made.len(), 50);
        assert!(
            made.iter()
                .all(|m| examples.iter().all(|e| e.text != m.text))
        );
        assert_eq!(made, up(&examples, 50, Seed(7)));
        assert_ne!(made, up(&examples, 50, Seed(8)));
        assert!(up(&examples[..1], 50, Seed(7)).is_empty());
    }
}
