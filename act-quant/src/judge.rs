//! How far an int8 model's answers are from the float model's, on examples that calibration has not
//! seen. Compares logits; knows neither calibrators nor weights.

use act_core::metrics::Accuracy;
use act_core::{Error, Result};

/// What a trial is judged by; less divergence is better, then more accuracy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Mean over examples of KL(float || int8) between the two models' class probabilities, in nats.
    pub divergence: f64,
    /// Accuracy of the int8 model, where the examples have labels.
    pub accuracy: Option<Accuracy>,
}

impl Score {
    /// Compares int8 logits with the float model's, row by row.
    ///
    /// # Errors
    /// Failed: logits that are not finite.
    pub fn new(float: &[Vec<f32>], int8: &[Vec<f32>], labels: Option<&[u32]>) -> Result<Self> {
        if !float.iter().chain(int8).flatten().all(|v| v.is_finite()) {
            return Err(Error::failed("a model's class scores are not finite"));
        }
        let sum: f64 = float.iter().zip(int8).map(|(f, q)| divergence(f, q)).sum();
        Ok(Self {
            divergence: sum / float.len().max(1) as f64,
            accuracy: labels.map(|labels| Accuracy::of_logits(int8, labels)),
        })
    }

    /// True if this score is better; equals are not.
    pub fn beats(&self, other: &Score) -> bool {
        let accuracy = |score: &Score| score.accuracy.map_or(0.0, |a| a.value);
        match self.divergence.total_cmp(&other.divergence) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => accuracy(self) > accuracy(other),
            std::cmp::Ordering::Greater => false,
        }
    }
}

/// KL(softmax(p) || softmax(q)) of two rows of logits.
fn divergence(p: &[f32], q: &[f32]) -> f64 {
    let (p, q) = (log_softmax(p), log_softmax(q));
    let sum: f64 = p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum();
    // Rounding may leave a hair below zero where the rows agree.
    sum.max(0.0)
}

fn log_softmax(row: &[f32]) -> Vec<f64> {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let max = f64::from(max);
    let sum: f64 = row.iter().map(|&v| (f64::from(v) - max).exp()).sum();
    row.iter().map(|&v| f64::from(v) - max - sum.ln()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_of_known_distributions() {
        // KL((3/4, 1/4) || (1/2, 1/2)) = ln 2 - H(1/4).
        let float = [vec![3f32.ln(), 0.0]];
        let int8 = [vec![7.0, 7.0]];
        let score = Score::new(&float, &int8, Some(&[0])).unwrap();
        let expected = 0.75 * 1.5f64.ln() + 0.25 * 0.5f64.ln();
        assert!((score.divergence - expected).abs() < 1e-7);
        assert_eq!(score.accuracy.unwrap().value, 1.0);
        assert_eq!(Score::new(&float, &float, None).unwrap().divergence, 0.0);
    }

    #[test]
    fn accuracy_decides_between_equal_divergences() {
        let score = |divergence, correct| Score {
            divergence,
            accuracy: Some(Accuracy::new(correct, 10)),
        };
        assert!(score(0.1, 5).beats(&score(0.2, 9)));
        assert!(score(0.1, 9).beats(&score(0.1, 5)));
        assert!(!score(0.1, 5).beats(&score(0.1, 5)));
    }

    #[test]
    fn logits_that_are_not_finite_are_an_error() {
        assert!(Score::new(&[vec![0.0, 1.0]], &[vec![f32::NAN, 1.0]], None).is_err());
    }
}
