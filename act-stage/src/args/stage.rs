//! What the stages proper have in common.

use std::path::PathBuf;

use super::{ConfigArgs, DataArgs, DeviceArgs, LogArgs, ReportArgs, SeedArgs, ThreadsArgs};

/// Arguments of a program that makes one artifact of another with data: act-prune, act-distill,
/// act-quant. Each uses all of them.
#[derive(Debug, Clone, clap::Args)]
pub struct StageArgs {
    /// Input artifact; `-` is standard input.
    #[arg(default_value = "-", value_name = "INPUT")]
    pub input: PathBuf,
    /// Output artifact; `-` is standard output.
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    pub output: PathBuf,
    /// Its configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Its data.
    #[command(flatten)]
    pub data: DataArgs,
    /// Where it trains.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Its seed.
    #[command(flatten)]
    pub seed: SeedArgs,
    /// Its threads.
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// Its report.
    #[command(flatten)]
    pub report: ReportArgs,
    /// What it says.
    #[command(flatten)]
    pub log: LogArgs,
}
