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
    /// The method of a calibrator; `percent` is the argument of `hist`.
    pub fn new(calibrator: Calibrator, percent: f64) -> Self {
        match calibrator {
            Calibrator::AbsMax => Method::AbsMax,
            Calibrator::Avg => Method::Avg,
            Calibrator::Mse => Method::Mse,
            Calibrator::Emd => Method::Emd,
            Calibrator::Hist => Method::Hist { percent },
            Calibrator::Kl => Method::Kl,
            Calibrator::MinMax => Method::MinMax,
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
