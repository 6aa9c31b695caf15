//! What an accuracy hides: how every class fares, in one model and from one model to another.

use act_core::TaskInfo;
use act_core::metrics::{Counts, Measure, Metric};
use act_stage::report::{ClassCount, ClassLoss, ComparedClass};

use crate::evaluation::Answers;
use crate::paired;

/// Classes whose recall fell are told apart from bad luck at this level.
const LEVEL: f64 = 0.05;

/// Names of lost classes that a sentence holds.
const NAMED: usize = 5;

/// The answers of a model, class by class, beside those of the first model, if it is another.
pub fn compared(
    answers: &Answers,
    first: Option<&Answers>,
    labels: &[String],
) -> Vec<ComparedClass> {
    let counts = answers.counts(labels.len());
    let differences = first.map(|first| differences(answers, first, labels.len()));
    let of_class = |(class, label): (usize, &String)| {
        let known = counts.classes[class].examples > 0;
        let difference = differences.as_ref().filter(|_| known);
        ComparedClass {
            count: ClassCount::new(label, &counts.classes[class]),
            difference: difference.map(|of| of[class].difference()),
        }
    };
    let labels = labels.iter().take(counts.classes.len());
    labels.enumerate().map(of_class).collect()
}

/// Right and wrong answers of two models, class by class.
fn differences(answers: &Answers, first: &Answers, classes: usize) -> Vec<paired::Counts> {
    let mut tables = vec![paired::Counts::default(); classes];
    match (answers, first) {
        (
            Answers::Classes { predicted, truth },
            Answers::Classes {
                predicted: before, ..
            },
        ) => {
            for ((&model, &reference), &truth) in predicted.iter().zip(before).zip(truth) {
                let truth = truth as usize;
                tables[truth].add(model == truth, reference == truth);
            }
        }
        (
            Answers::Sets {
                predicted, truth, ..
            },
            Answers::Sets {
                predicted: before, ..
            },
        ) => {
            for ((model, reference), truth) in predicted.iter().zip(before).zip(truth) {
                for label in truth {
                    tables[*label as usize].add(model.contains(label), reference.contains(label));
                }
            }
        }
        // Scores have no classes, and the models of a comparison one kind of answers.
        _ => {}
    }
    tables
}

/// The class whose recall fell most, the first of equals; `None` without a class to compare. Of many
/// classes one falls most by chance alone, so its p-value counts for as many (Bonferroni).
pub fn largest_loss(classes: &[ComparedClass]) -> Option<ClassLoss> {
    let judged = || classes.iter().filter(|c| c.difference.is_some());
    let change = |c: &&ComparedClass| c.difference.map_or(0.0, |d| d.value);
    let class = judged().min_by(|a, b| change(a).total_cmp(&change(b)))?;
    let (difference, after) = (class.difference?, class.count.recall?);
    let adjusted_p = (difference.p_value * judged().count() as f64).min(1.0);
    Some(ClassLoss {
        label: class.count.label.clone(),
        examples: class.count.examples,
        before: after - difference.value,
        after,
        difference,
        adjusted_p,
        significant: difference.value < 0.0 && adjusted_p < LEVEL,
    })
}

/// The class that a model knows least, of those with examples; the first of equals.
pub fn worst(counts: &Counts, labels: &[String]) -> Option<ClassCount> {
    let class = counts.worst()?;
    Some(ClassCount::new(&labels[class], &counts.classes[class]))
}

/// The label of the class that F1 is of, where there are two classes.
pub fn positive(task: &TaskInfo) -> Option<&str> {
    let measure = Measure::of_task(Some(Metric::F1), task).ok()?;
    Some(&task.labels[measure.positive()])
}

/// A class that one model knows and another does not.
#[derive(Debug, Clone, PartialEq)]
pub struct Lost<'a> {
    /// The class, in the model that lost it.
    pub class: &'a ClassCount,
    /// The first model's.
    pub before: &'a ClassCount,
}

impl Lost<'_> {
    /// `"2" (recall 100.0 % of 20 examples, now 0)`.
    fn words(&self) -> String {
        let (label, before) = (&self.class.label, self.before);
        match before.recall.filter(|_| before.correct > 0) {
            Some(recall) => format!(
                "{label:?} (recall was {:.1} % of {} examples and is 0)",
                100.0 * recall,
                before.examples
            ),
            None => format!(
                "{label:?} (was answered {} times and never is now)",
                before.predicted
            ),
        }
    }
}

/// Classes that were found and none of whose examples is found any more, and those that were answered
/// and never are.
pub fn lost<'a>(before: &'a [ComparedClass], after: &'a [ComparedClass]) -> Vec<Lost<'a>> {
    let pairs = before
        .iter()
        .map(|c| &c.count)
        .zip(after.iter().map(|c| &c.count));
    let gone = |before: usize, after: usize| before > 0 && after == 0;
    pairs
        .filter(|(b, a)| gone(b.correct, a.correct) || gone(b.predicted, a.predicted))
        .map(|(before, class)| Lost { class, before })
        .collect()
}

