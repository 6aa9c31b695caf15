//! Progress of long work: a bar with the time left on a terminal, otherwise a log line at most
//! every ten seconds, nothing with `-q`.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use act_core::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};

use crate::printed::one_line;
use crate::signals::{Steps, interrupted};
use crate::stderr;

/// Time between two lines where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(10);

/// The pieces of a stage's work, one bar after the other; see [`act_core::Progress`].
pub struct Bars {
    quiet: bool,
    shown: RefCell<Option<(Bar, Steps)>>,
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
        let ended = self.shown.take();
        if let Some((Bar::Lines(lines), _)) = &ended {
            lines.finish();
        }
    }
}

impl act_core::Progress for Bars {
    fn begin(&self, what: &str, total: usize) {
        self.finish();
        let bar = Bar::new(what, total, self.quiet);
        self.shown.replace(Some((bar, Steps::begin())));
    }

    fn advance(&self, units: usize) -> Result<()> {
        if let Some((bar, _)) = &mut *self.shown.borrow_mut() {
            bar.advance(units);
        }
        if interrupted() {
            return Err(Error::interrupted());
        }
        Ok(())
    }

    fn say(&self, words: &str) {
        if let Some((bar, _)) = &mut *self.shown.borrow_mut() {
            bar.say(words);
        }
    }
}

/// One piece of work. Dropping it early (an error on the way out) clears what is drawn.
enum Bar {
    Silent,
    Drawn(ProgressBar),
    Lines(Lines),
}

impl Bar {
    fn new(what: &str, total: usize, quiet: bool) -> Self {
        if quiet {
            Bar::Silent
        } else if stderr::is_terminal() {
            Bar::Drawn(drawn(what, total))
        } else {
            Bar::Lines(Lines::new(what, total))
        }
    }

    fn advance(&mut self, units: usize) {
        match self {
            Bar::Silent => {}
            Bar::Drawn(bar) => bar.inc(units as u64),
            Bar::Lines(lines) => lines.advance(units),
        }
    }

    fn say(&mut self, words: &str) {
        match self {
            Bar::Silent => {}
            Bar::Drawn(bar) => bar.set_message(one_line(words)),
            Bar::Lines(lines) => lines.said = words.into(),
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Bar::Drawn(bar) = self {
            stderr::clear(bar);
        }
    }
}

/// One line even in a narrow terminal: the message has the room that is left, and is cut there.
const BAR: &str = "{prefix} [{bar:16}] {pos}/{len} {eta} left {wide_msg}";

fn drawn(what: &str, total: usize) -> ProgressBar {
    // The template is a constant that a test renders; were it wrong, the default style serves.
    let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = stderr::show(ProgressBar::new(total as u64));
    bar.set_style(style.progress_chars("=> "));
    bar.set_prefix(one_line(what));
    bar
}

/// Progress where there is no terminal.
struct Lines {
    what: String,
    total: usize,
    done: usize,
    said: String,
    start: Instant,
    last: Instant,
}

impl Lines {
    fn new(what: &str, total: usize) -> Self {
        let start = Instant::now();
        Self {
            what: what.into(),
            total,
            done: 0,
            said: String::new(),
            start,
            last: start,
        }
    }

    fn advance(&mut self, units: usize) {
        self.done += units;
        if self.last.elapsed() >= INTERVAL {
            self.last = Instant::now();
            log::info!("{}", self.line(self.start.elapsed()));
        }
    }

    /// Work that was long enough for a line on the way gets one at its end.
    fn finish(&self) {
        let took = self.start.elapsed();
        if took >= INTERVAL {
            let Self { what, said, .. } = self;
            let gap = if said.is_empty() { "" } else { ", " };
            log::info!("{what}: done in {}{gap}{said}", duration(took));
        }
    }

    /// `distilling: 420/1000 (42 %), 1 min 20 s left, loss 0.31`
    fn line(&self, elapsed: Duration) -> String {
        let Self {
            what,
            total,
            done,
            said,
            ..
        } = self;
        let mut line = format!("{what}: {done}");
        if *total > 0 {
            line += &format!("/{total} ({:.0} %)", 100.0 * *done as f64 / *total as f64);
            if (1..*total).contains(done) {
                let left = elapsed.mul_f64((total - done) as f64 / *done as f64);
                line += &format!(", {} left", duration(left));
            }
        }
        if !said.is_empty() {
            line += &format!(", {said}");
        }
        line
    }
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

    #[test]
    fn a_line_says_how_far_and_how_long_still() {
        let line = |what: &str, total, done, said: &str| {
            let mut lines = Lines::new(what, total);
            lines.advance(done);
            lines.said = said.into();
            lines.line(Duration::from_secs(60))
        };
        assert_eq!(
            line("distilling", 400, 100, "loss 0.31"),
            "distilling: 100/400 (25 %), 3 min 00 s left, loss 0.31"
        );
        assert_eq!(line("reading", 0, 7, ""), "reading: 7");
        assert_eq!(line("x", 5, 5, ""), "x: 5/5 (100 %)");
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
