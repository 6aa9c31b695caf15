//! What a data folder holds: counts, labels, lengths, duplicates, and what is wrong with it.
//!
//! Reads every split that is there through the same reader as the stages, so that a folder that
//! passes here loads everywhere.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

use act_core::provenance::Digest;
use act_core::{Error, Result, Tokenizer, WordPieceSpec};
use serde::Serialize;

use crate::dataset::{Dataset, Example};
use crate::folder::Folder;
use crate::split::Split;
use crate::vocab::vocabulary;

/// What `act-data check` found.
#[derive(Debug, Serialize)]
pub struct Check {
    /// Version of this schema.
    pub schema: u32,
    /// Task name.
    pub task: String,
    /// True for the bundled generator's corpus.
    pub synthetic: bool,
    /// One entry a split that could be read.
    pub splits: Vec<SplitCheck>,
    /// Examples of dev or test whose text and pair are also in train.
    pub also_in_train: Vec<Shared>,
    /// The first thing wrong with each split that could not be read, with file and line.
    pub errors: Vec<String>,
}

/// One split's figures.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct SplitCheck {
    pub split: String,
    pub examples: usize,
    /// Lines without a usable label, left out.
    pub dropped: usize,
    pub digest: Digest,
    /// Per label of the task, in order; empty without labels.
    pub labels: Vec<LabelCount>,
    /// Share of the largest class: what always answering it would score.
    pub majority: Option<f64>,
    /// Characters of text and pair together.
    pub characters: Lengths,
    /// Tokens, special ones counted, before any truncation.
    pub tokens: Lengths,
    /// Examples whose text and pair occurred before in this split.
    pub duplicates: usize,
    /// Those of them whose label differs from the first occurrence's.
    pub contradictory: usize,
}

/// A label and its part of a split.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct LabelCount {
    pub label: String,
    pub examples: usize,
    pub share: f64,
}

/// A distribution of lengths.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Lengths {
    pub median: usize,
    pub p95: usize,
    pub max: usize,
}

/// Examples of a split that are also in train.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Shared {
    pub split: String,
    pub examples: usize,
}

/// Reads every split of a folder. `vocab`, a `vocab.txt`, counts tokens; without it a vocabulary
/// is made from train.
pub fn check(dir: &Path, task: Option<&str>, vocab: Option<&str>) -> Result<Check> {
    let folder = Folder::open(dir, task)?;
    let (mut sets, mut errors) = (Vec::new(), Vec::new());
    for split in Split::ALL {
        if folder.find_split(split).is_none() {
            continue;
        }
        match Dataset::open(dir, task, split, None) {
            Ok(set) => sets.push(set),
            Err(e) => errors.push(e.to_string()),
        }
    }
    let splits = match sets.first() {
        None => Vec::new(),
        Some(first) => {
            let spec = match vocab {
                Some(text) => WordPieceSpec::from_vocab(text)?,
                None => WordPieceSpec::from_vocab(&vocabulary(first, 1)?)?,
            };
            let tokenizer = Tokenizer::new(&spec.into(), usize::MAX >> 1)?;
            let describe = |set| describe(set, &tokenizer);
            sets.iter().map(describe).collect::<Result<Vec<_>>>()?
        }
    };
    Ok(Check {
        schema: 1,
        task: folder.task.name().into(),
        synthetic: folder.synthetic,
        splits,
        also_in_train: also_in_train(&sets),
        errors,
    })
}

impl Check {
    /// An error that names the first bad line, if any split had one.
    pub fn verdict(&self) -> Result<()> {
        match self.errors.first() {
            None => Ok(()),
            Some(error) => Err(Error::usage(error.clone())),
        }
    }
}

