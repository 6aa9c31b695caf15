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
use act_nn::{Journal, TrainEvent};
use serde_json::{Value, json};

/// The file and what has not been told in it.
pub struct Metrics {
    path: PathBuf,
    file: Option<File>,
    start: Instant,
    since: Instant,
    tokens: usize,
    /// Steps when this process began.
    resumed: usize,
    broken: bool,
}

impl Metrics {
    /// Fails early if the file cannot be written; changes nothing yet.
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
            since: Instant::now(),
            tokens: 0,
            resumed: 0,
            broken: false,
        })
    }

    /// Training begins after `step` steps: keeps the lines up to there.
    pub fn begin(&mut self, step: usize) -> Result<()> {
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
        (self.start, self.since) = (Instant::now(), Instant::now());
        self.resumed = step;
        Ok(())
    }

    /// One line for a point of the journal or an evaluation.
    pub fn tell(&mut self, event: &TrainEvent, journal: &Journal) {
        let line = match *event {
            TrainEvent::Step {
                step,
                total,
                tokens,
                ..
            } => {
                self.tokens += tokens;
                match journal.losses.last() {
                    Some(point) if point.step == step => self.step(step, total, journal),
                    _ => return,
                }
            }
            TrainEvent::Evaluation {
                step,
                accuracy,
                best,
            } => json!({
                "kind": "evaluation",
                "step": step,
                "accuracy": accuracy,
                "best": best,
                "elapsed_s": self.start.elapsed().as_secs_f64(),
            }),
        };
        let Some(file) = &mut self.file else { return };
        // One write a line: whoever reads meanwhile sees whole lines.
        if let (Err(e), false) = (file.write_all(format!("{line}\n").as_bytes()), self.broken) {
            log::warn!("--metrics {}: {e}", self.path.display());
            self.broken = true;
        }
    }

    fn step(&mut self, step: usize, total: usize, journal: &Journal) -> Value {
        let point = journal.losses.last();
        let elapsed = self.start.elapsed().as_secs_f64();
        let done = (step - self.resumed).max(1);
        let speed = self.tokens as f64 / self.since.elapsed().as_secs_f64().max(1e-9);
        (self.tokens, self.since) = (0, Instant::now());
        json!({
            "kind": "step",
            "step": step,
            "steps": total,
            "loss": point.map(|p| p.loss),
            "learning_rate": point.map(|p| p.learning_rate),
            "tokens_per_s": speed,
            "elapsed_s": elapsed,
            "eta_s": elapsed * (total - step) as f64 / done as f64,
        })
    }
}

fn told_step(line: &str) -> Option<usize> {
    let value: Value = serde_json::from_str(line).ok()?;
    usize::try_from(value.get("step")?.as_u64()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: usize) -> TrainEvent {
        TrainEvent::Step {
            step,
            total: 6,
            loss: 0.5,
            learning_rate: 1e-3,
            tokens: 10,
        }
    }

    fn run(path: &Path, from: usize, to: usize) -> Vec<(String, u64)> {
        let mut metrics = Metrics::new(path).unwrap();
        let mut journal = Journal::new(2);
        metrics.begin(from).unwrap();
        for n in from + 1..=to {
            journal.note(&step(n));
            metrics.tell(&step(n), &journal);
        }
        let event = TrainEvent::Evaluation {
            step: to,
            accuracy: 0.5,
            best: true,
        };
        metrics.tell(&event, &journal);
        let text = fs::read_to_string(path).unwrap();
        let told = text.lines().map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
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
        assert!(Metrics::new(&dir.path().join("no/m.jsonl")).is_err());
    }
}
