//! How far an int8 model's answers are from the float model's, on examples that calibration has not
//! seen. Compares logits; knows neither calibrators nor weights.

use std::cmp::Ordering;

use act_core::metrics::{Accuracy, Measure, Metric};
use act_core::{Error, Problem, Result, Target};

/// What a trial is judged by: the metric that the user has named, if it is another than accuracy; of
/// equals less divergence is better, then more accuracy. Divergence is finer than any metric of so few
/// examples, so that nobody who wants accuracy is better served by it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Mean over examples of KL(float || int8) between the two models' probabilities, in nats
    /// ([`Problem::divergence`]). An example that the float model gets wrong and the int8 model right counts as 0.
    pub divergence: f64,
    /// Accuracy of the int8 model, where the examples have labels; of a score its correlation.
    pub accuracy: Option<Accuracy>,
    /// The metric that goes before divergence, and its value.
    pub metric: Option<(Metric, f64)>,
    /// Examples that were judged; fewer than there are if the trial was given up early.
    pub examples: usize,
}

/// Mean divergence above which an int8 model is no stand-in for the float one: by Pinsker's
/// inequality, `sqrt(0.02 / 2)`, a tenth of the probability may have gone to other classes.
const FAR: f64 = 0.02;

impl Score {
    /// True if answers are so far from the float model's that the user must be told.
    pub fn is_far(&self) -> bool {
        self.divergence > FAR
    }

    /// What is to be large: the metric, or the negative divergence.
    pub fn goal(&self) -> f64 {
        self.metric.map_or(-self.divergence, |(_, value)| value)
    }

    /// True if this score is better than `best`, or no worse by the metric and its divergence below `bar`.
    pub fn improves(&self, best: &Score, bar: f64) -> bool {
        match self.by_metric(best) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => self.divergence < bar || self.beats(best),
        }
    }

    fn by_metric(&self, other: &Score) -> Ordering {
        let pair = self.metric.zip(other.metric);
        pair.map_or(Ordering::Equal, |((_, a), (_, b))| a.total_cmp(&b))
    }

    /// True if this score is better; equals are not.
    pub fn beats(&self, other: &Score) -> bool {
        let accuracy = |score: &Score| score.accuracy.map_or(0.0, |a| a.value);
        let by_divergence = || other.divergence.total_cmp(&self.divergence);
        match self.by_metric(other).then_with(by_divergence) {
            Ordering::Less => false,
            Ordering::Equal => accuracy(self) > accuracy(other),
            Ordering::Greater => true,
        }
    }

    /// `, accuracy 0.9120, macro-F1 0.6120`; nothing without labels.
    pub fn figures(&self) -> String {
        let accuracy = self.accuracy;
        let accuracy = accuracy.map(|a| format!(", {} {:.4}", a.metric.title(), a.value));
        let metric = self
            .metric
            .map(|(metric, value)| format!(", {} {value:.4}", metric.title()));
        [accuracy, metric].into_iter().flatten().collect()
    }
}

/// A score in the making.
#[derive(Debug, Clone)]
pub struct Tally {
    problem: Problem,
    divergence: f64,
    examples: usize,
    /// The int8 model's answers to examples with labels, and the labels.
    answers: (Vec<Vec<f32>>, Vec<Target>),
    /// What goes before divergence.
    measure: Option<Measure>,
}

impl Tally {
    /// Nothing yet, of a model for `problem`; with a measure that goes before divergence, if there is one.
    pub fn new(problem: &Problem, measure: Option<Measure>) -> Self {
        Self {
            problem: problem.clone(),
            divergence: 0.0,
            examples: 0,
            answers: (Vec::new(), Vec::new()),
            measure,
        }
    }

    /// Takes in the logits of some examples, row by row.
    ///
    /// # Errors
    /// Failed: logits of the int8 model that are not finite; those of the float model are.
    pub fn add(
        &mut self,
        float: &[Vec<f32>],
        int8: &[Vec<f32>],
        labels: Option<&[Target]>,
    ) -> Result<()> {
        if !int8.iter().flatten().all(|v| v.is_finite()) {
            return Err(Error::failed(
                "the int8 model's class scores are not finite: its weights are too large to be \
                 shifted, smoothed or corrected; set QuantPost.shift and bias_correction to false",
            ));
        }
        for (i, (float, int8)) in float.iter().zip(int8).enumerate() {
            let label = labels.map(|labels| &labels[i]);
            let right = |row: &[f32]| label.is_some_and(|label| self.problem.is_right(row, label));
            if !right(int8) || right(float) {
                self.divergence += self.problem.divergence(float, int8);
            }
            self.examples += 1;
        }
        if let Some(labels) = labels {
            self.answers.0.extend_from_slice(int8);
            self.answers.1.extend_from_slice(labels);
        }
        Ok(())
    }

    /// True if a mean divergence over `examples` can no longer be as low as `best`: no example adds
    /// less than 0, so that giving up here loses nothing. Of a metric the last example may decide.
    pub fn is_lost(&self, examples: usize, best: f64) -> bool {
        self.measure.is_none() && self.divergence > best * examples as f64
    }

