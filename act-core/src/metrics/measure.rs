//! The figures that answers may be judged by, and what they mean for the classes of one task.

use super::correlation::{pearson, spearman};
use super::counts::Counts;
use super::logits::argmax;
use super::ranking::ranking_precision;
use super::sets::{decide, thresholds};
use crate::error::{Error, Result};
use crate::named;
use crate::target::{ProblemKind, Target};
use crate::task::BuiltIn;
use crate::task_info::{Problem, TaskInfo};

named! {
    /// A figure that answers are judged by; larger is better.
    #[derive(Default)]
    pub enum Metric {
        /// Share of right answers; of sets of labels, of exactly right ones.
        #[default]
        Accuracy = "accuracy",
        /// F1 of the positive class, of two.
        F1 = "f1",
        /// Mean F1 of all classes, the rare ones as weighty as the common.
        MacroF1 = "macro_f1",
        /// F1 of all classes' counts together.
        MicroF1 = "micro_f1",
        /// Matthews' correlation coefficient.
        Mcc = "mcc",
        /// Label ranking average precision of sets of labels.
        Lrap = "lrap",
        /// Pearson's correlation of scores.
        Pearson = "pearson",
        /// Spearman's correlation of scores, by rank.
        Spearman = "spearman",
    }
}

impl Metric {
    /// As people write it.
    pub fn title(self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::F1 => "F1",
            Metric::MacroF1 => "macro-F1",
            Metric::MicroF1 => "micro-F1",
            Metric::Mcc => "MCC",
            Metric::Lrap => "LRAP",
            Metric::Pearson => "Pearson",
            Metric::Spearman => "Spearman",
        }
    }

    /// True for accuracy.
    pub fn is_accuracy(&self) -> bool {
        *self == Metric::Accuracy
    }

    /// True for a correlation, which is no share.
    pub fn is_correlation(self) -> bool {
        matches!(self, Metric::Mcc | Metric::Pearson | Metric::Spearman)
    }

    /// The least that it can be; the most is 1.
    pub fn least(self) -> f64 {
        if self.is_correlation() { -1.0 } else { 0.0 }
    }

    /// A value with its name: `macro-F1 61.2 %`; a correlation is no share: `MCC 0.412`.
    pub fn words(self, value: f64) -> String {
        if self.is_correlation() {
            format!("{} {value:.3}", self.title())
        } else {
            format!("{} {:.1} %", self.title(), 100.0 * value)
        }
    }

    /// What chooses a task's best weights where nobody says: what GLUE judges CoLA and STS-B by (Wang et
    /// al. 2018, table 1), mean F1 of several labels, and accuracy otherwise.
    pub fn of_task(task: &TaskInfo) -> Self {
        match task.problem.kind() {
            ProblemKind::Regression => Metric::Pearson,
            ProblemKind::MultiLabel => Metric::MacroF1,
            ProblemKind::SingleLabel => match BuiltIn::named(&task.name) {
                Some(BuiltIn::Cola) => Metric::Mcc,
                _ => Metric::Accuracy,
            },
        }
    }

    /// Those that judge a kind of problem.
    pub fn of_kind(kind: ProblemKind) -> &'static [Metric] {
        use Metric::{Accuracy, F1, Lrap, MacroF1, Mcc, MicroF1, Pearson, Spearman};
        match kind {
            ProblemKind::SingleLabel => &[Accuracy, F1, MacroF1, MicroF1, Mcc],
            ProblemKind::MultiLabel => &[MacroF1, MicroF1, Accuracy, Lrap],
            ProblemKind::Regression => &[Pearson, Spearman],
        }
    }
}

/// A metric on one task.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    metric: Metric,
    problem: Problem,
    classes: usize,
    /// The class that F1 is of.
    positive: usize,
    /// True if thresholds are chosen on the answers themselves.
    fitted: bool,
}

