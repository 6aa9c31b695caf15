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
