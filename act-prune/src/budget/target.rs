//! What is promised: a speed-up, a time, a share of the parameters or a file size; and how much of
//! it a gradual pruning promises at each step.

use std::fmt;
use std::str::FromStr;

use act_core::{Error, Result};
use act_stage::config::{Prune, quantity};
use serde::Serialize;

/// A goal of pruning. Costs are lower the better; each target has its unit of cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Target {
    /// So many times faster than the reference at the same precision.
    Speedup(f64),
    /// Milliseconds a sequence.
    Latency(f64),
    /// Share of the reference's parameters, embeddings included.
    Parameters(f64),
    /// Bytes of the file.
    Bytes(u64),
}

impl Target {
    /// The target of a configuration, none if it prunes by a ratio.
    ///
    /// # Errors
    /// Usage: a quantity that is none.
    pub fn of(prune: &Prune) -> Result<Option<Self>> {
        let time = prune.budget.as_deref().map(quantity::milliseconds);
        let size = prune.bytes.as_deref().map(quantity::bytes);
        Ok(None
            .or(prune.target_speedup.map(Target::Speedup))
            .or(time.transpose()?.map(Target::Latency))
            .or(prune.params.map(Target::Parameters))
            .or(size.transpose()?.map(Target::Bytes)))
    }

    /// True if keeping it takes a clock.
    pub fn is_time(self) -> bool {
        matches!(self, Target::Speedup(_) | Target::Latency(_))
    }

    /// The cost that keeps it, where the reference costs `reference`.
    pub fn limit(self, reference: f64) -> f64 {
        match self {
            Target::Speedup(times) => reference / times,
            Target::Latency(ms) => ms,
            Target::Parameters(share) => reference * share,
            Target::Bytes(bytes) => bytes as f64,
        }
    }

    /// The target that a network of this cost keeps.
    pub fn kept_by(self, cost: f64, reference: f64) -> Self {
        match self {
            Target::Speedup(_) => Target::Speedup(reference / cost.max(f64::MIN_POSITIVE)),
            Target::Latency(_) => Target::Latency(cost),
            Target::Parameters(_) => Target::Parameters(cost / reference),
            Target::Bytes(_) => Target::Bytes(cost.ceil() as u64),
        }
    }

    /// The number alone.
    pub fn value(self) -> f64 {
        match self {
            Target::Speedup(v) | Target::Latency(v) | Target::Parameters(v) => v,
            Target::Bytes(bytes) => bytes as f64,
        }
    }

    /// Rounded to what can be typed, to the side that is easier to keep.
    pub fn rounded(self) -> Self {
        match self {
            Target::Speedup(times) => Target::Speedup((times * 100.0).floor() / 100.0),
            Target::Latency(ms) => Target::Latency((ms * 1000.0).ceil() / 1000.0),
            Target::Parameters(share) => Target::Parameters((share * 1000.0).ceil() / 1000.0),
            Target::Bytes(bytes) => Target::Bytes(bytes.div_ceil(1000) * 1000),
        }
    }
}

/// `a speed-up of 3x`, `a budget of 8 ms`, `50 % of the parameters`, `a file of 20.0 MB`
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Speedup(times) => write!(f, "a speed-up of {times}x"),
            Target::Latency(ms) => write!(f, "a budget of {ms} ms a sequence"),
            Target::Parameters(share) => {
                write!(f, "{} % of the parameters", (share * 1e3).round() / 10.0)
            }
            Target::Bytes(bytes) if *bytes < 1_000_000 => {
                write!(f, "a file of {} kB", *bytes as f64 / 1e3)
            }
            Target::Bytes(bytes) => write!(f, "a file of {} MB", *bytes as f64 / 1e6),
        }
    }
}

/// A step of a gradual pruning, `2/3`; by default the only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Which, from 1.
    pub index: usize,
    /// Of how many.
    pub of: usize,
}

impl Step {
    /// All at once.
    pub const WHOLE: Step = Step { index: 1, of: 1 };

    /// The share of the way that is behind after this step.
    pub fn share(self) -> f64 {
        self.index as f64 / self.of as f64
    }

    /// The cost allowed at this step: steps remove equal costs between the reference and `limit`.
    pub fn limit(self, reference: f64, limit: f64) -> f64 {
        match self.index == self.of {
            true => limit,
            false => reference - (reference - limit) * self.share(),
        }
    }
}

impl FromStr for Step {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('/');
        let numbers = parts.and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Self { index, of }),
            _ => Err(Error::usage(format!(
                "{text:?} is no step; give one of some, such as 2/3"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_what_keeps_them_agree() {
        let targets = [
            Target::Speedup(4.0),
            Target::Latency(2.5),
            Target::Parameters(0.25),
            Target::Bytes(3),
        ];
        for target in targets {
            let limit = target.limit(12.0);
            assert_eq!(target.kept_by(limit, 12.0), target);
            let rounded = target.kept_by(limit * 1.0001, 12.0).rounded();
            assert!(rounded.limit(12.0) >= limit, "{rounded}");
        }
        assert_eq!(Target::Speedup(4.0).limit(12.0), 3.0);
        assert_eq!(Target::Parameters(0.25).limit(12.0), 3.0);
    }

    #[test]
    fn targets_come_from_the_configuration() {
        let of = |change: fn(&mut Prune)| {
            let mut prune = Prune::default();
            change(&mut prune);
            Target::of(&prune).unwrap()
        };
        assert_eq!(of(|_| ()), None);
        assert_eq!(
            of(|p| p.target_speedup = Some(3.0)),
            Some(Target::Speedup(3.0))
        );
        assert_eq!(
            of(|p| p.budget = Some("8ms".into())),
            Some(Target::Latency(8.0))
        );
        assert_eq!(of(|p| p.params = Some(0.5)), Some(Target::Parameters(0.5)));
        assert_eq!(
            of(|p| p.bytes = Some("2kB".into())),
            Some(Target::Bytes(2000))
        );
    }

    #[test]
    fn steps_share_the_way() {
        let step: Step = "2/4".parse().unwrap();
        assert_eq!((step.share(), step.limit(10.0, 2.0)), (0.5, 6.0));
        assert_eq!(Step::WHOLE.limit(10.0, 2.0), 2.0);
        for wrong in ["", "2", "0/3", "4/3", "1/0", "a/b", "1/2/3"] {
            assert!(wrong.parse::<Step>().is_err(), "{wrong:?}");
        }
    }
}
