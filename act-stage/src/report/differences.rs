//! Answers in a report: the difference of two models' accuracies, the answers that changed, and which
//! classes a model takes for which.

use serde::{Deserialize, Serialize};

/// Accuracy of a model minus accuracy of the reference, on the same examples; of scores, of their
/// correlations with the right ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// `accuracy(model) - accuracy(reference)`, -1..=1; negative: the model is worse.
    pub value: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
    /// Examples that only the model gets right; of scores, those that it is nearer to.
    pub only_model: usize,
    /// Examples that only the reference gets right, or is nearer to.
    pub only_reference: usize,
    /// Two-sided p-value of McNemar's exact test: how often two equally good models would differ
    /// at least this much. Of scores, from drawing the examples anew.
    pub p_value: f64,
    /// The interval that respects groups of dependent examples; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grouped: Option<GroupedInterval>,
}

/// A 95 % interval from resampling whole groups.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GroupedInterval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Number of groups.
    pub groups: usize,
}

/// Counts of answers: of few classes the matrix `counts[truth][predicted]`, of many what of it is not
/// zero, which is no more than there are examples.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Confusion {
    /// Names of the classes.
    pub labels: Vec<String>,
    /// One row a true class; absent of more than [`Confusion::MATRIX`] classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<Vec<usize>>,
    /// In the order of the classes; absent where `counts` is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<ConfusionCell>,
}

impl Confusion {
    /// Most classes that have a matrix.
    pub const MATRIX: usize = 256;

    /// What is not zero, in the order of the classes.
    pub fn filled(&self) -> impl Iterator<Item = ConfusionCell> {
        let of_row = |(truth, row): (usize, &Vec<usize>)| {
            let cells = row
                .iter()
                .enumerate()
                .filter(|&(_, &examples)| examples > 0);
            let cells = cells.map(move |(predicted, &examples)| ConfusionCell {
                truth,
                predicted,
                examples,
            });
            cells.collect::<Vec<_>>()
        };
        let dense = self.counts.iter().enumerate().flat_map(of_row);
        dense.chain(self.cells.iter().copied())
    }
}

/// Examples of one class that were given one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfusionCell {
    /// The right class, by its place among the labels.
    pub truth: usize,
    /// The answer's class.
    pub predicted: usize,
    /// How many examples.
    pub examples: usize,
}

/// Examples whose answer changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// How many there are.
    pub count: usize,
    /// Of those, right before and wrong after.
    pub lost: usize,
    /// Wrong before and right after.
    pub won: usize,
    /// The first of them: lost ones, then won ones, then the others.
    pub examples: Vec<Change>,
}

/// One example whose answer changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// 1-based number of the example in its split.
    pub example: usize,
    /// The text, or the first of a pair.
    pub text: String,
    /// The second of a pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pair: Option<String>,
    /// The right answer.
    pub truth: String,
    /// The reference's answer.
    pub before: String,
    /// The model's answer.
    pub after: String,
}
