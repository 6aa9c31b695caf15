//! Accuracy and how far to trust it.

use serde::{Deserialize, Serialize};

/// Correct answers out of a number, with a 95 % Wilson score interval (Wilson 1927).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Share of correct answers, 0..=1.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Number of examples.
    pub n: usize,
}

impl Accuracy {
    /// Accuracy of `correct` answers out of `n`; all zero when there are no examples.
    pub fn new(correct: usize, n: usize) -> Self {
        if n == 0 {
            return Self {
                value: 0.0,
                low: 0.0,
                high: 0.0,
                n,
            };
        }
        const Z: f64 = 1.959_963_984_540_054;
        let total = n as f64;
        let p = correct as f64 / total;
        let z2 = Z * Z;
        let centre = (p + z2 / (2.0 * total)) / (1.0 + z2 / total);
        let half =
            Z / (1.0 + z2 / total) * (p * (1.0 - p) / total + z2 / (4.0 * total * total)).sqrt();
        Self {
            value: p,
            low: (centre - half).max(0.0),
            high: (centre + half).min(1.0),
            n,
        }
    }

    /// Accuracy of the largest logit of each row against the labels.
    pub fn of_logits(logits: &[Vec<f32>], labels: &[u32]) -> Self {
        assert_eq!(logits.len(), labels.len());
        let correct = logits
            .iter()
            .zip(labels)
            .filter(|(l, y)| argmax(l) == **y as usize)
            .count();
        Self::new(correct, labels.len())
    }
}

/// Index of the largest number, the first of equals; 0 for an empty row.
pub fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (i, v) in row.iter().enumerate() {
        if *v > row[best] {
            best = i;
        }
    }
    best
}

/// Softmax of a row of logits.
pub fn softmax(row: &[f32]) -> Vec<f32> {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exp: Vec<f32> = row.iter().map(|v| (v - max).exp()).collect();
    let sum: f32 = exp.iter().sum();
    exp.into_iter().map(|v| v / sum).collect()
}

/// Logarithms of the softmax of a row of logits, in nats.
pub fn log_softmax(row: &[f32]) -> Vec<f64> {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let max = f64::from(max);
    let sum: f64 = row.iter().map(|&v| (f64::from(v) - max).exp()).sum();
    row.iter().map(|&v| f64::from(v) - max - sum.ln()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        // Ends by bisection of (x/n - p)^2 = z^2 p (1 - p) / n; the first is in Newcombe 1998.
        for (correct, n, low, high) in [
            (81, 263, 0.255_287, 0.366_210),
            (0, 10, 0.0, 0.277_533),
            (10, 10, 0.722_467, 1.0),
            (1, 1, 0.206_549, 1.0),
        ] {
            let found = Accuracy::new(correct, n);
            assert!((found.low - low).abs() < 1e-5, "{correct}/{n}: {found:?}");
            assert!((found.high - high).abs() < 1e-5, "{correct}/{n}: {found:?}");
            assert_eq!(found.value, correct as f64 / n as f64);
        }
    }

    #[test]
    fn no_examples_are_no_division_by_zero() {
        let none = Accuracy::of_logits(&[], &[]);
        assert_eq!(
            (none.value, none.low, none.high, none.n),
            (0.0, 0.0, 0.0, 0)
        );
    }

    #[test]
    fn the_first_of_equal_logits_wins() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(argmax(&[]), 0);
        let logits = [vec![0.0, 1.0], vec![2.0, 1.0], vec![0.0, 0.0]];
        assert_eq!(Accuracy::of_logits(&logits, &[1, 1, 0]).value, 2.0 / 3.0);
    }

    #[test]
    fn softmax_sums_to_one_and_survives_large_logits() {
        let shares = softmax(&[1000.0, 1000.0 + 2f32.ln(), -1000.0]);
        assert!((shares[0] - 1.0 / 3.0).abs() < 1e-4 && (shares[1] - 2.0 / 3.0).abs() < 1e-4);
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(softmax(&[]).is_empty());
    }

    #[test]
    fn log_softmax_is_the_logarithm_and_survives_where_that_would_not() {
        let row = [1000.0, 1000.0 + 2f32.ln(), -1000.0];
        let logs = log_softmax(&row);
        assert!((logs[0] - (1.0f64 / 3.0).ln()).abs() < 1e-4);
        assert!((logs[1] - (2.0f64 / 3.0).ln()).abs() < 1e-4);
        assert!((logs[2] + 2000.0 + 3f64.ln()).abs() < 1e-3);
    }
}
