//! `mse`: least mean squared error between the values and what int8 makes of them.

use super::candidates::{least_loss, round_trip};
use crate::statistics::Statistics;

/// Least squared error among thresholds from 0.30 to 1.00 of the largest magnitude.
///
/// PaddlePaddle lets each batch propose thresholds below its own maximum and compares the errors of
/// different batches with each other, so that a batch of small values wins. Here every candidate's
/// error is summed over all batches: that is what the histogram holds. Values stand at the middle of
/// their bin, which takes the same constant from every candidate's error.
pub fn threshold(statistics: &Statistics, levels: usize) -> f64 {
    least_loss(statistics, |threshold| {
        statistics
            .bins()
            .map(|(x, positive, negative)| {
                let error = x - round_trip(x, threshold, levels);
                (positive + negative) as f64 * error * error
            })
            .sum()
    })
}
