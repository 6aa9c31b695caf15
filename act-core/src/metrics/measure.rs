//! The figures that answers may be judged by, and what they mean for the classes of one task.

use super::counts::Counts;
use super::logits::argmax;
use crate::error::{Error, Result};
use crate::named;

named! {
    /// A figure that answers are judged by; larger is better.
    #[derive(Default)]
    pub enum Metric {
        /// Share of right answers.
        #[default]
        Accuracy = "accuracy",
        /// F1 of the positive class, of two.
        F1 = "f1",
        /// Mean F1 of all classes, the rare ones as weighty as the common.
        MacroF1 = "macro_f1",
        /// Matthews' correlation coefficient.
        Mcc = "mcc",
    }
}

impl Metric {
    /// As people write it.
    pub fn title(self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::F1 => "F1",
            Metric::MacroF1 => "macro-F1",
            Metric::Mcc => "MCC",
        }
    }

    /// The least that it can be; the most is 1.
    pub fn least(self) -> f64 {
        match self {
            Metric::Mcc => -1.0,
            _ => 0.0,
        }
    }

    /// A value with its name: `macro-F1 61.2 %`; a correlation is no share: `MCC 0.412`.
    pub fn words(self, value: f64) -> String {
        match self {
            Metric::Mcc => format!("MCC {value:.3}"),
            _ => format!("{} {:.1} %", self.title(), 100.0 * value),
        }
    }
}

/// A metric on the classes of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    metric: Metric,
    classes: usize,
    /// The class that F1 is of.
    positive: usize,
}

impl Measure {
    /// `metric` on classes with these names. The positive class of two is the one called "1", as GLUE and
    /// CLUE have it, and otherwise the second.
    ///
    /// # Errors
    /// Usage: F1 of other than two classes.
    pub fn new(metric: Metric, labels: &[String]) -> Result<Self> {
        let classes = labels.len();
        if metric == Metric::F1 && classes != 2 {
            return Err(Error::usage(format!(
                "f1 is of the positive class of two, and there are {classes} classes: write macro_f1"
            )));
        }
        Ok(Self {
            metric,
            classes,
            positive: labels.iter().position(|label| label == "1").unwrap_or(1),
        })
    }

    /// Accuracy on so many classes.
    pub fn accuracy(classes: usize) -> Self {
        Self {
            metric: Metric::Accuracy,
            classes,
            positive: 0,
        }
    }

    /// The metric.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Index of the class that F1 is of.
    pub fn positive(&self) -> usize {
        self.positive
    }

    /// Its value for answers that have been counted.
    pub fn of(&self, counts: &Counts) -> f64 {
        match self.metric {
            Metric::Accuracy => counts.accuracy(),
            Metric::F1 => counts.classes[self.positive].f1(),
            Metric::MacroF1 => counts.macro_f1(),
            Metric::Mcc => counts.mcc(),
        }
    }

    /// Its value where the largest logit of each row is the answer.
    pub fn of_logits(&self, logits: &[Vec<f32>], truth: &[u32]) -> f64 {
        let predicted = logits.iter().map(|row| argmax(row));
        self.of(&Counts::new(predicted, truth.iter().copied(), self.classes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).into()).collect()
    }

    #[test]
    fn the_positive_class_is_the_one_called_1_or_else_the_second() {
        let counts = Counts::new([0, 0, 1, 1], [0, 0, 1, 0], 2);
        for (names, expected) in [
            (["0", "1"], 2.0 / 3.0),
            (["1", "0"], 0.8),
            (["no", "yes"], 2.0 / 3.0),
        ] {
            let f1 = Measure::new(Metric::F1, &labels(&names)).unwrap();
            assert_eq!(f1.of(&counts), expected, "{names:?}");
        }
    }

    #[test]
    fn f1_of_three_classes_is_refused() {
        let error = Measure::new(Metric::F1, &labels(&["a", "b", "1"])).unwrap_err();
        assert!(error.to_string().ends_with("3 classes: write macro_f1"));
        assert!(Measure::new(Metric::F1, &labels(&["1"])).is_err());
        assert!(Measure::new(Metric::MacroF1, &labels(&["1"])).is_ok());
    }

    #[test]
    fn of_equal_logits_the_first_is_the_answer() {
        let logits = [vec![0.0, 1.0], vec![2.0, 1.0], vec![0.0, 0.0]];
        let accuracy = Measure::new(Metric::Accuracy, &labels(&["a", "b"])).unwrap();
        assert_eq!(accuracy.of_logits(&logits, &[1, 1, 0]), 2.0 / 3.0);
        assert_eq!(accuracy.of_logits(&[], &[]), 0.0);
    }

    #[test]
    fn a_value_is_told_with_its_name() {
        assert_eq!(Metric::MacroF1.words(0.6123), "macro-F1 61.2 %");
        assert_eq!(Metric::Mcc.words(-0.25), "MCC -0.250");
        assert_eq!("macro_f1".parse::<Metric>().unwrap(), Metric::MacroF1);
    }
}
