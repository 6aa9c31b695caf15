//! `emd`: least change of the values' mean and standard deviation. PaddleSlim's name; it is no
//! earth mover's distance, but a bound on that of two normal distributions.

use super::candidates::{least_loss, round_trip};
use crate::statistics::Statistics;

/// Least `|mean x - mean x'| + |std x - std x'|` among thresholds from 0.30 to 1.00 of the largest
/// magnitude, x' being x after int8. As in `mse`, moments are taken over all batches together,
/// where PaddlePaddle compares batches with each other.
pub fn threshold(statistics: &Statistics, levels: usize) -> f64 {
    let (mean, deviation) = moments(statistics, |x| x);
    least_loss(statistics, |threshold| {
        let (m, d) = moments(statistics, |x| round_trip(x, threshold, levels));
        (mean - m).abs() + (deviation - d).abs()
    })
}

/// Mean and standard deviation of the values after `map` has changed their magnitudes.
fn moments(statistics: &Statistics, map: impl Fn(f64) -> f64) -> (f64, f64) {
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for (x, positive, negative) in statistics.bins() {
        let (x, positive, negative) = (map(x), positive as f64, negative as f64);
        count += positive + negative;
        sum += (positive - negative) * x;
        squares += (positive + negative) * x * x;
    }
    let mean = sum / count;
    (mean, (squares / count - mean * mean).max(0.0).sqrt())
}
