//! From an error to one line on standard error and an exit code.
//!
//! Messages may quote hostile bytes (a key of a YAML file, a tensor's name), so nothing that could
//! move the cursor, colour the terminal or forge a second line gets through.

use std::any::Any;
use std::fmt::Write as _;
use std::io::Write as _;

use crate::signals;
use act_core::error::{Error, ErrorKind};

/// Longest error line; what is cut is data that a message quoted.
const LONGEST: usize = 2000;

/// Prints the error as `name: chain` and returns the exit code.
pub(crate) fn report(name: &str, error: &anyhow::Error) -> u8 {
    // Whatever broke after the user asked to stop broke because of it.
    if signals::interrupted() {
        print(name, "interrupted");
        return 130;
    }
    print(name, &format!("{error:#}"));
    match kind(error) {
        ErrorKind::Usage => 2,
        ErrorKind::Rejected => 3,
        ErrorKind::Failed => 1,
        ErrorKind::Interrupted => 130,
    }
}

/// Prints what is wrong with the arguments: clap's message, folded into one line like any other.
pub(crate) fn usage(name: &str, mistake: &clap::Error) {
    let text = mistake.to_string();
    // Usage and hints follow after a blank line; `--help` tells them better.
    let message = text.split("\n\n").next().unwrap_or(&text);
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let words: Vec<&str> = message.split_whitespace().collect();
    print(name, &format!("{}; see {name} --help", words.join(" ")));
}

/// Whose move it is: the outermost of our errors in the chain decides, then the operating system's.
fn kind(error: &anyhow::Error) -> ErrorKind {
    let ours = |e: &(dyn std::error::Error + 'static)| e.downcast_ref::<Error>().map(Error::kind);
    error.chain().find_map(ours).unwrap_or_else(|| {
        match error.root_cause().downcast_ref::<std::io::Error>() {
            Some(io) => ErrorKind::of_io(io),
            None => ErrorKind::Failed,
        }
    })
}

/// Writes `name: text`, sanitised; a closed standard error is nobody's problem.
pub(crate) fn print(name: &str, text: &str) {
    crate::progress::suspend(|| {
        let _ = writeln!(std::io::stderr(), "{name}: {}", one_line(text));
    });
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

/// A panic is a bug: one line that says where, no backtrace.
pub(crate) fn install_panic_hook(name: &'static str) {
    std::panic::set_hook(Box::new(move |info| {
        let text = panic_text(info.payload());
        if is_closed_stdout(&text) {
            return;
        }
        let place = info.location().map_or_else(
            || "an unknown place".into(),
            |l| format!("{}:{}", l.file(), l.line()),
        );
        print(
            name,
            &format!("internal error at {place} (a bug in act): {text}"),
        );
    }));
}

/// Exit code after a panic that the hook has already reported.
pub(crate) fn after_panic(payload: &(dyn Any + Send)) -> u8 {
    if is_closed_stdout(&panic_text(payload)) {
        0
    } else {
        1
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|s| s.to_string())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

/// `println!` panics when the reader of a listing has gone (`act-eval inspect m.act | head`); that
/// is how a listing ends, not a bug.
fn is_closed_stdout(text: &str) -> bool {
    text.starts_with("failed printing to stdout") && text.contains("Broken pipe")
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
    fn the_kind_survives_context_from_either_side() {
        let error = anyhow::Error::from(Error::rejected("bad magic").context("x.act"));
        assert_eq!(kind(&error), ErrorKind::Rejected);
        assert_eq!(kind(&error.context("while reading")), ErrorKind::Rejected);
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert_eq!(kind(&anyhow::Error::from(missing)), ErrorKind::Usage);
        assert_eq!(kind(&anyhow::anyhow!("diverged")), ErrorKind::Failed);
    }
}
