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
