//! Progress of long work: a bar with the time left on a terminal, otherwise a log line at most
//! every ten seconds, nothing with `-q`.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use act_core::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};

use crate::signals::interrupted;
use crate::stderr;

/// Time between two lines where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(10);

/// The pieces of a stage's work, one bar after the other; see [`act_core::Progress`].
pub struct Bars {
    quiet: bool,
    shown: RefCell<Option<Bar>>,
}

impl Bars {
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            shown: RefCell::new(None),
        }
    }

    /// Ends the piece at work.
    pub fn finish(&self) {
        if let Some(bar) = self.shown.take() {
            bar.finish();
        }
    }
}

impl act_core::Progress for Bars {
    fn begin(&self, what: &str, total: usize) {
        self.finish();
        let bar = Bar::new(what, total as u64, self.quiet);
        self.shown.replace(Some(bar));
    }

    fn advance(&self, units: usize) -> Result<()> {
        if let Some(bar) = &*self.shown.borrow() {
            bar.advance(units as u64);
        }
        if interrupted() {
            return Err(Error::interrupted());
        }
        Ok(())
    }

    fn say(&self, words: &str) {
        if let Some(bar) = &*self.shown.borrow() {
            bar.message(words);
        }
    }
}

/// Progress of one piece of work. Dropping it early (an error on the way out) clears the bar.
pub struct Bar(Shape);

enum Shape {
    Silent,
    Bar(ProgressBar),
    Lines(Lines),
}

struct Lines {
    what: String,
    total: u64,
    start: Instant,
    state: Mutex<State>,
}

struct State {
    done: u64,
    message: String,
    last: Instant,
}

impl Bar {
    pub(crate) fn new(what: &str, total: u64, quiet: bool) -> Self {
        Self(if quiet {
            Shape::Silent
        } else if stderr::is_terminal() {
            Shape::Bar(bar(what, total))
        } else {
            Shape::Lines(Lines::new(what, total))
        })
    }

    /// Moves forward.
    pub fn advance(&self, by: u64) {
        match &self.0 {
            Shape::Silent => {}
            Shape::Bar(bar) => bar.inc(by),
            Shape::Lines(lines) => lines.advance(by),
        }
    }

    /// Shows a short text behind the bar (loss, accuracy).
    pub fn message(&self, text: &str) {
        match &self.0 {
            Shape::Silent => {}
            Shape::Bar(bar) => bar.set_message(stderr::one_line(text)),
            Shape::Lines(lines) => lines.lock().message = text.into(),
        }
    }

    /// Ends it.
    pub fn finish(self) {
        if let Shape::Lines(lines) = &self.0 {
            lines.finish();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Shape::Bar(bar) = &self.0 {
            stderr::clear(bar);
        }
    }
}

/// One line even in a narrow terminal: the message has the room that is left, and is cut there.
const BAR: &str = "{prefix} [{bar:16}] {pos}/{len} {eta} left {wide_msg}";

fn bar(what: &str, total: u64) -> ProgressBar {
    // The template is a constant that a test renders; were it wrong, the default style serves.
    let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = stderr::show(ProgressBar::new(total));
    bar.set_style(style.progress_chars("=> "));
    bar.set_prefix(stderr::one_line(what));
    bar
}

impl Lines {
    fn new(what: &str, total: u64) -> Self {
        let start = Instant::now();
        let state = State {
            done: 0,
            message: String::new(),
            last: start,
        };
        Self {
            what: what.into(),
            total,
            start,
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self, by: u64) {
        let mut state = self.lock();
        state.done += by;
        if state.last.elapsed() >= INTERVAL {
            state.last = Instant::now();
            log::info!(
                "{}",
                line(&self.what, self.total, &state, self.start.elapsed())
            );
        }
    }

    /// Work that was long enough for a line on the way gets one at its end.
    fn finish(&self) {
        let took = self.start.elapsed();
        if took >= INTERVAL {
            let message = &self.lock().message;
            let gap = if message.is_empty() { "" } else { ", " };
            log::info!("{}: done in {}{gap}{message}", self.what, duration(took));
        }
    }
}

/// `distilling: 420/1000 (42 %), 1 min 20 s left, loss 0.31`
fn line(what: &str, total: u64, state: &State, elapsed: Duration) -> String {
    let State { done, message, .. } = state;
    let mut line = format!("{what}: {done}");
    if total > 0 {
        line += &format!("/{total} ({:.0} %)", 100.0 * *done as f64 / total as f64);
        if (1..total).contains(done) {
            let left = elapsed.mul_f64((total - done) as f64 / *done as f64);
            line += &format!(", {} left", duration(left));
        }
    }
    if !message.is_empty() {
        line += &format!(", {message}");
    }
    line
}

/// `45 s`, `3 min 20 s`, `2 h 05 min`
fn duration(d: Duration) -> String {
    match d.as_secs() {
        s @ 0..60 => format!("{s} s"),
        s @ 60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        s => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(done: u64, message: &str) -> State {
        State {
            done,
            message: message.into(),
            last: Instant::now(),
        }
    }

    #[test]
    fn a_line_says_how_far_and_how_long_still() {
        let minute = Duration::from_secs(60);
        assert_eq!(
            line("distilling", 400, &state(100, "loss 0.31"), minute),
            "distilling: 100/400 (25 %), 3 min 00 s left, loss 0.31"
        );
        assert_eq!(line("reading", 0, &state(7, ""), minute), "reading: 7");
        assert_eq!(line("x", 5, &state(5, ""), minute), "x: 5/5 (100 %)");
    }

    #[test]
    fn durations_read_well() {
        let told = [9, 61, 7265].map(|s| duration(Duration::from_secs(s)));
        assert_eq!(told, ["9 s", "1 min 01 s", "2 h 01 min"]);
    }

    #[test]
    fn the_bar_template_is_valid() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }
}
