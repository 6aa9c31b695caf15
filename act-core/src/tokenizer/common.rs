//! What most texts are made of: characters that BERT's rules and PaddleNLP's both treat one by one,
//! whatever stands beside them. A text is cut at them as it lies; only what holds another character
//! goes through all the rules, which cost many times as much.

/// What the rules make of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Words end here.
    Blank,
    /// A CJK character, a word of its own if the rules split them.
    Ideograph,
    /// Punctuation: a word of its own.
    Mark,
    /// A letter or digit of ASCII.
    Letter,
    /// Any other.
    Odd,
}

/// The tests compare it with the rules, character by character.
fn kind(c: char) -> Kind {
    match c {
        ' ' | '\t' | '\n' | '\r' | '\u{3000}' => Kind::Blank,
        'a'..='z' | 'A'..='Z' | '0'..='9' => Kind::Letter,
        '!'..='~' => Kind::Mark,
        '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' => Kind::Ideograph,
        // `·–—‘’“”…、。〈《「『【〔！（），．／：；？` and their like.
        '\u{b7}'
        | '\u{2010}'..='\u{2027}'
        | '\u{3001}'..='\u{3003}'
        | '\u{3008}'..='\u{3011}'
        | '\u{3014}'..='\u{301b}'
        | '\u{ff01}'..='\u{ff03}'
        | '\u{ff05}'..='\u{ff0a}'
        | '\u{ff0c}'..='\u{ff0f}'
        | '\u{ff1a}'
        | '\u{ff1b}'
        | '\u{ff1f}'
        | '\u{ff20}' => Kind::Mark,
        _ => Kind::Odd,
    }
}

/// True if it is no capital, without a question to Unicode's tables; false of many that are none.
pub fn is_no_capital(c: char) -> bool {
    match kind(c) {
        Kind::Letter => !c.is_ascii_uppercase(),
        Kind::Odd => false,
        Kind::Blank | Kind::Ideograph | Kind::Mark => true,
    }
}

/// Part of a text, between blanks or CJK characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunk<'t> {
    /// A word as the rules give it, but for its case.
    Word(&'t str),
    /// What has to go through the rules.
    Odd(&'t str),
}

/// Shows a text's chunks in its order; `ideographs` are words of their own or letters.
///
/// # Errors
/// Those of `see`, which end it.
pub fn cut<'t, E>(
    text: &'t str,
    ideographs: bool,
    mut see: impl FnMut(Chunk<'t>) -> Result<(), E>,
) -> Result<(), E> {
    let mut run = Run::default();
    for (at, c) in text.char_indices() {
        let kind = kind(c);
        let alone = kind == Kind::Ideograph && ideographs;
        if kind != Kind::Blank && !alone {
            run.odd |= kind == Kind::Odd;
            run.marked |= kind == Kind::Mark;
            continue;
        }
        run.show(text, at, &mut see)?;
        let end = at + c.len_utf8();
        if alone {
            see(Chunk::Word(&text[at..end]))?;
        }
        run = Run {
            start: end,
            ..Run::default()
        };
    }
    run.show(text, text.len(), &mut see)
}

/// What stands between two places where words end, as far as it was looked at.
#[derive(Default)]
struct Run {
    start: usize,
    odd: bool,
    marked: bool,
}

impl Run {
    fn show<'t, E>(
        &self,
        text: &'t str,
        end: usize,
        see: &mut impl FnMut(Chunk<'t>) -> Result<(), E>,
    ) -> Result<(), E> {
        let run = &text[self.start..end];
        match run {
            "" => Ok(()),
            _ if self.odd => see(Chunk::Odd(run)),
            _ if self.marked => at_marks(run, see),
            _ => see(Chunk::Word(run)),
        }
    }
}

/// Shows the words between marks, and the marks.
fn at_marks<'t, E>(
    run: &'t str,
    see: &mut impl FnMut(Chunk<'t>) -> Result<(), E>,
) -> Result<(), E> {
    let mut start = 0;
    for (at, c) in run.char_indices() {
        if kind(c) != Kind::Mark {
            continue;
        }
        if start < at {
            see(Chunk::Word(&run[start..at]))?;
        }
        start = at + c.len_utf8();
        see(Chunk::Word(&run[at..start]))?;
    }
    match &run[start..] {
        "" => Ok(()),
        rest => see(Chunk::Word(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(text: &str, ideographs: bool) -> Vec<Chunk<'_>> {
        let mut chunks = Vec::new();
        let collected: Result<(), ()> = cut(text, ideographs, |chunk| {
            chunks.push(chunk);
            Ok(())
        });
        collected.unwrap();
        chunks
    }

    #[test]
    fn odd_characters_leave_the_words_beside_them_alone() {
        use Chunk::{Odd, Word};
        let text = " ab,c\u{e9}(d) e!“f中é。国x\u{3000}1";
        let apart = [
            Odd("ab,c\u{e9}(d)"),
            Word("e"),
            Word("!"),
            Word("“"),
            Word("f"),
            Word("中"),
            Odd("é。"),
            Word("国"),
            Word("x"),
            Word("1"),
        ];
        assert_eq!(chunks(text, true), apart);
        assert_eq!(chunks("a中，é b中", false), [Odd("a中，é"), Word("b中")]);
        assert!(chunks("", true).is_empty() && chunks(" \u{3000}\n", true).is_empty());
    }

    #[test]
    fn what_is_shown_last_ends_it() {
        let mut seen = 0;
        let ended = cut("a b c", true, |_| {
            seen += 1;
            if seen < 2 { Ok(()) } else { Err("enough") }
        });
        assert_eq!((ended, seen), (Err("enough"), 2));
    }
}
