//! How much a program says.

use log::LevelFilter;

/// What is logged. Every program has it.
#[derive(Debug, Clone, clap::Args)]
pub struct LogArgs {
    /// Only warnings and errors.
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// More detail; twice for all.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl LogArgs {
    /// The level that `-q` and `-v` ask for.
    pub(crate) fn level(&self) -> LevelFilter {
        match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::Warn,
            (false, 0) => LevelFilter::Info,
            (false, 1) => LevelFilter::Debug,
            (false, _) => LevelFilter::Trace,
        }
    }
}
