//! `hist`: a percentile of the magnitudes, from the histogram.

use crate::statistics::Statistics;

/// Middle of the first bin at which the cumulated share of values reaches `percent`.
///
/// PaddlePaddle's bins start at the least magnitude, which it forgets to add back; ours start at
/// zero, so there is nothing to add.
pub fn threshold(statistics: &Statistics, percent: f64) -> f64 {
    let total = statistics.count() as f64;
    let mut seen = 0;
    let mut bin = 0;
    for (i, count) in statistics.magnitudes().enumerate() {
        seen += count;
        bin = i;
        if seen as f64 / total >= percent {
            break;
        }
    }
    (bin as f64 + 0.5) * statistics.bin_width()
}
