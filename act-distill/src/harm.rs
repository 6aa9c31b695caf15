//! Whether training made the model worse. Held-out accuracy cannot tell where few examples are held
//! out, so the loss on some of the training examples is looked at too: training lowers it, unless it
//! has run away. Compares a model with its input; chooses no weights.

use act_core::metrics::log_softmax;
use act_core::{Error, Result};
use act_stage::report::{self, Validation};

/// Training examples that are looked at, at most.
const EXAMPLES: usize = 256;

/// Which of so many training examples are looked at, evenly spaced.
pub fn looked_at(examples: usize) -> Vec<usize> {
    let step = examples.div_ceil(EXAMPLES).max(1);
    (0..examples).step_by(step).collect()
}

/// Losses on some training examples, and what can be told from them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// As reports have them.
    pub losses: report::Fit,
    /// Whether the loss after is above that before by more than twice the standard error of the
    /// difference.
    risen: bool,
    /// Whether the loss before is below that of guessing by more than twice its standard error: there
    /// was knowledge that could be lost.
    knew: bool,
}

impl Fit {
    /// Compares two models' logits for the same examples, of the given classes.
    pub fn new(before: &[Vec<f32>], after: &[Vec<f32>], labels: &[u32]) -> Self {
        let (before, after) = (losses(before, labels), losses(after, labels));
        let pairs = before.iter().zip(&after);
        let differences: Vec<f64> = pairs.map(|(before, after)| after - before).collect();
        let (difference, error) = mean_and_error(&differences);
        let (before, error_before) = mean_and_error(&before);
        let (after, _) = mean_and_error(&after);
        let guessing = entropy(labels);
        Self {
            losses: report::Fit {
                before,
                after,
                guessing,
                n: labels.len(),
            },
            risen: difference > 2.0 * error,
            knew: before + 2.0 * error_before < guessing,
        }
    }

    /// Error if the loss has risen from below that of guessing to it or above, beyond chance, and held-out
    /// accuracy has not clearly risen too. The input is the better model then, so nothing is lost. What is
    /// doubtful beyond that is a warning.
    ///
    /// # Errors
    /// Failed, with the losses and what to do.
    pub fn judge(&self, validation: Option<&Validation>) -> Result<()> {
        let Self {
            losses,
            risen,
            knew,
        } = *self;
        let report::Fit {
            before,
            after,
            guessing,
            n,
        } = losses;
        let held_out = validation.map_or("nothing is held out".into(), |v| {
            let (before, after) = (v.before.value, v.after.value);
            let n = v.after.n;
            format!("held-out accuracy is {after:.4} on {n} examples, was {before:.4}")
        });
        let clearly_better = validation.is_some_and(|v| v.after.low > v.before.high);
        if risen && knew && after >= guessing && !clearly_better {
            return Err(Error::failed(format!(
                "training made the model worse: its loss on {n} training examples is {after:.4}, was \
                 {before:.4}, and {guessing:.4} is that of guessing; {held_out}; lower the learning \
                 rate, or train longer"
            )));
        }
        if after >= guessing && guessing > 0.0 {
            log::warn!(
                "the model has learned nothing: its loss on {n} training examples is {after:.4}, and \
                 {guessing:.4} is that of guessing; train longer, or with another learning rate"
            );
        } else if risen && validation.is_none_or(|v| v.after.value <= v.before.value) {
            log::warn!(
                "training raised the loss on {n} training examples from {before:.4} to {after:.4}, and \
                 {held_out}: the input may be the better model; compare the two on dev (act-eval accuracy)"
            );
        }
        Ok(())
    }
}

/// Cross-entropy of each example in nats.
fn losses(logits: &[Vec<f32>], labels: &[u32]) -> Vec<f64> {
    let rows = logits.iter().zip(labels);
    rows.map(|(row, &label)| -log_softmax(row)[label as usize])
        .collect()
}

/// Mean, and its standard error; of one number alone the error is not known, so infinite.
fn mean_and_error(numbers: &[f64]) -> (f64, f64) {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n.max(1.0);
    let squares: f64 = numbers.iter().map(|x| (x - mean).powi(2)).sum();
    let error = match numbers.len() {
        0 | 1 => f64::INFINITY,
        _ => (squares / (n - 1.0) / n).sqrt(),
    };
    (mean, error)
}