impl Measure {
    /// `metric` on single labels with these names. The positive class of two is the one called "1", as GLUE
    /// and CLUE have it, and otherwise the second.
    ///
    /// # Errors
    /// Usage: F1 of other than two classes; a metric of other problems.
    pub fn new(metric: Metric, labels: &[String]) -> Result<Self> {
        Self::of_problem(metric, &Problem::SingleLabel, labels)
    }

    /// `metric` on a model's task, or the task's own ([`Metric::of_task`]).
    ///
    /// # Errors
    /// As [`Measure::new`].
    pub fn of_task(metric: Option<Metric>, task: &TaskInfo) -> Result<Self> {
        let metric = metric.unwrap_or_else(|| Metric::of_task(task));
        Self::of_problem(metric, &task.problem, &task.labels)
    }

    fn of_problem(metric: Metric, problem: &Problem, labels: &[String]) -> Result<Self> {
        let (classes, kind) = (labels.len(), problem.kind());
        let known = Metric::of_kind(kind);
        if !known.contains(&metric) {
            let known: Vec<&str> = known.iter().map(|metric| metric.name()).collect();
            return Err(Error::usage(format!(
                "{metric} does not judge {kind} answers: write one of {}",
                known.join(", ")
            )));
        }
        if metric == Metric::F1 && classes != 2 {
            return Err(Error::usage(format!(
                "f1 is of the positive class of two, and there are {classes} classes: write macro_f1"
            )));
        }
        Ok(Self {
            metric,
            problem: problem.clone(),
            classes,
            positive: labels.iter().position(|label| label == "1").unwrap_or(1),
            fitted: false,
        })
    }

    /// Accuracy of single labels on so many classes.
    pub fn accuracy(classes: usize) -> Self {
        Self {
            metric: Metric::Accuracy,
            problem: Problem::SingleLabel,
            classes,
            positive: 0,
            fitted: false,
        }
    }

    /// The same with the thresholds of several labels chosen on the answers themselves: what weights can
    /// come to, while thresholds are still to be chosen.
    #[must_use]
    pub fn fitted(self) -> Self {
        Self {
            fitted: true,
            ..self
        }
    }

    /// The metric.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// What the answers are.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Index of the class that F1 is of.
    pub fn positive(&self) -> usize {
        self.positive
    }

    /// Its value for answers that have been counted. Accuracy of sets, correlations and rankings are not
    /// in counts: see [`Measure::of_logits`].
    pub fn of(&self, counts: &Counts) -> f64 {
        match (self.metric, self.problem.kind()) {
            (Metric::F1, _) => counts.classes[self.positive].f1(),
            (Metric::MacroF1, ProblemKind::MultiLabel) => counts.macro_f1_of_all(),
            (Metric::MacroF1, _) => counts.macro_f1(),
            (Metric::MicroF1, _) => counts.micro_f1(),
            (Metric::Mcc, _) => counts.mcc(),
            _ => counts.accuracy(),
        }
    }

    /// Its value for a model's logits, as its problem reads them.
    pub fn of_logits(&self, logits: &[Vec<f32>], truth: &[Target]) -> f64 {
        match &self.problem {
            Problem::SingleLabel => {
                let predicted = logits.iter().map(|row| argmax(row));
                let truth = truth.iter().filter_map(Target::class);
                self.of(&Counts::new(predicted, truth, self.classes))
            }
            Problem::MultiLabel { thresholds: own } => {
                if self.fitted {
                    self.of_sets(logits, truth, &thresholds(logits, truth, self.classes))
                } else {
                    self.of_sets(logits, truth, own)
                }
            }
            Problem::Regression => {
                let (given, right) = scores(logits, truth);
                match self.metric {
                    Metric::Spearman => spearman(&given, &right),
                    _ => pearson(&given, &right),
                }
            }
        }
    }

