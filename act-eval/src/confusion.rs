//! Which classes a model takes for which: the confusion matrix, and its largest mistakes where there
//! are too many classes to look at a matrix.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use act_stage::report::{Confusion, ConfusionCell};

use crate::evaluation::Answers;

/// Counts the answers; their classes index `labels`.
pub fn count(answers: &Answers, labels: &[String]) -> Confusion {
    // A set has no one class that it is taken for.
    let Answers::Classes { predicted, truth } = answers else {
        return Confusion::default();
    };
    let mut confusion = Confusion {
        labels: labels.to_vec(),
        ..Confusion::default()
    };
    let pairs = truth.iter().zip(predicted);
    let pairs = pairs.map(|(&truth, &predicted)| (truth as usize, predicted));
    if labels.len() <= Confusion::MATRIX {
        confusion.counts = vec![vec![0; labels.len()]; labels.len()];
        pairs.for_each(|(truth, predicted)| confusion.counts[truth][predicted] += 1);
        return confusion;
    }
    let mut cells: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    pairs.for_each(|pair| *cells.entry(pair).or_default() += 1);
    let cell = |((truth, predicted), examples)| ConfusionCell {
        truth,
        predicted,
        examples,
    };
    confusion.cells = cells.into_iter().map(cell).collect();
    confusion
}

/// The most frequent mistakes, at most so many, the largest first; of equals the first classes'.
pub fn mistakes(confusion: &Confusion, most: usize) -> Vec<ConfusionCell> {
    let wrong = |cell: &ConfusionCell| cell.truth != cell.predicted;
    let mut all: Vec<ConfusionCell> = confusion.filled().filter(wrong).collect();
    all.sort_by_key(|cell| Reverse(cell.examples));
    all.truncate(most);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_truth_and_prediction() {
        let answers = Answers::Classes {
            predicted: vec![0, 1, 1, 2, 1, 1],
            truth: vec![0, 1, 2, 2, 0, 2],
        };
        let labels = ["a", "b", "c"].map(String::from);
        let confusion = count(&answers, &labels);
        assert_eq!(confusion.counts, [[1, 1, 0], [0, 1, 0], [0, 2, 1]]);
        let found: Vec<_> = mistakes(&confusion, 9)
            .iter()
            .map(|m| (m.truth, m.predicted, m.examples))
            .collect();
        assert_eq!(found, [(2, 1, 2), (0, 1, 1)]);
        assert_eq!(mistakes(&confusion, 1).len(), 1);
    }

    #[test]
    fn of_many_classes_only_what_is_not_zero_is_kept() {
        let labels: Vec<String> = (0..4096).map(|class| class.to_string()).collect();
        let answers = Answers::Classes {
            predicted: vec![0, 4000, 4000, 7],
            truth: vec![0, 4095, 4095, 4095],
        };
        let confusion = count(&answers, &labels);
        assert!(confusion.counts.is_empty());
        let cells = confusion.filled();
        let cells: Vec<_> = cells.map(|c| (c.truth, c.predicted, c.examples)).collect();
        assert_eq!(cells, [(0, 0, 1), (4095, 7, 1), (4095, 4000, 2)]);
        assert_eq!(mistakes(&confusion, 1)[0].examples, 2);
        let json = serde_json::to_string(&confusion).unwrap();
        assert!(json.len() < 50_000, "{} bytes", json.len());
        let read: Confusion = serde_json::from_str(&json).unwrap();
        assert_eq!(read, confusion);
    }
}
