//! From an error to one line on standard error and an exit code.

use std::any::Any;

use crate::signals;
use crate::stderr::print;
use act_core::error::{Error, ErrorKind};

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
pub(crate) fn usage(name: &str, error: &clap::Error) {
    let message = mistake(error);
    print(name, &format!("{message}; see {name} --help"));
}

/// What is wrong with the arguments, in one line.
pub(crate) fn mistake(error: &clap::Error) -> String {
    let text = error.to_string();
    // Usage and hints follow after a blank line; `--help` tells them better.
    let message = text.split("\n\n").next().unwrap_or(&text);
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let words: Vec<&str> = message.split_whitespace().collect();
    words.join(" ")
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
    fn the_kind_survives_context_from_either_side() {
        let error = anyhow::Error::from(Error::rejected("bad magic").context("x.act"));
        assert_eq!(kind(&error), ErrorKind::Rejected);
        assert_eq!(kind(&error.context("while reading")), ErrorKind::Rejected);
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert_eq!(kind(&anyhow::Error::from(missing)), ErrorKind::Usage);
        assert_eq!(kind(&anyhow::anyhow!("diverged")), ErrorKind::Failed);
    }
}
