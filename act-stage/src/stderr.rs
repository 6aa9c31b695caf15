//! The one way to standard error: whole lines, never through a bar, and never as somebody else's
//! bytes would have them (see [`crate::printed`]).

use std::io::{IsTerminal as _, Write as _};
use std::sync::LazyLock;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};

use crate::printed::one_line;

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

/// Colours of a terminal, for what a reader must not pass over.
#[derive(Clone, Copy)]
pub(crate) enum Colour {
    None,
    Yellow,
    Red,
}

impl Colour {
    /// Around a text, where a terminal shows it and nobody has asked for none (no-color.org).
    pub(crate) fn around(self, text: &str) -> String {
        let code = match self {
            Colour::None => return text.into(),
            Colour::Yellow => 33,
            Colour::Red => 31,
        };
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if !is_terminal() || unwanted {
            return text.into();
        }
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Writes `name: text`, what ended a program, the name in red.
pub(crate) fn print(name: &str, text: &str) {
    line(&Colour::Red.around(name), "", text, "");
}

/// Writes `name: `, the beginning in its colour, the text made harmless, and the end, while no bar is in the way;
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
