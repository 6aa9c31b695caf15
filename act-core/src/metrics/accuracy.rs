//! Accuracy and how far to trust it.

use serde::{Deserialize, Serialize};

use super::logits::argmax;

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
    fn of_equal_logits_the_first_is_the_answer() {
        let logits = [vec![0.0, 1.0], vec![2.0, 1.0], vec![0.0, 0.0]];
        assert_eq!(Accuracy::of_logits(&logits, &[1, 1, 0]).value, 2.0 / 3.0);
    }
}
