//! `avg`: the peak of a typical sequence; single outliers in few sequences are clipped.

use crate::statistics::Statistics;

/// Mean over batches of the mean over sequences of the largest magnitude within the sequence.
pub fn threshold(statistics: &Statistics) -> f64 {
    statistics.mean_peak
}
