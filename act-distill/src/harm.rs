//! Whether training made the model worse. Held-out accuracy cannot tell where few examples are held
//! out, so the loss on some of the training examples is looked at too: training lowers it, unless it
//! has run away. Compares a model with its input; chooses no weights.

use act_core::metrics::log_softmax;
use act_core::{Error, Result, Target};
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
    /// Compares two models' logits for the same examples with these right answers, of so many classes.
    pub fn new(before: &[Vec<f32>], after: &[Vec<f32>], labels: &[Target], classes: usize) -> Self {
        let (before, after) = (losses(before, labels), losses(after, labels));
        let pairs = before.iter().zip(&after);
        let differences: Vec<f64> = pairs.map(|(before, after)| after - before).collect();
        let (difference, error) = mean_and_error(&differences);
        let (before, error_before) = mean_and_error(&before);
        let (after, _) = mean_and_error(&after);
        let guessing = guessing(labels, classes);
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
            let title = v.after.metric.title();
            format!("held-out {title} is {after:.4} on {n} examples, was {before:.4}")
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

/// Loss of each example, as training has it without weights: cross-entropy in nats, of several labels the
/// mean of each alone; of a score the squared error.
fn losses(logits: &[Vec<f32>], labels: &[Target]) -> Vec<f64> {
    let rows = logits.iter().zip(labels);
    rows.map(|(row, target)| loss(row, target)).collect()
}

fn loss(row: &[f32], target: &Target) -> f64 {
    match target {
        Target::Class(class) => -log_softmax(row)[*class as usize],
        Target::Classes(classes) => {
            let of_label = |(&logit, label)| {
                if classes.contains(&label) {
                    -log_softmax(&[logit, 0.0])[0]
                } else {
                    -log_softmax(&[logit, 0.0])[1]
                }
            };
            let sum: f64 = row.iter().zip(0u32..).map(of_label).sum();
            sum / row.len().max(1) as f64
        }
        Target::Score(score) => (f64::from(row[0]) - score).powi(2),
    }
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

/// Mean loss of always giving the best answer that knows nothing of the text: the entropy of the shares
/// of the classes, of several labels the mean of each one's, of scores their variance.
fn guessing(labels: &[Target], classes: usize) -> f64 {
    let n = labels.len().max(1) as f64;
    let mut counts = vec![0usize; classes];
    let all = labels.iter().flat_map(Target::classes);
    all.for_each(|&class| counts[class as usize] += 1);
    let entropy = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    let shares = counts.iter().map(|&count| count as f64 / n);
    match labels.first() {
        Some(Target::Score(_)) => {
            let scores: Vec<f64> = labels.iter().filter_map(Target::score).collect();
            let mean = scores.iter().sum::<f64>() / n;
            scores.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n
        }
        Some(Target::Classes(_)) => {
            let each = shares.map(|p| entropy(p) + entropy(1.0 - p));
            each.sum::<f64>() / classes.max(1) as f64
        }
        _ => shares.map(entropy).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use act_core::metrics::Accuracy;

    /// Logits that give the right one of two classes, in turn, the probability `right`.
    fn logits(right: f64, labels: &[Target]) -> Vec<Vec<f32>> {
        let margin = (right / (1.0 - right)).ln() as f32;
        let row = |label: &Target| match label.class() {
            Some(0) => vec![margin, 0.0],
            _ => vec![0.0, margin],
        };
        labels.iter().map(row).collect()
    }

    fn classes(of: std::ops::Range<u32>, class: impl Fn(u32) -> u32) -> Vec<Target> {
        of.map(|i| Target::Class(class(i))).collect()
    }

    fn fit(before: f64, after: f64, n: u32) -> Fit {
        let labels = classes(0..n, |i| i % 2);
        Fit::new(
            &logits(before, &labels),
            &logits(after, &labels),
            &labels,
            2,
        )
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
        let shares = guessing(&[0, 0, 0, 1].map(Target::Class), 2);
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
        let labels = classes(0..80, |i| u32::from(i % 4 == 0));
        let always = |p| logits(p, &classes(0..80, |_| 0));
        let fit = Fit::new(&always(0.749), &always(0.99), &labels, 2);
        assert!(fit.risen && fit.judge(None).is_ok(), "{fit:?}");
    }

    #[test]
    fn a_rise_is_told_from_chance() {
        let labels = classes(0..40, |i| i % 2);
        let before = logits(0.8, &labels);
        let mut after = logits(0.81, &labels);
        after[3] = logits(0.1, &labels)[3].clone();
        assert!(
            !Fit::new(&before, &after, &labels, 2).risen,
            "one example alone"
        );
        assert!(Fit::new(&before, &logits(0.7, &labels), &labels, 2).risen);
    }

    #[test]
    fn several_labels_and_scores_have_losses_and_guesses_of_their_own() {
        let sets = [vec![0], vec![0, 1], vec![], vec![0]].map(Target::Classes);
        let entropy = |p: f64| -p * p.ln() - (1.0 - p) * (1.0 - p).ln();
        let expected = (entropy(0.75) + entropy(0.25)) / 2.0;
        assert!((guessing(&sets, 2) - expected).abs() < 1e-12);
        // Of the shares themselves the loss is that of guessing.
        let shares = [3f32.ln(), -3f32.ln()].to_vec();
        let losses = losses(&vec![shares; 4], &sets);
        assert!((losses.iter().sum::<f64>() / 4.0 - expected).abs() < 1e-6);
        let scores = [1.0, 3.0].map(Target::Score);
        assert_eq!(guessing(&scores, 1), 1.0);
        assert_eq!(loss(&[2.5], &scores[0]), 2.25);
    }
}
