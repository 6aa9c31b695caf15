//! The frame every stage's `main` stands in: shared arguments, logging, progress, signals, exit
//! codes, atomic output.
//!
//! A stage names its [`Allocator`], writes `fn main() -> ExitCode { cli::main("act-prune", run) }`
//! and returns errors; this module alone prints them, and no stage calls `std::process::exit`.

mod context;
mod failure;
mod generate;
mod input;
mod logger;
mod output;
mod progress;
mod signals;

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;

pub use context::Context;
pub use output::Listing;
pub use progress::Progress;
pub use signals::interrupted;

/// The allocator of every binary, which declares it with
/// `#[global_allocator] static ALLOCATOR: cli::Allocator = cli::Allocator;` (a library must not
/// choose one for its users). Training allocates and frees large buffers at every step; the system
/// allocator is slower at it.
pub use mimalloc::MiMalloc as Allocator;

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

/// Arguments of stages that train.
#[derive(Debug, Clone, clap::Args)]
pub struct CheckpointArgs {
    /// Where to keep checkpoints; a killed run goes on from there. Default: beside the output, as
    /// OUTPUT.ckpt; none if that is a pipe.
    #[arg(long = "checkpoint", id = "checkpoint", value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Seconds between checkpoints (0: after every step).
    #[arg(
        long = "checkpoint-every",
        id = "checkpoint-every",
        value_name = "SECONDS",
        default_value_t = 60.0,
        value_parser = seconds
    )]
    pub every: f64,
}

fn seconds(text: &str) -> std::result::Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..1e9).contains(&seconds) => Ok(seconds),
        _ => Err("give a number of seconds, 0 or more".into()),
    }
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
    /// Where to train: cpu, ndarray, flex, cuda, cuda:N, vulkan.
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
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// More detail; twice for all.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// [`CommonArgs`] for a program that needs no configuration, data or device: its help shows only
/// `-q` and `-v`. One that needs another of them shows it again with `mut_arg`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    mut_arg("config", |a| a.hide(true)),
    mut_arg("set", |a| a.hide(true)),
    mut_arg("data", |a| a.hide(true)),
    mut_arg("device", |a| a.hide(true)),
    mut_arg("seed", |a| a.hide(true)),
    mut_arg("threads", |a| a.hide(true)),
    mut_arg("report", |a| a.hide(true)),
    mut_arg("strict", |a| a.hide(true))
)]
pub struct PlainArgs {
    /// What every program has.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// How a stage ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Exit code 0.
    Done,
    /// A goal was missed: exit code 4 with `--strict`, 0 otherwise.
    GoalMissed,
    /// A gate, whose only work is to judge, was missed: exit code 4.
    GateMissed,
}

/// What a stage's arguments must tell the frame.
pub trait StageCli: clap::Parser {
    /// The shared arguments.
    fn common(&self) -> &CommonArgs;
}

/// Parses arguments, sets up logging and signals, runs the stage, prints one line on an error and
/// turns it into the exit code: 0 done, 1 failed, 2 usage, 3 rejected, 4 goal missed, 130
/// interrupted.
pub fn main<A: StageCli>(
    name: &'static str,
    run: fn(A, &Context) -> anyhow::Result<Exit>,
) -> ExitCode {
    if let Some(share) = generate::asked(std::env::args_os()) {
        return match generate::generate(A::command().name(name), &share) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => ExitCode::from(failure::report(name, &error.into())),
        };
    }
    let args = match A::try_parse() {
        Ok(args) => args,
        Err(mistake) if mistake.use_stderr() => {
            failure::usage(name, &mistake);
            return ExitCode::from(2);
        }
        Err(help) => {
            // A reader of `--help` that closes the pipe early is no failure.
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    let context = Context::new(name, args.common().clone());
    logger::install(name, args.common());
    failure::install_panic_hook(name);
    signals::install(name);

    let strict = args.common().strict;
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
        context.check_report()?;
        run(args, &context)
    }));
    ExitCode::from(match outcome {
        Ok(Ok(Exit::Done)) => 0,
        Ok(Ok(Exit::GoalMissed)) => 4 * u8::from(strict),
        Ok(Ok(Exit::GateMissed)) => 4,
        Ok(Err(error)) => failure::report(name, &error),
        Err(panic) => failure::after_panic(panic.as_ref()),
    })
}