    fn of_sets(&self, logits: &[Vec<f32>], truth: &[Target], thresholds: &[f32]) -> f64 {
        let n = logits.len().max(1) as f64;
        let pairs = || logits.iter().zip(truth.iter().map(Target::classes));
        match self.metric {
            Metric::Lrap => {
                pairs()
                    .map(|(row, t)| ranking_precision(row, t))
                    .sum::<f64>()
                    / n
            }
            Metric::Accuracy => {
                let right = pairs().filter(|(row, truth)| decide(row, thresholds) == *truth);
                right.count() as f64 / n
            }
            _ => {
                let mut counts = Counts::none(self.classes);
                pairs().for_each(|(row, t)| counts.add_set(&decide(row, thresholds), t, 1));
                self.of(&counts)
            }
        }
    }
}

/// Given and right scores.
pub(super) fn scores(logits: &[Vec<f32>], truth: &[Target]) -> (Vec<f64>, Vec<f64>) {
    let given = logits.iter().map(|row| f64::from(row[0])).collect();
    let right = truth.iter().map(|t| t.score().unwrap_or(0.0)).collect();
    (given, right)
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
        let truth = [1, 1, 0].map(Target::Class);
        assert_eq!(accuracy.of_logits(&logits, &truth), 2.0 / 3.0);
        assert_eq!(accuracy.of_logits(&[], &[]), 0.0);
    }

    #[test]
    fn a_metric_judges_its_own_kind_of_answers() {
        let mut task = TaskInfo::new("own", 8, labels(&["score"]));
        task.problem = Problem::Regression;
        assert_eq!(Metric::of_task(&task), Metric::Pearson);
        let error = Measure::of_task(Some(Metric::MacroF1), &task).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("regression answers: write one of pearson, spearman"),
            "{error}"
        );
        let cola = TaskInfo::new("cola", 8, labels(&["0", "1"]));
        assert_eq!(Metric::of_task(&cola), Metric::Mcc);
        let scores = [vec![1.0], vec![2.0], vec![9.0]];
        let truth = [1.0, 2.0, 3.0].map(Target::Score);
        let of = |metric| Measure::of_task(Some(metric), &task).unwrap();
        assert!((of(Metric::Spearman).of_logits(&scores, &truth) - 1.0).abs() < 1e-12);
        assert!(of(Metric::Pearson).of_logits(&scores, &truth) < 0.95);
    }

    #[test]
    fn thresholds_are_the_tasks_or_chosen_on_the_answers() {
        let mut task = TaskInfo::new("own", 8, labels(&["a", "b"]));
        task.problem = Problem::new(ProblemKind::MultiLabel, 2);
        // Right answers score -1, wrong ones -2: nothing reaches one half.
        let logits: Vec<Vec<f32>> = (0..40)
            .map(|i| {
                let of = |right| if right { -1.0 } else { -2.0 };
                vec![of(i % 2 == 0), of(i % 3 == 0)]
            })
            .collect();
        let truth: Vec<Target> = (0..40)
            .map(|i| {
                let all = [(i % 2 == 0, 0), (i % 3 == 0, 1)];
                Target::Classes(all.iter().filter(|(is, _)| *is).map(|(_, l)| *l).collect())
            })
            .collect();
        let measure = Measure::of_task(None, &task).unwrap();
        assert_eq!(measure.of_logits(&logits, &truth), 0.0);
        assert_eq!(measure.clone().fitted().of_logits(&logits, &truth), 1.0);
        let lrap = Measure::of_task(Some(Metric::Lrap), &task).unwrap();
        assert_eq!(lrap.of_logits(&logits, &truth), 1.0);
    }

    #[test]
    fn a_value_is_told_with_its_name() {
        assert_eq!(Metric::MacroF1.words(0.6123), "macro-F1 61.2 %");
        assert_eq!(Metric::Mcc.words(-0.25), "MCC -0.250");
        assert_eq!("macro_f1".parse::<Metric>().unwrap(), Metric::MacroF1);
    }
}
