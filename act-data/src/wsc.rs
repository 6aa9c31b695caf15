//! CLUEWSC2020: does the pronoun mean that noun? The answer depends on places in the text, so the
//! noun is put between `_` and the pronoun between `[` and `]` (PaddleSlim
//! `example/auto_compression/nlp/run.py`). Indices count characters, not bytes.

use act_core::{Error, Result};

use crate::read::Record;
use crate::read::quoted;

pub(crate) fn text(record: &Record) -> Result<String> {
    let target = record.object("target")?;
    let chars: Vec<char> = record.text("text")?.chars().collect();
    let span = |n: u8| -> Result<(usize, usize)> {
        let (text, at) = (format!("span{n}_text"), format!("span{n}_index"));
        let (words, start) = (target.text(&text)?, target.index(&at)?);
        let end = start.saturating_add(words.chars().count());
        match chars.get(start..end) {
            Some(found) if words.chars().eq(found.iter().copied()) => Ok((start, end)),
            _ => Err(Error::usage(format!(
                "{text} {} is not at {at} {start} of the text",
                quoted(words)
            ))),
        }
    };
    Ok(mark(&chars, span(1)?, span(2)?))
}

/// Inserts the markers by the original indices: at each place first what ends there, then what
/// begins there, so that neighbouring spans do not swallow each other's markers.
fn mark(chars: &[char], noun: (usize, usize), pronoun: (usize, usize)) -> String {
    let mut out = String::with_capacity(chars.len() * 3 + 4);
    for at in 0..=chars.len() {
        if at == pronoun.1 {
            out.push(']');
        }
        if at == noun.1 {
            out.push('_');
        }
        if at == noun.0 {
            out.push('_');
        }
        if at == pronoun.0 {
            out.push('[');
        }
        out.extend(chars.get(at));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str, noun: (&str, usize), pronoun: (&str, usize)) -> Result<String> {
        let line = serde_json::json!({"text": text, "label": "true", "target": {
            "span1_text": noun.0, "span1_index": noun.1,
            "span2_text": pronoun.0, "span2_index": pronoun.1}});
        super::text(&Record::from_json(&line.to_string()).unwrap())
    }

    #[test]
    fn by_character_in_either_order() {
        let text = "小明告诉小红他迟到了";
        assert_eq!(
            read(text, ("小明", 0), ("他", 6)).unwrap(),
            "_小明_告诉小红[他]迟到了"
        );
        assert_eq!(
            read(text, ("小红", 4), ("他", 6)).unwrap(),
            "小明告诉_小红_[他]迟到了"
        );
        let text = "他说小明";
        assert_eq!(read(text, ("小明", 2), ("他", 0)).unwrap(), "[他]说_小明_");
        // A pronoun inside the noun phrase stays inside it.
        assert_eq!(
            read("他爹来了", ("他爹", 0), ("他", 0)).unwrap(),
            "_[他]爹_来了"
        );
    }

    #[test]
    fn a_span_that_is_not_there() {
        let error = read("小明来了", ("小红", 0), ("他", 9))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "span1_text \"小红\" is not at span1_index 0 of the text"
        );
        let error = read("小明来了", ("小明", 0), ("他", usize::MAX)).unwrap_err();
        assert!(error.to_string().contains("span2_index"));
    }

    /// The published script's own steps: four insertions, each moving those after it.
    fn by_insertion(chars: &[char], noun: (usize, usize), pronoun: (usize, usize)) -> String {
        let mut list = chars.to_vec();
        let (nl, pl) = (noun.1 - noun.0, pronoun.1 - pronoun.0);
        if pronoun.0 > noun.0 {
            list.insert(noun.0, '_');
            list.insert(noun.0 + nl + 1, '_');
            list.insert(pronoun.0 + 2, '[');
            list.insert(pronoun.0 + 2 + pl + 1, ']');
        } else {
            list.insert(pronoun.0, '[');
            list.insert(pronoun.0 + pl + 1, ']');
            list.insert(noun.0 + 2, '_');
            list.insert(noun.0 + nl + 2 + 1, '_');
        }
        list.into_iter().collect()
    }

    proptest! {
        #[test]
        fn as_the_published_script(gap in 0usize..4, lead in 0usize..4, tail in 0usize..4,
                                   a in 1usize..4, b in 1usize..4, noun_first: bool) {
            let first = (lead, lead + a);
            let second = (first.1 + gap, first.1 + gap + b);
            let chars: Vec<char> = "天地玄黄宇宙洪荒日月盈昃辰宿列张".chars()
                .take(second.1 + tail).collect();
            let (noun, pronoun) = if noun_first { (first, second) } else { (second, first) };
            prop_assert_eq!(mark(&chars, noun, pronoun), by_insertion(&chars, noun, pronoun));
        }
    }
}