/// Entropy of the shares of the classes, in nats.
fn entropy(labels: &[u32]) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    for label in labels {
        *counts.entry(label).or_insert(0usize) += 1;
    }
    let n = labels.len() as f64;
    let shares = counts.values().map(|&count| count as f64 / n);
    shares.map(|p| -p * p.ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use act_core::metrics::Accuracy;

    /// Logits that give the right one of two classes, in turn, the probability `right`.
    fn logits(right: f64, labels: &[u32]) -> Vec<Vec<f32>> {
        let margin = (right / (1.0 - right)).ln() as f32;
        let row = |&label: &u32| match label {
            0 => vec![margin, 0.0],
            _ => vec![0.0, margin],
        };
        labels.iter().map(row).collect()
    }

    fn fit(before: f64, after: f64, n: u32) -> Fit {
        let labels: Vec<u32> = (0..n).map(|i| i % 2).collect();
        Fit::new(&logits(before, &labels), &logits(after, &labels), &labels)
    }

    fn validation(before: usize, after: usize, n: usize) -> Validation {
        Validation {
            before: Accuracy::new(before, n),
            after: Accuracy::new(after, n),
            teacher: None,
            chosen_by: None,
        }
    }

    #[test]
    fn losses_and_guessing_are_cross_entropies() {
        let fit = fit(0.8, 0.9, 40);
        assert!((fit.losses.before + 0.8f64.ln()).abs() < 1e-6);
        assert!((fit.losses.after + 0.9f64.ln()).abs() < 1e-6);
        assert!((fit.losses.guessing - 2f64.ln()).abs() < 1e-12);
        assert!(!fit.risen);
        // Three quarters of one class.
        let shares = entropy(&[0, 0, 0, 1]);
        assert!((shares - (4f64.ln() - 0.75 * 3f64.ln())).abs() < 1e-12);
    }

    #[test]
    fn a_model_that_is_back_to_guessing_is_refused_however_few_are_held_out() {
        let worse = fit(0.8, 0.45, 28);
        for held_out in [
            None,
            Some(validation(1, 1, 2)),
            Some(validation(14, 15, 30)),
        ] {
            let error = worse.judge(held_out.as_ref()).unwrap_err();
            assert_eq!(error.kind(), act_core::ErrorKind::Failed);
            let message = error.to_string();
            assert!(message.contains("0.7985, was 0.2231"), "{message}");
            assert!(message.contains("0.6931 is that of guessing"), "{message}");
        }
        // Unless a held-out share that is large enough says the opposite.
        assert!(worse.judge(Some(&validation(100, 180, 200))).is_ok());
        assert!(
            fit(0.8, 0.6, 28).judge(None).is_ok(),
            "it still knows something"
        );
        assert!(
            fit(0.4, 0.45, 28).judge(None).is_ok(),
            "it has not become worse"
        );
    }

    #[test]
    fn a_model_that_knew_nothing_has_lost_nothing() {
        assert!(fit(0.5, 0.1, 80).judge(None).is_ok());
        // Below guessing by chance: three quarters of one class, and always that answer.
        let labels: Vec<u32> = (0..80).map(|i| u32::from(i % 4 == 0)).collect();
        let always = |p| logits(p, &[0; 80]);
        let fit = Fit::new(&always(0.749), &always(0.99), &labels);
        assert!(fit.risen && fit.judge(None).is_ok(), "{fit:?}");
    }

    #[test]
    fn a_rise_is_told_from_chance() {
        let labels: Vec<u32> = (0..40).map(|i| i % 2).collect();
        let before = logits(0.8, &labels);
        let mut after = logits(0.81, &labels);
        after[3] = logits(0.1, &labels)[3].clone();
        assert!(
            !Fit::new(&before, &after, &labels).risen,
            "one example alone"
        );
        assert!(Fit::new(&before, &logits(0.7, &labels), &labels).risen);
    }
}
