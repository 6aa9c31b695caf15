//! The examples that two models answer differently: what compression did, in sentences that people
//! can read.

use act_data::Example;
use act_stage::report::{Change, Changes};

use crate::evaluation::Answers;

/// More than this nobody reads.
const SHOWN: usize = 60;

/// Which way an answer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Right before and wrong after.
    Lost,
    /// Wrong before and right after.
    Won,
    /// Wrong before and after.
    Other,
}

impl Direction {
    /// Of one example.
    pub fn of(change: &Change) -> Self {
        if change.before == change.truth {
            Direction::Lost
        } else if change.after == change.truth {
            Direction::Won
        } else {
            Direction::Other
        }
    }

    /// `lost`, `won` or `other`.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Lost => "lost",
            Direction::Won => "won",
            Direction::Other => "other",
        }
    }
}

/// Compares the answers of two models to the same examples.
pub fn between(
    examples: &[Example],
    labels: &[String],
    before: &Answers,
    after: &Answers,
) -> Changes {
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
    let going = |way| changed.iter().filter(|c| Direction::of(c) == way).count();
    let (count, lost, won) = (changed.len(), going(Direction::Lost), going(Direction::Won));
    changed.sort_by_key(Direction::of);
    changed.truncate(SHOWN);
    Changes {
        count,
        lost,
        won,
        examples: changed,
    }
}

/// How many changed and which way, in a sentence.
pub fn summary(changes: &Changes) -> String {
    let Changes {
        count, lost, won, ..
    } = changes;
    let shown = match changes.examples.len() {
        n if n < *count => format!(" The first {n} are shown."),
        _ => String::new(),
    };
    format!(
        "{count} answers of the first model changed in the last: {lost} were right, {won} became \
         right, {} were wrong before and after.{shown}",
        count - lost - won
    )
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
                target: None,
            })
            .into();
        let labels = ["a", "b", "c"].map(String::from);
        let answers = |predicted: [usize; 4]| Answers {
            predicted: predicted.into(),
            truth: vec![0, 0, 0, 0],
        };
        let (before, after) = (answers([1, 1, 0, 0]), answers([2, 0, 1, 0]));
        let changes = between(&examples, &labels, &before, &after);
        assert_eq!((changes.count, changes.lost, changes.won), (3, 1, 1));
        let texts: Vec<_> = changes
            .examples
            .iter()
            .map(|c| (&*c.text, Direction::of(c).name()))
            .collect();
        assert_eq!(texts, [("y", "lost"), ("x", "won"), ("w", "other")]);
    }
}
