//! Calibrators: from the statistics of a site to its threshold T, the largest magnitude that int8
//! still represents (larger values are clipped to it). One file each, defined as in PaddlePaddle's
//! `post_training_quantization.py`; where the original has a plain fault, the file says what differs.
//! Calibrators see statistics only, never a model.

mod abs_max;
mod avg;
mod candidates;
mod emd;
mod hist;
mod kl;
mod min_max;
mod mse;

use std::fmt;

use act_core::quant::Calibrator;
use act_core::{Error, Result};

use crate::statistics::Statistics;

/// A calibrator with its argument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// The largest magnitude of all.
    AbsMax,
    /// Mean over batches and sequences of the largest magnitude in a sequence.
    Avg,
    /// Least mean squared error.
    Mse,
    /// Least change of mean and standard deviation ("earth mover's distance" in PaddleSlim).
    Emd,
    /// The magnitude that a share `percent` (0..=1) of all values does not exceed.
    Hist {
        /// Share of values that are not clipped.
        percent: f64,
    },
    /// Least Kullback-Leibler divergence.
    Kl,
    /// The larger end of the range from least to largest value.
    MinMax,
}

impl Method {
    /// The method that PaddleSlim calls `name`; `percent` is the argument of `hist`.
    ///
    /// # Errors
    /// Usage: an unknown name, or a share outside 0 (excluded) to 1.
    pub fn parse(name: &str, percent: f64) -> Result<Self> {
        let known = Calibrator::ALL.iter().find(|(_, n)| *n == name);
        match known.map(|(calibrator, _)| *calibrator) {
            Some(Calibrator::AbsMax) => Ok(Method::AbsMax),
            Some(Calibrator::Avg) => Ok(Method::Avg),
            Some(Calibrator::Mse) => Ok(Method::Mse),
            Some(Calibrator::Emd) => Ok(Method::Emd),
            Some(Calibrator::Hist) if percent > 0.0 && percent <= 1.0 => {
                Ok(Method::Hist { percent })
            }
            Some(Calibrator::Hist) => Err(Error::usage(format!(
                "hist_percent is {percent}: it is a share, more than 0 and at most 1"
            ))),
            Some(Calibrator::Kl) => Ok(Method::Kl),
            Some(Calibrator::MinMax) => Ok(Method::MinMax),
            Some(Calibrator::None) | None => Err(Error::usage(format!(
                "no calibration algorithm is called {name:?}; there are abs_max, avg, mse, emd, \
                 hist, KL, min_max"
            ))),
        }
    }

    /// The name that goes into the artifact.
    pub fn calibrator(self) -> Calibrator {
        match self {
            Method::AbsMax => Calibrator::AbsMax,
            Method::Avg => Calibrator::Avg,
            Method::Mse => Calibrator::Mse,
            Method::Emd => Calibrator::Emd,
            Method::Hist { .. } => Calibrator::Hist,
            Method::Kl => Calibrator::Kl,
            Method::MinMax => Calibrator::MinMax,
        }
    }

    /// The argument that goes into the artifact, 0 without one.
    pub fn argument(self) -> f32 {
        match self {
            Method::Hist { percent } => percent as f32,
            _ => 0.0,
        }
    }

    /// The threshold for integers of magnitude at most `activation_max`; positive as long as the
    /// statistics hold any value but zero.
    pub fn threshold(self, statistics: &Statistics, activation_max: u8) -> f64 {
        let levels = usize::from(activation_max);
        match self {
            Method::AbsMax => abs_max::threshold(statistics),
            Method::Avg => avg::threshold(statistics),
            Method::Mse => mse::threshold(statistics, levels),
            Method::Emd => emd::threshold(statistics, levels),
            Method::Hist { percent } => hist::threshold(statistics, percent),
            Method::Kl => kl::threshold(statistics, levels),
            Method::MinMax => min_max::threshold(statistics),
        }
    }
}

/// `hist 0.9999`, `KL`.
impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Method::Hist { percent } => write!(f, "hist {percent}"),
            other => write!(f, "{}", other.calibrator()),
        }
    }
}