    /// The score so far.
    pub fn score(&self, labelled: bool) -> Score {
        let (logits, labels) = &self.answers;
        let measure = self.measure.as_ref();
        Score {
            divergence: self.divergence / self.examples.max(1) as f64,
            accuracy: labelled.then(|| Accuracy::of_logits(&self.problem, logits, labels)),
            metric: measure.map(|measure| (measure.metric(), measure.of_logits(logits, labels))),
            examples: self.examples,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(float: &[Vec<f32>], int8: &[Vec<f32>], labels: Option<&[u32]>) -> Result<Score> {
        let mut tally = Tally::new(&Problem::SingleLabel, None);
        let labels = labels.map(|labels| labels.iter().map(|&l| Target::Class(l)));
        let labels: Option<Vec<Target>> = labels.map(Iterator::collect);
        tally.add(float, int8, labels.as_deref())?;
        Ok(tally.score(labels.is_some()))
    }

    #[test]
    fn divergence_of_known_distributions() {
        // KL((3/4, 1/4) || (1/2, 1/2)) = ln 2 - H(1/4).
        let float = [vec![3f32.ln(), 0.0]];
        let int8 = [vec![7.0, 7.0]];
        let found = score(&float, &int8, Some(&[0])).unwrap();
        let expected = 0.75 * 1.5f64.ln() + 0.25 * 0.5f64.ln();
        assert!((found.divergence - expected).abs() < 1e-7);
        assert_eq!(found.accuracy.unwrap().value, 1.0);
        assert_eq!(score(&float, &float, None).unwrap().divergence, 0.0);
    }

    #[test]
    fn an_answer_that_int8_alone_gets_right_is_not_punished() {
        let (float, int8) = ([vec![1.0, 0.0]], [vec![0.0, 1.0]]);
        assert_eq!(score(&float, &int8, Some(&[1])).unwrap().divergence, 0.0);
        assert!(score(&float, &int8, Some(&[0])).unwrap().divergence > 0.4);
        assert!(score(&float, &int8, None).unwrap().divergence > 0.4);
    }

    #[test]
    fn a_trial_is_given_up_only_when_it_is_lost() {
        let mut tally = Tally::new(&Problem::SingleLabel, None);
        tally
            .add(&[vec![3f32.ln(), 0.0]], &[vec![0.0, 0.0]], None)
            .unwrap();
        // 0.1308 nats so far: of 10 examples, at least 0.01308 in the mean.
        assert!(tally.is_lost(10, 0.013));
        assert!(!tally.is_lost(10, 0.0131));
    }

    #[test]
    fn accuracy_decides_between_equal_divergences() {
        let score = |divergence, correct| Score {
            divergence,
            accuracy: Some(Accuracy::new(correct, 10)),
            metric: None,
            examples: 10,
        };
        assert!(score(0.1, 5).beats(&score(0.2, 9)));
        assert!(score(0.1, 9).beats(&score(0.1, 5)));
        assert!(!score(0.1, 5).beats(&score(0.1, 5)));
    }

    #[test]
    fn a_metric_goes_before_divergence() {
        let score = |macro_f1, divergence| Score {
            divergence,
            accuracy: Some(Accuracy::new(5, 10)),
            metric: Some((Metric::MacroF1, macro_f1)),
            examples: 10,
        };
        let best = score(0.6, 0.1);
        assert!(score(0.7, 0.9).beats(&best) && score(0.7, 0.9).improves(&best, 0.05));
        assert!(!score(0.5, 0.01).beats(&best) && !score(0.5, 0.01).improves(&best, 0.05));
        assert!(score(0.6, 0.09).beats(&best) && !score(0.6, 0.1).beats(&best));
        // A bar above the best's divergence lets a cheaper model in.
        assert!(score(0.6, 0.102).improves(&best, 0.103));
        assert_eq!((best.goal(), score(0.5, 0.2).goal()), (0.6, 0.5));
    }

    #[test]
    fn a_metric_is_of_all_examples_and_gives_none_up() {
        let labels = ["a", "b", "c"].map(String::from);
        let measure = Measure::new(Metric::MacroF1, &labels).unwrap();
        let mut tally = Tally::new(&Problem::SingleLabel, Some(measure));
        let float = [vec![9.0, 0.0, 0.0], vec![0.0, 9.0, 0.0]];
        let int8 = [vec![9.0, 0.0, 0.0], vec![9.0, 0.0, 0.0]];
        let labels = [0, 1].map(Target::Class);
        tally.add(&float, &int8, Some(&labels)).unwrap();
        assert!(!tally.is_lost(2, 0.0));
        // Class a has an F1 of 2/3, b of 0; c does not occur.
        let score = tally.score(true);
        assert_eq!(score.metric, Some((Metric::MacroF1, 1.0 / 3.0)));
        assert_eq!(score.figures(), ", accuracy 0.5000, macro-F1 0.3333");
    }

    #[test]
    fn logits_that_are_not_finite_are_an_error() {
        assert!(score(&[vec![0.0, 1.0]], &[vec![f32::NAN, 1.0]], None).is_err());
    }
}
