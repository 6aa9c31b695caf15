//! Special and added tokens, which are found in a text as they stand before anything is done to it.

use ahash::AHashMap;

/// The tokens by their text.
#[derive(Default)]
pub struct WholeTokens {
    ids: AHashMap<String, u32>,
    /// Their lengths in bytes by their first byte, the longest first.
    lengths: Vec<(u8, Vec<usize>)>,
    /// First bytes that any token has.
    starts: Option<Box<[bool; 256]>>,
}

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'t> {
    /// Text to cut into words.
    Text(&'t str),
    /// A token.
    Token(u32),
}

impl WholeTokens {
    /// Tokens and their ids; of equal ones the first counts.
    pub fn new<'a>(tokens: impl Iterator<Item = (&'a str, u32)>) -> Self {
        let mut whole = Self::default();
        for (token, id) in tokens {
            let Some(&first) = token.as_bytes().first() else {
                continue;
            };
            whole.ids.entry(token.to_string()).or_insert(id);
            whole.starts.get_or_insert(Box::new([false; 256]))[usize::from(first)] = true;
            let known = whole.lengths.iter_mut().find(|(byte, _)| *byte == first);
            match known {
                Some((_, lengths)) => lengths.push(token.len()),
                None => whole.lengths.push((first, vec![token.len()])),
            }
        }
        for (_, lengths) in &mut whole.lengths {
            lengths.sort_unstable_by(|a, b| b.cmp(a));
            lengths.dedup();
        }
        whole
    }

    /// True if this is one of the tokens.
    pub fn has(&self, word: &str) -> bool {
        self.ids.contains_key(word)
    }

    /// The longest token that starts at a byte of a text: its length and id.
    pub fn at(&self, text: &str, start: usize) -> Option<(usize, u32)> {
        let first = *text.as_bytes().get(start)?;
        let lengths = self.lengths.iter().find(|(byte, _)| *byte == first);
        lengths?.1.iter().find_map(|&length| {
            let token = text.get(start..start + length)?;
            self.ids.get(token).map(|&id| (length, id))
        })
    }

    /// The next place from `from` on where a token may start.
    fn candidate(&self, text: &str, from: usize) -> Option<usize> {
        let starts = self.starts.as_ref()?;
        let rest = text.as_bytes().get(from..)?;
        let found = rest.iter().position(|&byte| starts[usize::from(byte)])?;
        Some(from + found)
    }

    /// Shows the text's parts in its order; the leftmost token wins, and of those the longest.
    ///
    /// # Errors
    /// Those of `see`, which end it.
    pub fn split<'t, E>(
        &self,
        text: &'t str,
        mut see: impl FnMut(Part<'t>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut done, mut from) = (0, 0);
        while let Some(start) = self.candidate(text, from) {
            let Some((length, id)) = self.at(text, start) else {
                from = start + 1;
                continue;
            };
            if done < start {
                see(Part::Text(&text[done..start]))?;
            }
            see(Part::Token(id))?;
            done = start + length;
            from = done;
        }
        if done < text.len() {
            see(Part::Text(&text[done..]))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split<'t>(whole: &WholeTokens, text: &'t str) -> Vec<Part<'t>> {
        let mut parts = Vec::new();
        let seen: Result<(), ()> = whole.split(text, |part| {
            parts.push(part);
            Ok(())
        });
        seen.unwrap();
        parts
    }

    #[test]
    fn the_leftmost_token_wins_and_of_those_the_longest() {
        let tokens = [
            ("[A]", 1),
            ("[A]b", 2),
            ("é", 3),
            ("", 4),
            ("A]", 5),
            ("[A]", 6),
        ];
        let whole = WholeTokens::new(tokens.into_iter());
        let text = "x[A]b[A][A]é é[A";
        let parts = [
            Part::Text("x"),
            Part::Token(2),
            Part::Token(1),
            Part::Token(1),
            Part::Token(3),
            Part::Text(" "),
            Part::Token(3),
            Part::Text("[A"),
        ];
        assert_eq!(split(&whole, text), parts);
        assert!(split(&whole, "").is_empty());
        assert_eq!(split(&WholeTokens::default(), "[A]"), [Part::Text("[A]")]);
        assert!(whole.has("A]") && !whole.has("a]"));
    }
}
