//! The one way to standard error: whole lines, never through a bar, and never as somebody else's
//! bytes would have them. Messages may quote hostile text (a key of a YAML file, a tensor's name), so
//! nothing that could move the cursor, colour the terminal or forge a second line gets through.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::sync::LazyLock;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};

/// Longest line; what is cut is data that a message quoted.
const LONGEST: usize = 4000;

static BARS: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));

/// True where bars can be drawn.
pub(crate) fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Shows a bar below those there are.
pub(crate) fn show(bar: ProgressBar) -> ProgressBar {
    BARS.add(bar)
}

/// Clears a bar away.
pub(crate) fn clear(bar: &ProgressBar) {
    bar.finish_and_clear();
    BARS.remove(bar);
}

/// Writes `name: text`.
pub(crate) fn print(name: &str, text: &str) {
    line(name, "", text, "");
}

/// Writes `name: `, the beginning, the text made harmless, and the end, while no bar is in the way;
/// a closed standard error is nobody's problem.
pub(crate) fn line(name: &str, begin: &str, text: &str, end: &str) {
    let line = format!("{name}: {begin}{}{end}\n", one_line(text));
    let write = || drop(std::io::stderr().write_all(line.as_bytes()));
    if is_terminal() {
        BARS.suspend(write);
    } else {
        write();
    }
}

/// The text with control and direction-changing characters escaped, and no longer than [`LONGEST`].
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LONGEST + 4));
    for c in text.chars() {
        if line.len() >= LONGEST {
            line.push_str(" ...");
            break;
        }
        let invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
        if c.is_control() || invisible {
            // Writing to a String cannot fail.
            let _ = write!(line, "{}", c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
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
}
