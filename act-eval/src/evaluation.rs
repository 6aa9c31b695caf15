//! A model's answers on a labelled split, right and wrong. Accuracy, per-class counts and paired
//! comparisons all start from these answers.

use act_core::metrics::{Accuracy, Counts, argmax, decide, pearson, ranking_precision};
use act_core::{Encoding, Problem, Progress, Result, Target};
use act_data::Dataset;
use act_stage::Context;
use act_stage::report::{ClassCount, Majority};

use crate::args::JudgeArgs;
use crate::model::Model;

/// Opens the split that a model is judged on. The labels are the model's, so that class numbers
/// mean the same on both sides.
pub fn open_split(ctx: &Context, model: &Model, args: &JudgeArgs) -> Result<Dataset> {
    let data = Dataset::for_model(args.data.given()?, args.split, &model.task)?;
    ctx.set_synthetic(data.record.synthetic);
    if data.dropped > 0 {
        log::info!(
            "{}: {} lines without a label left out",
            data.record.name,
            data.dropped
        );
    }
    Ok(data)
}

/// A model's answers beside the truth, example by example.
#[derive(Debug, Clone, PartialEq)]
pub enum Answers {
    /// One class a text.
    Classes {
        /// The model's answer.
        predicted: Vec<usize>,
        /// The truth.
        truth: Vec<u32>,
    },
    /// Any number of labels a text.
    Sets {
        /// Those that the model gives.
        predicted: Vec<Vec<u32>>,
        /// The truth.
        truth: Vec<Vec<u32>>,
        /// How near the top the right labels stand ([`ranking_precision`]).
        ranking: Vec<f64>,
    },
    /// A score a text.
    Scores {
        /// The model's.
        predicted: Vec<f64>,
        /// The truth.
        truth: Vec<f64>,
    },
}

impl Answers {
    /// Lets the model answer a whole split; `encodings` are the split's, by the model's tokenizer.
    pub fn collect(
        model: &Model,
        data: &Dataset,
        encodings: &[Encoding],
        batch_size: usize,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let truth = data.targets()?;
        progress.begin(&format!("evaluating {}", model.name), truth.len());
        let logits = model.logits(encodings, batch_size, progress)?;
        Ok(Self::of_logits(&model.task.problem, &logits, &truth))
    }

    fn of_logits(problem: &Problem, logits: &[Vec<f32>], truth: &[Target]) -> Self {
        match problem {
            Problem::SingleLabel => Self::Classes {
                predicted: logits.iter().map(|row| argmax(row)).collect(),
                truth: truth.iter().filter_map(Target::class).collect(),
            },
            Problem::MultiLabel { thresholds } => {
                let rows = logits.iter().zip(truth);
                Self::Sets {
                    predicted: logits.iter().map(|row| decide(row, thresholds)).collect(),
                    truth: truth.iter().map(|t| t.classes().to_vec()).collect(),
                    ranking: rows
                        .map(|(row, t)| ranking_precision(row, t.classes()))
                        .collect(),
                }
            }
            Problem::Regression => Self::Scores {
                predicted: logits.iter().map(|row| f64::from(row[0])).collect(),
                truth: truth.iter().filter_map(Target::score).collect(),
            },
        }
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes { truth, .. } => truth.len(),
            Self::Sets { truth, .. } => truth.len(),
            Self::Scores { truth, .. } => truth.len(),
        }
    }

    /// True without any example.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Right or wrong, example by example; a score is neither.
    pub fn correct(&self) -> Vec<bool> {
        match self {
            Self::Classes { predicted, truth } => {
                let pairs = predicted.iter().zip(truth);
                pairs.map(|(&p, &t)| p == t as usize).collect()
            }
            Self::Sets {
                predicted, truth, ..
            } => predicted.iter().zip(truth).map(|(p, t)| p == t).collect(),
            Self::Scores { .. } => Vec::new(),
        }
    }

    /// Accuracy with its interval, of sets that of whole sets; of scores their correlation.
    pub fn accuracy(&self) -> Accuracy {
        match self {
            Self::Scores { predicted, truth } => {
                Accuracy::correlation(pearson(predicted, truth), truth.len())
            }
            _ => {
                let correct = self.correct().into_iter().filter(|&right| right).count();
                Accuracy::new(correct, self.len())
            }
        }
    }

    /// The answers counted by class, of so many; none of scores.
    pub fn counts(&self, classes: usize) -> Counts {
        match self {
            Self::Classes { predicted, truth } => {
                Counts::new(predicted.iter().copied(), truth.iter().copied(), classes)
            }
            Self::Sets {
                predicted, truth, ..
            } => {
                let predicted = predicted.iter().map(Vec::as_slice);
                Counts::of_sets(predicted, truth.iter().map(Vec::as_slice), classes)
            }
            Self::Scores { .. } => Counts::none(0),
        }
    }

    /// Counts for every class, in the order of `labels`; none of scores.
    pub fn classes(&self, labels: &[String]) -> Vec<ClassCount> {
        let counts = self.counts(labels.len());
        let classes = labels.iter().zip(&counts.classes);
        classes
            .map(|(label, of)| ClassCount::new(label, of))
            .collect()
    }

    /// The commonest right answer, of one class a text.
    pub fn majority(&self, labels: &[String]) -> Option<Majority> {
        match self {
            Self::Classes { .. } => majority(&self.classes(labels)),
            _ => None,
        }
    }

    /// Why the accuracy is no evidence of anything learned, in words: one answer to everything, or
    /// no more right than always giving the commonest one; a correlation that may be none. `None` for a
    /// model that beats that.
    pub fn warning(&self, labels: &[String]) -> Option<String> {
        let accuracy = self.accuracy();
        match self {
            Self::Classes { .. } => self.warning_of_classes(labels),
            Self::Sets { predicted, .. } => {
                let first = predicted.first()?;
                predicted.iter().all(|set| set == first).then(|| {
                    let (n, named) = (predicted.len(), named(first, labels));
                    format!("gave the same labels, {named}, to all {n} examples")
                })
            }
            Self::Scores { .. } => {
                let none = !self.is_empty() && accuracy.low <= 0.0;
                none.then(|| "its scores do not clearly rise with the right ones".to_string())
            }
        }
    }

    fn warning_of_classes(&self, labels: &[String]) -> Option<String> {
        let (accuracy, classes) = (self.accuracy(), self.classes(labels));
        let most = majority(&classes)?;
        if let Some(only) = classes.iter().find(|c| c.predicted == accuracy.n) {
            let (label, n) = (&only.label, accuracy.n);
            return Some(format!(
                "predicted one class, {label:?}, for all {n} examples"
            ));
        }
        (accuracy.low <= most.share).then(|| {
            let (label, percent) = (&most.label, 100.0 * most.share);
            format!("not clearly better than always answering {label:?} ({percent:.1} %)")
        })
    }
}

