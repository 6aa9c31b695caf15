//! How long training takes here, and how long everything may take.

use std::fmt;
use std::path::Path;

use act_core::{Error, Result};
use serde::Deserialize;

/// Seconds and epochs of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Seconds of an epoch of the base; smaller models take less.
    pub epoch: f64,
    /// Epochs of a short try.
    pub short: usize,
    /// Epochs of a finalist.
    pub whole: usize,
    /// Seconds that there are, if they are limited.
    pub budget: Option<f64>,
}

impl Pace {
    /// Of so many tokens an epoch at so many a second; a try has a quarter of the epochs.
    pub fn new(tokens: usize, per_second: f64, whole: usize, budget: Option<f64>) -> Self {
        Self {
            epoch: tokens as f64 / per_second.max(1.0),
            short: whole.div_ceil(4),
            whole,
            budget,
        }
    }

    /// Seconds of a short distillation.
    pub fn of_short(&self) -> f64 {
        self.epoch * self.short as f64
    }

    /// Seconds of a finalist's.
    pub fn of_whole(&self) -> f64 {
        self.epoch * self.whole as f64
    }

    /// Whether, after so many seconds, so many more are there.
    pub fn affords(&self, spent: f64, more: f64) -> bool {
        self.budget.is_none_or(|budget| spent + more <= budget)
    }

    /// Seconds of so many tries, each at its longest, and finalists, none of them faster than the base.
    pub fn at_most(&self, tries: usize, finalists: usize) -> f64 {
        2.0 * self.of_short() * tries as f64 + self.of_whole() * finalists as f64
    }
}

/// A time for people.
pub struct Time(pub f64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s < 90.0 => write!(f, "{s:.0} s"),
            s if s < 5400.0 => write!(f, "{:.0} min", s / 60.0),
            s => write!(f, "{:.1} h", s / 3600.0),
        }
    }
}

/// A line of a training's metrics that tells its speed.
#[derive(Deserialize)]
struct Line {
    tokens_per_s: Option<f64>,
}

/// The last speed, in tokens a second, of a file of metrics.
///
/// # Errors
/// Failed: there is none in it.
pub fn tokens_per_second(metrics: &Path) -> Result<f64> {
    let text = std::fs::read_to_string(metrics).map_err(|e| Error::io(metrics, e))?;
    let mut speeds = text.lines().filter_map(|line| {
        let line: Line = serde_json::from_str(line).ok()?;
        line.tokens_per_s
    });
    speeds.next_back().ok_or_else(|| {
        let path = metrics.display();
        Error::failed(format!("{path}: no step tells its speed"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_kept_by_what_is_left_of_it() {
        let pace = Pace::new(60_000, 1000.0, 8, Some(1000.0));
        assert_eq!(
            (pace.short, pace.of_short(), pace.of_whole()),
            (2, 120.0, 480.0)
        );
        assert!(pace.affords(400.0, 600.0) && !pace.affords(401.0, 600.0));
        assert!(
            Pace {
                budget: None,
                ..pace
            }
            .affords(1e9, 1e9)
        );
        assert_eq!(pace.at_most(2, 1), 960.0);
        assert_eq!(Time(pace.at_most(2, 1)).to_string(), "16 min");
        assert_eq!(Pace::new(1, 0.0, 1, None).short, 1);
    }

    #[test]
    fn the_last_speed_counts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("m.jsonl");
        let text = "{\"kind\":\"step\",\"tokens_per_s\":5.0}\n{\"tokens_per_s\":7.5}\n{\"kind\":\"end\"}\n{";
        std::fs::write(&file, text).unwrap();
        assert_eq!(tokens_per_second(&file).unwrap(), 7.5);
        std::fs::write(&file, "").unwrap();
        assert!(tokens_per_second(&file).is_err());
    }
}
