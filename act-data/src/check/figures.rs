//! The figures of a split.

use std::collections::{HashMap, HashSet};

use act_core::provenance::Digest;
use act_core::{Encoding, Result, Tokenizer, TokenizerSpec};
use act_stage::report::Cut;
use serde::Serialize;

use super::Reader;
use crate::coverage::Coverage;
use crate::dataset::{Dataset, Example};
use crate::lengths::Lengths;
use crate::split::Split;
use crate::target::{ProblemKind, Target};

/// One split's figures.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct SplitCheck {
    pub split: String,
    pub examples: usize,
    /// Lines without a usable label, left out.
    pub dropped: usize,
    /// Lines that a stage would refuse; no figure counts them.
    pub wrong: usize,
    pub digest: Digest,
    /// Per label of the task, in order; empty without labels.
    pub labels: Vec<LabelCount>,
    /// Share of the largest class: what always answering it would score. Of one-label tasks only.
    pub majority: Option<f64>,
    /// Examples with no label of several that there may be.
    pub unlabelled: usize,
    /// The scores of a regression.
    pub scores: Option<Scores>,
    /// Characters of text and pair together.
    pub characters: Distribution,
    /// Tokens, special ones counted, before any truncation.
    pub tokens: Distribution,
    /// Examples that are longer than a model reads.
    pub cut: Cut,
    /// Tokens that the vocabulary knows; absent where it has no token for what it does not know.
    pub known: Option<Known>,
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

/// Scores from the lowest to the highest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Scores {
    pub min: f64,
    pub mean: f64,
    pub max: f64,
}

/// A distribution of lengths.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Distribution {
    pub median: usize,
    pub p95: usize,
    pub max: usize,
}

/// How much of a text a vocabulary knows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Known {
    /// Tokens, special ones not counted.
    pub tokens: usize,
    /// Those of them that are `[UNK]`.
    pub unknown: usize,
    /// Share of those that are not, 0..=1.
    pub share: f64,
}

/// Examples of a split that are also in train.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Shared {
    pub split: String,
    pub examples: usize,
}

impl SplitCheck {
    /// Of a split, beside `wrong` lines, by a tokenizer that cuts nothing.
    pub(super) fn new(
        set: &Dataset,
        wrong: usize,
        spec: &TokenizerSpec,
        tokenizer: &Tokenizer,
        reader: &Reader,
    ) -> Result<Self> {
        let encodings = set.encode(tokenizer)?.encodings;
        let tokens = encodings.iter().map(Encoding::len);
        let tokens = Lengths::of(reader.max_seq_length, tokens);
        let words = spec.word_piece().ok();
        let coverage = words.map(|words| Coverage::of(&encodings, words));
        let (duplicates, contradictory) = duplicates(set);
        let labels = label_counts(set);
        let characters = set.examples.iter().map(characters);
        Ok(Self {
            split: set.split.to_string(),
            examples: set.examples.len(),
            dropped: set.dropped,
            wrong,
            digest: set.record.digest,
            majority: (labels.iter().map(|l| l.share).reduce(f64::max))
                .filter(|_| set.problem == ProblemKind::SingleLabel),
            unlabelled: set.examples.iter().filter(|e| has_no_label(e)).count(),
            scores: Scores::of(set),
            labels,
            characters: Distribution::of(&Lengths::of(usize::MAX, characters)),
            tokens: Distribution::of(&tokens),
            cut: tokens.cut(),
            known: coverage.map(Known::from),
            duplicates,
            contradictory,
        })
    }
}

fn characters(e: &Example) -> usize {
    e.text.chars().count() + e.pair.as_deref().map_or(0, |p| p.chars().count())
}

/// Examples that occurred before, and those of them with another label.
fn duplicates(set: &Dataset) -> (usize, usize) {
    let mut first: HashMap<(&str, Option<&str>), Option<&Target>> = HashMap::new();
    let mut contradictory = 0;
    for e in &set.examples {
        let label = *first
            .entry((&e.text, e.pair.as_deref()))
            .or_insert_with(|| e.target.as_ref());
        contradictory += usize::from(label != e.target.as_ref());
    }
    (set.examples.len() - first.len(), contradictory)
}

/// Each label's part; nothing without labels.
pub(crate) fn label_counts(set: &Dataset) -> Vec<LabelCount> {
    let mut counts = vec![0usize; set.labels.len()];
    let targets = set.examples.iter().filter_map(|e| e.target.as_ref());
    let labelled = targets.clone().count();
    let classes = targets.flat_map(Target::classes);
    classes.for_each(|class| counts[*class as usize] += 1);
    if labelled == 0 || set.problem == ProblemKind::Regression {
        return Vec::new();
    }
    let pairs = set.labels.iter().zip(counts);
    let count = pairs.map(|(label, examples)| LabelCount {
        label: label.clone(),
        examples,
        share: examples as f64 / labelled as f64,
    });
    count.collect()
}

fn has_no_label(example: &Example) -> bool {
    matches!(&example.target, Some(Target::Classes(classes)) if classes.is_empty())
}

impl Scores {
    fn of(set: &Dataset) -> Option<Self> {
        let scores = set.examples.iter().filter_map(|e| match e.target {
            Some(Target::Score(score)) => Some(score),
            _ => None,
        });
        let n = scores.clone().count() as f64;
        Some(Self {
            min: scores.clone().reduce(f64::min)?,
            mean: scores.clone().sum::<f64>() / n,
            max: scores.reduce(f64::max)?,
        })
    }
}

impl Distribution {
    /// Nearest-rank percentiles; all zero without values.
    fn of(lengths: &Lengths) -> Self {
        let [median, p95, max] = [50, 95, 100].map(|p| lengths.percentile(p));
        Self { median, p95, max }
    }
}

impl From<Coverage> for Known {
    fn from(coverage: Coverage) -> Self {
        let Coverage { tokens, unknown } = coverage;
        Self {
            tokens,
            unknown,
            share: 1.0 - unknown as f64 / tokens.max(1) as f64,
        }
    }
}

/// How many examples of the other splits are also in train.
pub(super) fn also_in_train<'a>(sets: impl Iterator<Item = &'a Dataset>) -> Vec<Shared> {
    let (train, others): (Vec<_>, Vec<_>) = sets.partition(|set| set.split == Split::Train);
    let Some(train) = train.first() else {
        return Vec::new();
    };
    fn key(e: &Example) -> (&str, Option<&str>) {
        (&e.text, e.pair.as_deref())
    }
    let known: HashSet<_> = train.examples.iter().map(key).collect();
    let shared = others.into_iter().map(|set| Shared {
        split: set.split.to_string(),
        examples: (set.examples.iter())
            .filter(|e| known.contains(&key(e)))
            .count(),
    });
    shared.collect()
}