/// Labels in a row, for people: `joy, love`.
pub fn named(set: &[u32], labels: &[String]) -> String {
    if set.is_empty() {
        return "(none)".into();
    }
    let names: Vec<&str> = set.iter().map(|&l| labels[l as usize].as_str()).collect();
    names.join(", ")
}

/// The class with most examples, of equals the first as argmax does; `None` without examples.
fn majority(classes: &[ClassCount]) -> Option<Majority> {
    let n: usize = classes.iter().map(|c| c.examples).sum();
    let most = classes.iter().rev().max_by_key(|c| c.examples)?;
    (n > 0).then(|| Majority {
        label: most.label.clone(),
        share: most.examples as f64 / n as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_counted_on_both_sides() {
        let answers = Answers::Classes {
            predicted: vec![0, 1, 1, 2, 1],
            truth: vec![0, 1, 2, 2, 0],
        };
        assert_eq!(answers.correct(), [true, true, false, true, false]);
        assert_eq!(answers.accuracy().value, 0.6);
        let labels = ["a", "b", "c"].map(String::from);
        let classes = answers.classes(&labels);
        let rows: Vec<_> = classes
            .iter()
            .map(|c| (c.examples, c.predicted, c.correct))
            .collect();
        assert_eq!(rows, [(2, 1, 1), (1, 3, 1), (2, 1, 1)]);
        let most = majority(&classes).unwrap();
        assert_eq!((most.label.as_str(), most.share), ("a", 0.4));
    }

    #[test]
    fn a_model_that_has_learned_nothing_is_named() {
        let labels = ["a", "b"].map(String::from);
        let warning = |predicted: Vec<usize>, truth: Vec<u32>| {
            Answers::Classes { predicted, truth }.warning(&labels)
        };
        let truth: Vec<u32> = (0..100).map(|i| u32::from(i % 4 == 0)).collect();
        let right: Vec<usize> = truth.iter().map(|&t| t as usize).collect();
        assert_eq!(warning(right.clone(), truth.clone()), None);
        let constant = warning(vec![0; 100], truth.clone()).unwrap();
        assert_eq!(constant, "predicted one class, \"a\", for all 100 examples");
        // Right on 80 of 100, and always answering "a" on 75.
        let mut weak = right;
        weak[1..21].iter_mut().for_each(|p| *p = 1 - *p);
        let weak = warning(weak, truth).unwrap();
        assert_eq!(
            weak,
            "not clearly better than always answering \"a\" (75.0 %)"
        );
        assert_eq!(warning(Vec::new(), Vec::new()), None);
    }

    #[test]
    fn sets_are_right_as_a_whole_and_scores_correlate() {
        let several = Problem::MultiLabel {
            thresholds: vec![0.5, 0.5],
        };
        let truth = [vec![0], vec![], vec![0, 1]].map(Target::Classes);
        let logits = [vec![1.0, -1.0], vec![1.0, -1.0], vec![1.0, 1.0]];
        let sets = Answers::of_logits(&several, &logits, &truth);
        assert_eq!(sets.correct(), [true, false, true]);
        let labels = ["a", "b"].map(String::from);
        let rows: Vec<_> = (sets.classes(&labels).iter())
            .map(|c| (c.examples, c.predicted, c.correct))
            .collect();
        assert_eq!(rows, [(2, 3, 2), (1, 1, 1)]);
        assert_eq!(sets.warning(&labels), None);
        let scores = [vec![0.5], vec![1.0], vec![2.0], vec![2.5], vec![9.0]];
        let truth = [1.0, 2.0, 4.0, 5.0, 18.0].map(Target::Score);
        let scores = Answers::of_logits(&Problem::Regression, &scores, &truth);
        assert!((scores.accuracy().value - 1.0).abs() < 1e-12);
        assert_eq!(scores.accuracy().metric.name(), "pearson");
        assert_eq!(
            (scores.warning(&labels), scores.classes(&labels)),
            (None, vec![])
        );
    }
}
