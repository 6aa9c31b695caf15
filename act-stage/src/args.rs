//! The arguments that stages share.

use std::path::PathBuf;

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

fn seconds(text: &str) -> Result<f64, String> {
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
