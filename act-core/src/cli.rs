//! The frame every stage's `main` stands in: shared arguments, logging, progress, signals, exit
//! codes, atomic output.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::artifact::Artifact;
use crate::config::Config;
use crate::error::Result;
use crate::report::Report;
use crate::seed::Seed;

/// Arguments that every stage has.
#[derive(Debug, Clone, clap::Args)]
pub struct StageArgs {
    /// Input artifact; `-` is standard input.
    #[arg(default_value = "-", value_name = "INPUT")]
    pub input: PathBuf,
    /// Output artifact; `-` is standard output.
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    pub output: PathBuf,
    /// What every program has.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Arguments shared also by programs that write no artifact.
#[derive(Debug, Clone, clap::Args)]
pub struct CommonArgs {
    /// Configuration (YAML, PaddleSlim's vocabulary).
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override one key: `--set TrainConfig.epochs=2`.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
    /// Folder of the data set.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where to train: cpu, ndarray, flex, cuda, cuda:N.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Seed of every random choice.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Threads; 0 uses every core. Results do not depend on it.
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
    /// Write a JSON report.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Exit with code 4 when a goal is missed (the output is written all the same).
    #[arg(long)]
    pub strict: bool,
    /// Only warnings and errors.
    #[arg(short, long)]
    pub quiet: bool,
    /// More detail; twice for all.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// How a stage ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Exit code 0.
    Done,
    /// A goal was missed; exit code 4 with `--strict` (or from a gate), 0 otherwise.
    GoalMissed,
}

/// What a stage's arguments must tell the frame.
pub trait StageCli: clap::Parser {
    /// The shared arguments.
    fn common(&self) -> &CommonArgs;
}

/// What the frame gives a stage.
pub struct Context {
    // name, args, start time, progress target
}

impl Context {
    /// The configuration with overrides applied.
    pub fn config(&self) -> Result<Config> {
        todo!()
    }
    /// `--data`, or the configuration's, or an error that says how to give it.
    pub fn data_dir(&self) -> Result<&Path> {
        todo!()
    }
    /// The seed.
    pub fn seed(&self) -> Seed {
        todo!()
    }
    /// Number of threads to use, at least 1.
    pub fn threads(&self) -> usize {
        todo!()
    }
    /// Reads an artifact from a path or `-`.
    pub fn read_artifact(&self, _path: &Path) -> Result<Artifact> {
        todo!()
    }
    /// Fails early if the output cannot be written or is a terminal; call before the work.
    pub fn check_output(&self, _path: &Path) -> Result<()> {
        todo!()
    }
    /// Writes an artifact to a path (temporary file, fsync, rename) or `-`.
    pub fn write_artifact(&self, _path: &Path, _artifact: &Artifact) -> Result<()> {
        todo!()
    }
    /// Writes `--report`, if asked for; fills in the wall time.
    pub fn write_report(&self, _report: Report) -> Result<()> {
        todo!()
    }
    /// Writes any small file atomically (temporary file, fsync, rename), or standard output for `-`.
    pub fn write_file(&self, _path: &Path, _bytes: &[u8]) -> Result<()> {
        todo!()
    }
    /// A bar with ETA on a terminal, a plain line every 10 s otherwise; silent with `-q`.
    pub fn progress(&self, _what: &str, _total: u64) -> Progress {
        todo!()
    }
}

/// Progress of one piece of work.
pub struct Progress {}

impl Progress {
    /// Moves forward.
    pub fn advance(&self, _by: u64) {}
    /// Shows a short text behind the bar (loss, accuracy).
    pub fn message(&self, _text: &str) {}
    /// Ends it.
    pub fn finish(self) {}
}

/// True once the user has asked to stop (Ctrl-C, SIGTERM). Long loops ask between steps and return
/// [`crate::Error::interrupted`].
pub fn interrupted() -> bool {
    todo!()
}

/// Parses arguments, sets up logging and signals, runs the stage, prints one line on an error and
/// turns it into the exit code.
pub fn main<A: StageCli>(
    _name: &'static str,
    _run: fn(A, &Context) -> anyhow::Result<Exit>,
) -> ExitCode {
    todo!()
}
