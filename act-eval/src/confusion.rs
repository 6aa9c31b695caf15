//! Which classes a model takes for which: the confusion matrix, and its largest mistakes where there
//! are too many classes to look at a matrix.

use act_stage::report::Confusion;

use crate::evaluation::Answers;

/// Examples of one class that were taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mistake {
    /// The true class.
    pub truth: usize,
    /// The model's.
    pub predicted: usize,
    /// How many examples.
    pub examples: usize,
}

/// Counts the answers; their classes index `labels`.
pub fn count(answers: &Answers, labels: &[String]) -> Confusion {
    let mut counts = vec![vec![0; labels.len()]; labels.len()];
    for (&predicted, &truth) in answers.predicted.iter().zip(&answers.truth) {
        counts[truth as usize][predicted] += 1;
    }
    Confusion {
        labels: labels.to_vec(),
        counts,
    }
}

/// The most frequent mistakes, at most so many, the largest first; of equals the first classes'.
pub fn mistakes(confusion: &Confusion, most: usize) -> Vec<Mistake> {
    let mut all: Vec<Mistake> = Vec::new();
    for (truth, row) in confusion.counts.iter().enumerate() {
        for (predicted, &examples) in row.iter().enumerate() {
            if predicted != truth && examples > 0 {
                all.push(Mistake {
                    truth,
                    predicted,
                    examples,
                });
            }
        }
    }
    all.sort_by_key(|m| std::cmp::Reverse(m.examples));
    all.truncate(most);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_truth_and_prediction() {
        let answers = Answers {
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
}
