//! `abs_max`: nothing is clipped.

use crate::statistics::Statistics;

/// The largest magnitude over all calibration batches.
pub fn threshold(statistics: &Statistics) -> f64 {
    statistics.abs_max()
}
