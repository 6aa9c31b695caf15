//! Log lines on standard error: `act-prune: message`, `act-prune: warning: message`.
//!
//! Our crates speak from the level on that `-q` and `-v` ask for, others only from warn on, whatever is
//! asked for: what others trace is their own business, and holds users' texts letter by letter. Once a
//! result rests on the bundled corpus, every line says so.

use std::sync::atomic::{AtomicBool, Ordering};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::stderr::{self, Colour};

static SYNTHETIC: AtomicBool = AtomicBool::new(false);

/// Every line from now on ends in `[synthetic sample]`.
pub(crate) fn mark_synthetic() {
    SYNTHETIC.store(true, Ordering::Relaxed);
}

/// What ends a line that rests on the bundled corpus.
pub(crate) fn mark() -> &'static str {
    if SYNTHETIC.load(Ordering::Relaxed) {
        " [synthetic sample]"
    } else {
        ""
    }
}

/// Begins to log what the level lets through.
pub(crate) fn install(name: &'static str, level: LevelFilter) {
    // One logger lives as long as the process.
    let logger = Box::leak(Box::new(Logger { name }));
    // A second logger can only be one of a test that embeds the frame; the first then stays.
    if log::set_logger(logger).is_ok() {
        log::set_max_level(level);
    }
}

struct Logger {
    name: &'static str,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata) -> bool {
        let ours = metadata.target().starts_with("act_");
        ours || metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let (prefix, colour) = match record.level() {
            Level::Error => ("error: ", Colour::Red),
            Level::Warn => ("warning: ", Colour::Yellow),
            Level::Info => ("", Colour::None),
            Level::Debug => ("debug: ", Colour::None),
            Level::Trace => ("trace: ", Colour::None),
        };
        let prefix = colour.around(prefix);
        stderr::line(self.name, &prefix, &record.args().to_string(), mark());
    }

    fn flush(&self) {}
}