fn describe(set: &Dataset, tokenizer: &Tokenizer) -> Result<SplitCheck> {
    let mut first: HashMap<(&str, Option<&str>), Option<u32>> = HashMap::new();
    let (mut duplicates, mut contradictory) = (0, 0);
    let mut counts = vec![0usize; set.labels.len()];
    for e in &set.examples {
        let label = *first
            .entry((&e.text, e.pair.as_deref()))
            .or_insert_with(|| e.label);
        contradictory += usize::from(label != e.label);
        if let Some(label) = e.label {
            counts[label as usize] += 1;
        }
    }
    duplicates += set.examples.len() - first.len();
    let labelled: usize = counts.iter().sum();
    let share = |n: usize| n as f64 / labelled as f64;
    let labels = set
        .labels
        .iter()
        .zip(&counts)
        .map(|(label, &examples)| LabelCount {
            label: label.clone(),
            examples,
            share: share(examples),
        });
    let characters =
        |e: &Example| e.text.chars().count() + e.pair.as_deref().map_or(0, |p| p.chars().count());
    Ok(SplitCheck {
        split: set.split.to_string(),
        examples: set.examples.len(),
        dropped: set.dropped,
        digest: set.record.digest,
        labels: if labelled == 0 {
            Vec::new()
        } else {
            labels.collect()
        },
        majority: counts
            .iter()
            .max()
            .filter(|_| labelled > 0)
            .map(|&n| share(n)),
        characters: Lengths::of(set.examples.iter().map(characters).collect()),
        tokens: Lengths::of(set.encode(tokenizer)?.encodings.iter().map(|e| e.len()).collect()),
        duplicates,
        contradictory,
    })
}

impl Lengths {
    /// Nearest-rank percentiles; all zero without values.
    fn of(mut values: Vec<usize>) -> Self {
        values.sort_unstable();
        let rank = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100);
            values.get(rank.saturating_sub(1)).copied().unwrap_or(0)
        };
        Self {
            median: rank(50),
            p95: rank(95),
            max: rank(100),
        }
    }
}

fn also_in_train(sets: &[Dataset]) -> Vec<Shared> {
    let Some(train) = sets.iter().find(|s| s.split == Split::Train) else {
        return Vec::new();
    };
    let known: HashSet<(&str, Option<&str>)> = train
        .examples
        .iter()
        .map(|e| (e.text.as_str(), e.pair.as_deref()))
        .collect();
    let others = sets.iter().filter(|s| s.split != Split::Train);
    let shared = others.map(|s| Shared {
        split: s.split.to_string(),
        examples: s
            .examples
            .iter()
            .filter(|e| known.contains(&(e.text.as_str(), e.pair.as_deref())))
            .count(),
    });
    shared.collect()
}

/// The report for people.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let synthetic = if self.synthetic {
            " (synthetic sample)"
        } else {
            ""
        };
        writeln!(f, "task {}{synthetic}", self.task)?;
        for s in &self.splits {
            write!(f, "\n{}: {} examples", s.split, s.examples)?;
            if s.dropped > 0 {
                write!(f, ", {} lines without a usable label left out", s.dropped)?;
            }
            writeln!(f, "\n  digest      {}", s.digest)?;
            for (name, l) in [("characters", &s.characters), ("tokens", &s.tokens)] {
                writeln!(
                    f,
                    "  {name:<11} median {}, p95 {}, max {}",
                    l.median, l.p95, l.max
                )?;
            }
            if s.duplicates > 0 {
                let (n, c) = (s.duplicates, s.contradictory);
                writeln!(f, "  duplicates  {n}, {c} of them with another label")?;
            }
            let Some(majority) = s.majority else {
                writeln!(f, "  labels      none")?;
                continue;
            };
            writeln!(f, "  majority    {:.1} %", majority * 100.0)?;
            for l in &s.labels {
                writeln!(
                    f,
                    "  label {:<16} {:>7} {:>6.1} %",
                    l.label,
                    l.examples,
                    l.share * 100.0
                )?;
            }
        }
        for shared in self.also_in_train.iter().filter(|s| s.examples > 0) {
            writeln!(
                f,
                "\n{} examples of {} are also in train",
                shared.examples, shared.split
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_by_nearest_rank() {
        let of = |v: &[usize]| Lengths::of(v.to_vec());
        assert_eq!(
            of(&[]),
            Lengths {
                median: 0,
                p95: 0,
                max: 0
            }
        );
        assert_eq!(
            of(&[7]),
            Lengths {
                median: 7,
                p95: 7,
                max: 7
            }
        );
        let hundred: Vec<usize> = (1..=100).rev().collect();
        assert_eq!(
            of(&hundred),
            Lengths {
                median: 50,
                p95: 95,
                max: 100
            }
        );
    }
}
