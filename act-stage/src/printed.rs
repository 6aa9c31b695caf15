//! What others wrote, made fit to be printed: the one place that escapes it.
//!
//! Names of files, keys, tasks and labels are somebody's choice. None of them may move the cursor,
//! colour the terminal, turn the direction of a line or forge a second one.

use std::fmt::Write as _;

/// Longest line of a message; what is cut is data that it quoted.
pub(crate) const LONGEST: usize = 4000;

/// A name or message on one line: every control and direction-changing character escaped, and no
/// longer than 4,000 bytes.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LONGEST + 4));
    for c in text.chars() {
        if line.len() >= LONGEST {
            line.push_str(" ...");
            break;
        }
        push(&mut line, c, &[]);
    }
    line
}

/// A text of several lines: the same, but line breaks and tabs stay, and nothing is cut.
#[must_use]
pub fn lines(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    text.chars()
        .for_each(|c| push(&mut plain, c, &['\n', '\t']));
    plain
}

/// Markdown in which no part is HTML: the same as [`lines`], with `<` escaped.
#[must_use]
pub fn markdown(text: &str) -> String {
    lines(text).replace('<', "\\<")
}

fn push(text: &mut String, c: char, allowed: &[char]) {
    let invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    if (c.is_control() || invisible) && !allowed.contains(&c) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}", c.escape_default());
    } else {
        text.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_on_one_plain_line() {
        let line = one_line("a\nb\r\u{1b}[31mred\u{202e}txt\u{7}中文\u{2028}x");
        assert_eq!(
            line,
            "a\\nb\\r\\u{1b}[31mred\\u{202e}txt\\u{7}中文\\u{2028}x"
        );
    }

    #[test]
    fn a_quoted_line_of_100_000_characters_is_cut() {
        let line = one_line(&"长".repeat(100_000));
        assert!(line.len() < LONGEST + 10 && line.ends_with(" ..."));
    }

    #[test]
    fn a_text_keeps_its_lines_and_nothing_else_that_moves() {
        assert_eq!(lines("a\tb\nc\r\u{1b}[2J"), "a\tb\nc\\r\\u{1b}[2J");
        assert_eq!(lines(&"x".repeat(9000)).len(), 9000);
        assert_eq!(markdown("<img src=x>\n| a |"), "\\<img src=x>\n| a |");
    }
}
