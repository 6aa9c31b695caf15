//! What the subcommands' arguments have in common: on what models are judged, how latency is
//! measured, and checked numbers and names of splits.

use std::time::Duration;

use act_core::Seed;
use act_data::Split;
use act_stage::args::cores;
use act_stage::timing::Budget;
use act_stage::{DataArgs, LogArgs, ReportArgs, SeedArgs};

use crate::latency::Setting;
use crate::model::Model;

/// For a subcommand that judges models on a split.
#[derive(Debug, Clone, clap::Args)]
pub struct JudgeArgs {
    /// Which split: train, dev, test.
    #[arg(long, default_value = "dev", value_parser = split, value_name = "SPLIT", requires = "data")]
    pub split: Split,
    /// Of which data.
    #[command(flatten)]
    pub data: DataArgs,
    /// Its report.
    #[command(flatten)]
    pub report: ReportArgs,
    /// What it says.
    #[command(flatten)]
    pub log: LogArgs,
}

/// For a subcommand that times models at the lengths of a split.
#[derive(Debug, Clone, clap::Args)]
pub struct LatencyArgs {
    /// Sequences in a batch.
    #[arg(long, default_value_t = 32, value_parser = at_least_one, value_name = "N")]
    pub batch: usize,
    /// Tokens of every sequence in the padded setting.
    #[arg(long, default_value_t = 128, value_parser = at_least_one, value_name = "N")]
    pub seq: usize,
    /// Time for each setting, all models together.
    #[arg(long, default_value_t = 3.0, value_parser = seconds, value_name = "S")]
    pub seconds: f64,
    /// Exactly this many runs in each setting instead.
    #[arg(long, value_parser = at_least_one, value_name = "N", conflicts_with = "seconds")]
    pub runs: Option<usize>,
    /// Threads to measure with; 0: every core [default: 1].
    #[arg(long)]
    threads: Option<usize>,
    /// Which examples are drawn.
    #[command(flatten)]
    seed: SeedArgs,
    /// On what.
    #[command(flatten)]
    pub judge: JudgeArgs,
}

impl LatencyArgs {
    /// When a setting has been measured enough.
    pub fn budget(&self) -> Budget {
        Budget {
            time: Duration::from_secs_f64(self.seconds),
            rounds: self.runs,
        }
    }

    /// Number of threads to measure with, at least 1.
    pub fn threads(&self) -> usize {
        cores(self.threads.unwrap_or(1))
    }

    /// As [`LatencyArgs::threads`], but every core without the argument.
    pub fn most_threads(&self) -> usize {
        cores(self.threads.unwrap_or(0))
    }

    /// The seed of what is drawn.
    pub fn seed(&self) -> Seed {
        self.seed.get()
    }

    /// The standard settings, no longer than every model allows.
    pub fn settings<'a>(&self, models: impl IntoIterator<Item = &'a Model>) -> Vec<Setting> {
        let positions = models.into_iter().map(|m| m.plan.embeddings.longest).min();
        let seq = positions.map_or(self.seq, |most| most.min(self.seq));
        if seq < self.seq {
            log::warn!(
                "a model has only {seq} positions: measuring {seq} tokens, not {}",
                self.seq
            );
        }
        Setting::standard(self.batch, seq)
    }
}

/// `train`, `dev`, `dev_mismatched` or `test`.
pub fn split(text: &str) -> Result<Split, String> {
    match text {
        "train" => Ok(Split::Train),
        "dev" => Ok(Split::Dev),
        "dev_mismatched" => Ok(Split::DevMismatched),
        "test" => Ok(Split::Test),
        _ => Err("one of train, dev, dev_mismatched, test".into()),
    }
}

/// A whole number from 1 on.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n >= 1 => Ok(n),
        _ => Err("a whole number from 1 on".into()),
    }
}

/// A number of seconds from 0 to a day.
pub fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(s) if (0.0..=86_400.0).contains(&s) => Ok(s),
        _ => Err("a number of seconds, 0 to 86400".into()),
    }
}

/// A finite number from 0 on.
pub fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() && x >= 0.0 => Ok(x),
        _ => Err("a number from 0 on".into()),
    }
}
