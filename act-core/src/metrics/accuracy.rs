//! Accuracy and how far to trust it.

use serde::{Deserialize, Serialize};

use super::correlation::pearson;
use super::measure::{Metric, scores};
use crate::target::Target;
use crate::task_info::Problem;

/// Two-sided 95 % point of the normal distribution.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// How good answers are, in the figure that stands for its kind of problem: the share of right ones, of
/// sets of labels of exactly right ones, with a 95 % Wilson score interval (Wilson 1927); of scores
/// Pearson's correlation with the right ones, with Fisher's (1921).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// What it is, where it is not the share of right answers.
    #[serde(default, skip_serializing_if = "Metric::is_accuracy")]
    pub metric: Metric,
    /// Share of correct answers, 0..=1; of a correlation -1..=1.
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
                metric: Metric::Accuracy,
                value: 0.0,
                low: 0.0,
                high: 0.0,
                n,
            };
        }
        let (low, high) = wilson(correct, n, Z_95);
        Self {
            metric: Metric::Accuracy,
            value: correct as f64 / n as f64,
            low,
            high,
            n,
        }
    }

    /// A correlation of `n` pairs; of fewer than four nothing is known of it.
    pub fn correlation(value: f64, n: usize) -> Self {
        let half = match n {
            0..=3 => f64::INFINITY,
            _ => Z_95 / ((n - 3) as f64).sqrt(),
        };
        Self {
            metric: Metric::Pearson,
            value,
            low: (value.atanh() - half).tanh().max(-1.0),
            high: (value.atanh() + half).tanh().min(1.0),
            n,
        }
    }

    /// Of a model's logits, as its problem reads them, against the truth.
    ///
    /// # Panics
    /// There are not as many rows as answers.
    pub fn of_logits(problem: &Problem, logits: &[Vec<f32>], truth: &[Target]) -> Self {
        assert_eq!(logits.len(), truth.len());
        if *problem == Problem::Regression {
            let (given, right) = scores(logits, truth);
            return Self::correlation(pearson(&given, &right), truth.len());
        }
        let pairs = logits.iter().zip(truth);
        let correct = pairs.filter(|(row, truth)| problem.is_right(row, truth));
        Self::new(correct.count(), truth.len())
    }
}

/// Wilson's score interval of `correct` out of `n` (at least 1), of `z` standard deviations each way.
pub fn wilson(correct: usize, n: usize, z: f64) -> (f64, f64) {
    let total = n as f64;
    let p = correct as f64 / total;
    let z2 = z * z;
    let centre = (p + z2 / (2.0 * total)) / (1.0 + z2 / total);
    let half = z / (1.0 + z2 / total) * (p * (1.0 - p) / total + z2 / (4.0 * total * total)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
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
        let none = Accuracy::of_logits(&Problem::SingleLabel, &[], &[]);
        assert_eq!(
            (none.value, none.low, none.high, none.n),
            (0.0, 0.0, 0.0, 0)
        );
    }

    #[test]
    fn of_equal_logits_the_first_is_the_answer() {
        let logits = [vec![0.0, 1.0], vec![2.0, 1.0], vec![0.0, 0.0]];
        let truth = [1, 1, 0].map(Target::Class);
        let found = Accuracy::of_logits(&Problem::SingleLabel, &logits, &truth);
        assert_eq!(found.value, 2.0 / 3.0);
        assert_eq!(
            serde_json::to_string(&Accuracy::new(0, 0)).unwrap(),
            r#"{"value":0.0,"low":0.0,"high":0.0,"n":0}"#
        );
    }

    #[test]
    fn of_few_scores_nothing_is_known_of_their_correlation() {
        let few = Accuracy::correlation(0.5, 3);
        assert_eq!((few.low, few.high), (-1.0, 1.0));
        let perfect = Accuracy::correlation(1.0, 9);
        assert_eq!((perfect.low, perfect.high), (1.0, 1.0));
    }
}
