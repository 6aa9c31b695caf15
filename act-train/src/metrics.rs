//! `--metrics FILE`: the course of a training as it happens, one JSON object a line, for plots and
//! for `tail -f`.
//!
//! The numbers are the journal's; what is added is the clock, which the journal must not know. A
//! run that is resumed keeps the lines up to its checkpoint and goes on behind them.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use act_core::{Error, Result};
use act_nn::LossPoint;
use serde_json::{Value, json};

use crate::score::Scored;

/// The file of `--metrics`.
pub struct MetricsFile {
    path: PathBuf,
    file: Option<File>,
    start: Instant,
    /// Steps when this process began.
    resumed: usize,
    broken: bool,
}

impl MetricsFile {
    /// Changes nothing yet.
    ///
    /// # Errors
    /// Usage: a file that cannot be written.
    pub fn new(path: &Path) -> Result<Self> {
        let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
        if path.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
            return Err(Error::usage(format!(
                "--metrics {}: give a file in a folder that exists",
                path.display()
            )));
        }
        Ok(Self {
            path: path.into(),
            file: None,
            start: Instant::now(),
            resumed: 0,
            broken: false,
        })
    }

    /// Training begins after `step` steps: keeps the lines up to there.
    pub(crate) fn begin(&mut self, step: usize) -> Result<()> {
        let io = |e| Error::io(&self.path, e);
        let kept: Vec<String> = match File::open(&self.path) {
            Ok(file) if step > 0 => BufReader::new(file)
                .lines()
                .map_while(std::result::Result::ok)
                .filter(|line| told_step(line).is_some_and(|told| told <= step))
                .map(|line| line + "\n")
                .collect(),
            _ => Vec::new(),
        };
        fs::write(&self.path, kept.concat()).map_err(io)?;
        let file = File::options().append(true).open(&self.path).map_err(io)?;
        self.file = Some(file);
        self.start = Instant::now();
        self.resumed = step;
        Ok(())
    }

    /// One line for a point of the journal, of a training of `total` steps.
    pub(crate) fn step(&mut self, point: &LossPoint, total: usize, tokens_per_s: f64) {
        let elapsed = self.start.elapsed().as_secs_f64();
        let done = (point.step - self.resumed).max(1);
        self.write(&json!({
            "kind": "step",
            "step": point.step,
            "steps": total,
            "loss": point.loss,
            "learning_rate": point.learning_rate,
            "tokens_per_s": tokens_per_s,
            "elapsed_s": elapsed,
            "eta_s": elapsed * (total - point.step) as f64 / done as f64,
        }));
    }

    /// One line for an evaluation.
    pub(crate) fn evaluation(&mut self, step: usize, scored: Scored, score: f64, best: bool) {
        let mut line = json!({
            "kind": "evaluation",
            "step": step,
            "best": best,
            "elapsed_s": self.start.elapsed().as_secs_f64(),
        });
        line[scored.name()] = json!(scored.value(score));
        self.write(&line);
    }

    /// One write a line: whoever reads meanwhile sees whole lines.
    fn write(&mut self, line: &Value) {
        let Some(file) = &mut self.file else { return };
        if let (Err(e), false) = (file.write_all(format!("{line}\n").as_bytes()), self.broken) {
            log::warn!("--metrics {}: {e}", self.path.display());
            self.broken = true;
        }
    }
}

fn told_step(line: &str) -> Option<usize> {
    /// Of the line; the rest of it takes no memory.
    #[derive(serde::Deserialize)]
    struct Told {
        step: usize,
    }
    serde_json::from_str(line).ok().map(|Told { step }| step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(path: &Path, from: usize, to: usize) -> Vec<(String, u64)> {
        let mut metrics = MetricsFile::new(path).unwrap();
        metrics.begin(from).unwrap();
        for step in (from + 1..=to).filter(|step| step % 2 == 0) {
            let (loss, learning_rate) = (0.5, 1e-3);
            let point = LossPoint {
                step,
                loss,
                learning_rate,
            };
            metrics.step(&point, 6, 1e4);
        }
        metrics.evaluation(to, Scored::Divergence, -0.5, true);
        let text = fs::read_to_string(path).unwrap();
        let told = text.lines().map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            assert!(value.get("divergence").is_none_or(|value| *value == 0.5));
            let kind = value["kind"].as_str().unwrap().to_string();
            (kind, value["step"].as_u64().unwrap())
        });
        told.collect()
    }

    #[test]
    fn a_resumed_run_goes_on_behind_its_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.jsonl");
        let line = |kind: &str, step| (kind.to_string(), step);
        let first = run(&path, 0, 4);
        assert_eq!(
            first,
            [line("step", 2), line("step", 4), line("evaluation", 4)]
        );
        let resumed = run(&path, 2, 6);
        let expected = [2, 4, 6].map(|n| line("step", n));
        assert_eq!(resumed[..3], expected);
        assert_eq!(run(&path, 0, 2).len(), 2, "a new run begins anew");
        assert!(MetricsFile::new(&dir.path().join("no/m.jsonl")).is_err());
    }
}
