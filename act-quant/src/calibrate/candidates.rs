//! What `mse` and `emd` have in common: the thresholds that they compare, and what int8 makes of a
//! value under one.

use crate::statistics::Statistics;

/// The threshold with the least loss among 0.30, 0.32 ... 1.00 of the largest magnitude, the last
/// of equals.
pub fn least_loss(statistics: &Statistics, loss: impl Fn(f64) -> f64) -> f64 {
    let mut best = (f64::INFINITY, statistics.abs_max());
    for percent in (30..=100).step_by(2) {
        let threshold = statistics.abs_max() * f64::from(percent) / 100.0;
        let loss = loss(threshold);
        if loss <= best.0 {
            best = (loss, threshold);
        }
    }
    best.1
}

/// A magnitude after quantisation to `levels` steps below `threshold` and back.
pub fn round_trip(magnitude: f64, threshold: f64, levels: usize) -> f64 {
    let step = threshold / levels as f64;
    (magnitude / step).round_ties_even().min(levels as f64) * step
}