/// The lost classes in a sentence without its full stop; `None` if none is.
pub fn lost_words(lost: &[Lost<'_>]) -> Option<String> {
    let named: Vec<String> = lost.iter().take(NAMED).map(Lost::words).collect();
    let more = match lost.len() {
        n if n > NAMED => format!(", and {} more", n - NAMED),
        _ => String::new(),
    };
    let begin = match lost.len() {
        0 => return None,
        1 => "a class is lost".to_string(),
        n => format!("{n} classes are lost"),
    };
    Some(format!("{begin}: {}{more}", named.join(", ")))
}

/// A share in a cell, `-` where there is none.
pub fn share(share: Option<f64>) -> String {
    share.map_or("-".into(), |share| format!("{:.1} %", 100.0 * share))
}

#[cfg(test)]
mod tests {
    use act_core::metrics::ClassCounts;

    use super::*;

    fn labels(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("c{i}")).collect()
    }

    fn answers(predicted: &[usize], truth: &[u32]) -> Answers {
        Answers::Classes {
            predicted: predicted.into(),
            truth: truth.into(),
        }
    }

    /// Class c0 stays, c1 loses one of four, c2 all of three, c3 has no examples.
    fn two() -> [Answers; 2] {
        let truth = [0, 0, 1, 1, 1, 1, 2, 2, 2];
        [
            answers(&[0, 0, 1, 1, 1, 0, 2, 2, 3], &truth),
            answers(&[0, 0, 1, 1, 0, 0, 0, 0, 1], &truth),
        ]
    }

    #[test]
    fn a_class_is_compared_on_its_own_examples() {
        let [first, second] = two();
        let rows = compared(&second, Some(&first), &labels(4));
        let found: Vec<_> = rows
            .iter()
            .map(|row| (row.count.recall, row.difference.map(|d| d.value)))
            .collect();
        let third = 2.0 / 3.0;
        assert_eq!(
            found,
            [
                (Some(1.0), Some(0.0)),
                (Some(0.5), Some(-0.25)),
                (Some(0.0), Some(-third)),
                (None, None)
            ]
        );
        let alone = compared(&first, None, &labels(4));
        assert!(alone.iter().all(|row| row.difference.is_none()));
    }

    #[test]
    fn the_largest_loss_is_named_and_two_examples_prove_nothing() {
        let [first, second] = two();
        let loss = largest_loss(&compared(&second, Some(&first), &labels(4))).unwrap();
        assert_eq!((loss.label.as_str(), loss.examples), ("c2", 3));
        assert!((loss.before - 2.0 / 3.0).abs() < 1e-12 && loss.after == 0.0);
        // Two of two against: p = 1/2, three times over.
        assert_eq!((loss.adjusted_p, loss.significant), (1.0, false));
        let truth = vec![1; 20];
        let (all, none) = (answers(&[1; 20], &truth), answers(&[0; 20], &truth));
        let loss = largest_loss(&compared(&none, Some(&all), &labels(2))).unwrap();
        assert!(loss.significant && loss.adjusted_p < 1e-5);
        let gain = largest_loss(&compared(&all, Some(&none), &labels(2))).unwrap();
        assert!(!gain.significant && gain.difference.value == 1.0);
    }

    #[test]
    fn a_class_is_lost_if_it_is_no_longer_found_or_no_longer_answered() {
        let [first, second] = two();
        let labels = labels(4);
        let (before, after) = (
            compared(&first, None, &labels),
            compared(&second, Some(&first), &labels),
        );
        let words = lost_words(&lost(&before, &after)).unwrap();
        assert_eq!(
            words,
            "2 classes are lost: \"c2\" (recall was 66.7 % of 3 examples and is 0), \"c3\" (was \
             answered 1 times and never is now)"
        );
        assert_eq!(lost_words(&lost(&after, &before)), None);
        assert_eq!(lost_words(&lost(&before, &before)), None);
    }

    #[test]
    fn of_many_lost_classes_the_first_are_named() {
        let truth: Vec<u32> = (0..8).collect();
        let predicted: Vec<usize> = (0..8).collect();
        let labels = labels(8);
        let before = compared(&answers(&predicted, &truth), None, &labels);
        let after = compared(&answers(&[0; 8], &truth), None, &labels);
        let words = lost_words(&lost(&before, &after)).unwrap();
        assert!(words.starts_with("7 classes are lost: \"c1\" "), "{words}");
        assert!(words.ends_with(", and 2 more"), "{words}");
    }

    #[test]
    fn f1_is_of_the_positive_class_of_two() {
        let task = |n| TaskInfo::new("own", 8, labels(n));
        assert_eq!(positive(&task(4)), None);
        assert_eq!(positive(&task(2)), Some("c1"));
    }

    #[test]
    fn the_worst_class_is_one_with_examples() {
        let [_, second] = two();
        let labels = labels(4);
        assert_eq!(worst(&second.counts(4), &labels).unwrap().label, "c2");
        assert_eq!(worst(&Counts::none(4), &labels), None);
        assert_eq!(ClassCount::new("x", &ClassCounts::default()).recall, None);
    }
}
