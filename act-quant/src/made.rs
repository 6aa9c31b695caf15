//! Made-up texts: training texts of which every fifth word is left out. They are of the kind that the
//! model reads, and it has not been trained on them word for word. Of the ways that were tried
//! (docs/benchmarks/int8.md) this one promises about the divergence that there is on new texts.

use act_core::Seed;
use act_data::Example;
use rand::Rng;

/// Share of the words that are left out.
const LEFT_OUT: f64 = 0.2;

/// No example is in more texts.
const EACH: usize = 16;

/// Texts with at least one blank in so many characters have words.
const LONGEST_WORD: usize = 16;

/// `count` texts made of `examples` in turn, fewer of few: none is in more than [`EACH`].
pub fn up(examples: &[&Example], count: usize, seed: Seed) -> Vec<Example> {
    let mut random = seed.stream("quant.made");
    let count = count.min(EACH.saturating_mul(examples.len()));
    let in_turn = examples.iter().cycle().take(count);
    let make = |example: &&Example| Example {
        text: thinned(&example.text, &mut random),
        pair: (example.pair.as_ref()).map(|pair| thinned(pair, &mut random)),
        target: None,
    };
    in_turn.map(make).collect()
}

/// A text without some of its words, or of its characters where it has no words; with one at least of
/// several left out, and one left.
fn thinned(text: &str, random: &mut impl Rng) -> String {
    let characters = text.chars().count();
    let blanks = text.chars().filter(|c| c.is_whitespace()).count();
    let (units, between): (Vec<&str>, &str) = if blanks * LONGEST_WORD > characters {
        (text.split_whitespace().collect(), " ")
    } else {
        (text.split("").filter(|unit| !unit.is_empty()).collect(), "")
    };
    if units.len() < 2 {
        return text.into();
    }
    let mut kept: Vec<&str> = units.clone();
    kept.retain(|_| !random.random_bool(LEFT_OUT));
    if kept.is_empty() || kept.len() == units.len() {
        kept = units;
        kept.remove(random.random_range(0..kept.len()));
    }
    kept.join(between)
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
    fn words_or_characters_are_left_out_in_their_order() {
        let mut random = Seed(7).stream("test");
        let words: Vec<String> = (0..1000).map(|i| i.to_string()).collect();
        let left: Vec<u32> = thinned(&words.join(" "), &mut random)
            .split(' ')
            .map(|word| word.parse().unwrap())
            .collect();
        assert!(
            left.is_sorted() && (740..860).contains(&left.len()),
            "{}",
            left.len()
        );
        let characters = thinned("今天天气很好明日有雨", &mut random);
        assert!(
            (1..10).contains(&characters.chars().count()),
            "{characters}"
        );
        assert!(["a", "b"].contains(&&*thinned("a b", &mut random)));
        assert_eq!(thinned("word", &mut random).len(), 3);
        assert_eq!(thinned("x", &mut random), "x");
        assert_eq!(thinned("", &mut random), "");
    }

    #[test]
    fn as_many_as_wanted_are_made_the_same_ones_by_the_same_seed() {
        let example = |i| example(&format!("{i} b c {i}"), Some("d e f g"));
        let examples: Vec<Example> = (0..20).map(example).collect();
        let examples: Vec<&Example> = examples.iter().collect();
        let made = up(&examples, 50, Seed(7));
        assert_eq!(made.len(), 50);
        assert!(
            made.iter()
                .all(|m| examples.iter().all(|e| e.text != m.text))
        );
        assert!(made.iter().all(|m| m.target.is_none() && m.pair.is_some()));
        assert_eq!(made, up(&examples, 50, Seed(7)));
        assert_ne!(made, up(&examples, 50, Seed(8)));
        assert_eq!(up(&examples[..2], 50, Seed(7)).len(), 32);
        assert!(up(&[], 50, Seed(7)).is_empty());
    }
}
