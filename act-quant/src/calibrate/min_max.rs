//! `min_max`: the whole range from the least to the largest value.

use crate::statistics::Statistics;

/// The end of the range that is further from zero. With a symmetric zero point that is `abs_max`:
/// the other end gets the same number of integers whether it needs them or not.
pub fn threshold(statistics: &Statistics) -> f64 {
    f64::from(statistics.max).max(-f64::from(statistics.min))
}
