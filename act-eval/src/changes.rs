//! The examples that two models answer differently: what compression did, in sentences that people
//! can read.

use act_data::Example;
use serde::Serialize;

use crate::evaluation::Answers;

/// Examples whose answer changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// How many there are.
    pub count: usize,
    /// Of those, right before and wrong after.
    pub lost: usize,
    /// Wrong before and right after.
    pub won: usize,
    /// The first of them, at most [`Changes::SHOWN`]: lost ones, then won ones, then the others.
    pub examples: Vec<Change>,
}

/// One example whose answer changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

impl Change {
    /// `lost`, `won` or `other`.
    pub fn kind(&self) -> &'static str {
        match (self.before == self.truth, self.after == self.truth) {
            (true, _) => "lost",
            (_, true) => "won",
            _ => "other",
        }
    }
}

impl Changes {
    /// More than this nobody reads.
    pub const SHOWN: usize = 60;

    /// How many changed and which way, in a sentence.
    pub fn summary(&self) -> String {
        let Self {
            count, lost, won, ..
        } = self;
        let shown = match self.examples.len() {
            n if n < *count => format!(" The first {n} are shown."),
            _ => String::new(),
        };
        format!(
            "{count} answers of the first model changed in the last: {lost} were right, {won} became \
             right, {} were wrong before and after.{shown}",
            count - lost - won
        )
    }

    /// Compares the answers of two models to the same examples.
    pub fn new(examples: &[Example], labels: &[String], before: &Answers, after: &Answers) -> Self {
        let name = |class: usize| labels[class].clone();
        let mut changed: Vec<Change> = (examples.iter().enumerate())
            .filter(|&(i, _)| before.predicted[i] != after.predicted[i])
            .map(|(i, example)| Change {
                example: i + 1,
                text: example.text.clone(),
                pair: example.pair.clone(),
                truth: name(after.truth[i] as usize),
                before: name(before.predicted[i]),
                after: name(after.predicted[i]),
            })
            .collect();
        let of_kind = |kind| changed.iter().filter(|c| c.kind() == kind).count();
        let (count, lost, won) = (changed.len(), of_kind("lost"), of_kind("won"));
        changed.sort_by_key(|c| match c.kind() {
            "lost" => 0,
            "won" => 1,
            _ => 2,
        });
        changed.truncate(Self::SHOWN);
        Self {
            count,
            lost,
            won,
            examples: changed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_answers_come_first_and_unchanged_ones_not_at_all() {
        let examples: Vec<Example> = ["w", "x", "y", "z"]
            .map(|text| Example {
                text: text.into(),
                pair: None,
                label: None,
            })
            .into();
        let labels = ["a", "b", "c"].map(String::from);
        let answers = |predicted: [usize; 4]| Answers {
            predicted: predicted.into(),
            truth: vec![0, 0, 0, 0],
        };
        let (before, after) = (answers([1, 1, 0, 0]), answers([2, 0, 1, 0]));
        let changes = Changes::new(&examples, &labels, &before, &after);
        assert_eq!((changes.count, changes.lost, changes.won), (3, 1, 1));
        let texts: Vec<_> = changes
            .examples
            .iter()
            .map(|c| (&*c.text, c.kind()))
            .collect();
        assert_eq!(texts, [("y", "lost"), ("x", "won"), ("w", "other")]);
    }
}
