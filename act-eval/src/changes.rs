//! The examples that two models answer differently: what compression did, in sentences that people
//! can read.

use act_data::Example;
use act_stage::report::{Change, Changes};

use crate::evaluation::{Answers, named};

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

/// Compares the answers of two models to the same examples; `None` for scores, of which all change.
pub fn between(
    examples: &[Example],
    labels: &[String],
    before: &Answers,
    after: &Answers,
) -> Option<Changes> {
    let (before, after) = (words(before, labels)?, words(after, labels)?);
    let mut changed: Vec<Change> = (examples.iter().zip(before).zip(after).enumerate())
        .filter(|(_, ((_, before), after))| before.0 != after.0)
        .map(|(i, ((example, before), after))| Change {
            example: i + 1,
            text: example.text.clone(),
            pair: example.pair.clone(),
            truth: after.1,
            before: before.0,
            after: after.0,
        })
        .collect();
    let going = |way| changed.iter().filter(|c| Direction::of(c) == way).count();
    let (count, lost, won) = (changed.len(), going(Direction::Lost), going(Direction::Won));
    changed.sort_by_key(Direction::of);
    changed.truncate(SHOWN);
    Some(Changes {
        count,
        lost,
        won,
        examples: changed,
    })
}

/// Every answer and the right one, as people write them; `None` for scores.
fn words(answers: &Answers, labels: &[String]) -> Option<Vec<(String, String)>> {
    match answers {
        Answers::Classes { predicted, truth } => {
            let pairs = predicted.iter().zip(truth);
            let words = pairs.map(|(&p, &t)| (labels[p].clone(), labels[t as usize].clone()));
            Some(words.collect())
        }
        Answers::Sets {
            predicted, truth, ..
        } => {
            let pairs = predicted.iter().zip(truth);
            Some(
                pairs
                    .map(|(p, t)| (named(p, labels), named(t, labels)))
                    .collect(),
            )
        }
        Answers::Scores { .. } => None,
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
        "{count} answers of the first model changed in the last: {lost} became wrong, {won} became \
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
        let answers = |predicted: [usize; 4]| Answers::Classes {
            predicted: predicted.into(),
            truth: vec![0, 0, 0, 0],
        };
        let (before, after) = (answers([1, 1, 0, 0]), answers([2, 0, 1, 0]));
        let changes = between(&examples, &labels, &before, &after).unwrap();
        assert_eq!((changes.count, changes.lost, changes.won), (3, 1, 1));
        let texts: Vec<_> = changes
            .examples
            .iter()
            .map(|c| (&*c.text, Direction::of(c).name()))
            .collect();
        assert_eq!(texts, [("y", "lost"), ("x", "won"), ("w", "other")]);
    }
}
