//! What a row of logits says, as the model's problem reads it.

use super::logits::{argmax, log_softmax, sigmoid, softmax};
use super::sets::decide;
use crate::target::Target;
use crate::task_info::Problem;

impl Problem {
    /// The answer that a row of logits is.
    pub fn answer(&self, logits: &[f32]) -> Target {
        match self {
            Problem::SingleLabel => Target::Class(argmax(logits) as u32),
            Problem::MultiLabel { thresholds } => Target::Classes(decide(logits, thresholds)),
            Problem::Regression => Target::Score(logits.first().copied().unwrap_or(0.0).into()),
        }
    }

    /// True if a row of logits gives exactly this answer; never of a score, which is near or far.
    pub fn is_right(&self, logits: &[f32], truth: &Target) -> bool {
        match self {
            Problem::SingleLabel => truth.class() == Some(argmax(logits) as u32),
            Problem::MultiLabel { thresholds } => decide(logits, thresholds) == truth.classes(),
            Problem::Regression => false,
        }
    }

    /// True if two rows of logits give the same answer; of scores, to a hundredth.
    pub fn is_alike(&self, a: &[f32], b: &[f32]) -> bool {
        match self {
            Problem::Regression => a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.01),
            _ => self.answer(a) == self.answer(b),
        }
    }

    /// A probability for each label: of one label they add up to 1, of several each stands alone. None of
    /// a regression.
    pub fn probabilities(&self, logits: &[f32]) -> Vec<f32> {
        match self {
            Problem::SingleLabel => softmax(logits),
            Problem::MultiLabel { .. } => logits.iter().map(|&x| sigmoid(x)).collect(),
            Problem::Regression => Vec::new(),
        }
    }

    /// Kullback-Leibler divergence, in nats, of the distribution that the logits `q` stand for from that
    /// of `p`: over the classes; over the sets of labels, which are independent of each other; of a score
    /// with an error of variance 1, half the squared difference.
    pub fn divergence(&self, p: &[f32], q: &[f32]) -> f64 {
        let sum: f64 = match self {
            Problem::SingleLabel => {
                let (p, q) = (log_softmax(p), log_softmax(q));
                p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum()
            }
            Problem::MultiLabel { .. } => p.iter().zip(q).map(|(&p, &q)| of_label(p, q)).sum(),
            Problem::Regression => {
                let squares = p.iter().zip(q).map(|(&p, &q)| f64::from(p - q).powi(2));
                squares.sum::<f64>() / 2.0
            }
        };
        // Rounding may leave a hair below zero where the rows agree.
        sum.max(0.0)
    }
}

/// Divergence of two Bernoulli distributions, from their logits.
fn of_label(p: f32, q: f32) -> f64 {
    let (p, q) = (f64::from(p), f64::from(q));
    // Logarithm of the logistic function, without overflow.
    let log_sigmoid = |x: f64| x.min(0.0) - (-x.abs()).exp().ln_1p();
    let (yes, no) = (log_sigmoid(p), log_sigmoid(-p));
    yes.exp() * (yes - log_sigmoid(q)) + no.exp() * (no - log_sigmoid(-q))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::ProblemKind;

    #[test]
    fn a_row_is_read_by_the_problem() {
        let row = [-1.0, 0.5, 2.0];
        let of = |kind| Problem::new(kind, 3).answer(&row);
        assert_eq!(of(ProblemKind::SingleLabel), Target::Class(2));
        assert_eq!(of(ProblemKind::MultiLabel), Target::Classes(vec![1, 2]));
        assert_eq!(of(ProblemKind::Regression), Target::Score(-1.0));
        let several = Problem::new(ProblemKind::MultiLabel, 3);
        assert!(several.is_right(&row, &Target::Classes(vec![1, 2])));
        assert!(!several.is_right(&row, &Target::Classes(vec![2])));
        assert_eq!(several.probabilities(&[0.0]), [0.5]);
        assert!(several.is_alike(&row, &[-9.0, 9.0, 0.0]));
        assert!(!several.is_alike(&row, &[0.0, 9.0, 0.0]));
        assert!(!Problem::Regression.is_alike(&[1.0], &[1.1]));
    }

    #[test]
    fn divergences_of_known_distributions() {
        let [single, several, score] = [
            ProblemKind::SingleLabel,
            ProblemKind::MultiLabel,
            ProblemKind::Regression,
        ]
        .map(|kind| Problem::new(kind, 2));
        let third = 3f32.ln();
        // Two classes of 3/4 and 1/4 against halves, and the same of one label of two.
        let expected = 0.75 * 1.5f64.ln() + 0.25 * 0.5f64.ln();
        let one = single.divergence(&[third, 0.0], &[0.0, 0.0]);
        let set = several.divergence(&[third, 5.0], &[0.0, 5.0]);
        assert!((one - expected).abs() < 1e-7 && (set - expected).abs() < 1e-7);
        assert_eq!(score.divergence(&[1.0], &[3.0]), 2.0);
        for problem in [single, several, score] {
            assert_eq!(problem.divergence(&[1e4, -1e4], &[1e4, -1e4]), 0.0);
        }
    }
}
