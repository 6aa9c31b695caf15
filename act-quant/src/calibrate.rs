//! Calibrators: from the statistics of a site to its threshold T, the largest magnitude that int8
//! still represents (larger values are clipped to it). They are defined as in PaddlePaddle's
//! `post_training_quantization.py`, one file each unless statistics hold the threshold already; where
//! the original has a plain fault, the file says what differs. With a symmetric zero point `min_max`
//! is `abs_max`: the other end gets the same number of integers whether it needs them or not.
//! Calibrators see statistics only, never a model.

mod candidates;
mod emd;
mod hist;
mod kl;
mod mse;

use std::fmt;

use act_core::quant::Calibrator;

use crate::statistics::Statistics;

/// A calibrator with its argument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Method {
    /// Chooses the threshold.
    pub calibrator: Calibrator,
    /// Share of all values (0..=1) that `hist` does not clip; 0 for the others.
    pub percent: f64,
    /// What its threshold is multiplied by: 1, or what the answers of the model were closest with.
    pub share: f64,
}

impl Method {
    /// The method of a calibrator; `percent` is the argument of `hist`.
    pub fn new(calibrator: Calibrator, percent: f64) -> Self {
        let takes_it = calibrator == Calibrator::Hist;
        Self {
            calibrator,
            percent: if takes_it { percent } else { 0.0 },
            share: 1.0,
        }
    }

    /// The threshold for integers of magnitude at most `activation_max`; positive as long as the
    /// statistics hold any value but zero.
    pub fn threshold(self, statistics: &Statistics, activation_max: u8) -> f64 {
        let levels = usize::from(activation_max);
        let threshold = match self.calibrator {
            Calibrator::AbsMax | Calibrator::MinMax => statistics.abs_max(),
            Calibrator::Avg => statistics.mean_peak,
            Calibrator::Mse => mse::threshold(statistics, levels),
            Calibrator::Emd => emd::threshold(statistics, levels),
            Calibrator::Hist => hist::threshold(statistics, self.percent),
            Calibrator::Kl => kl::threshold(statistics, levels),
        };
        threshold * self.share
    }
}

/// `hist 0.9999`, `KL`, `mse x 0.8`.
impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.calibrator)?;
        if self.calibrator == Calibrator::Hist {
            write!(f, " {}", self.percent)?;
        }
        if self.share != 1.0 {
            write!(f, " x {:.3}", self.share)?;
        }
        Ok(())
    }
}
