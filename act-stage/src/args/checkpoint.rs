//! Where a training is kept while it runs.

use std::path::PathBuf;

/// Checkpoints of a program that trains.
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
