//! A seeded slice of train, held out to choose by: dev must stay unseen until the end.

use std::collections::HashMap;

use act_core::{BuiltIn, Seed};
use rand::seq::SliceRandom;

use crate::dataset::Dataset;

/// Two parts of a data set, as indices in rising order; every example is in exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdout {
    /// What stays to train on.
    pub train: Vec<usize>,
    /// What is held out.
    pub held_out: Vec<usize>,
}

impl Dataset {
    /// Examples that are not independent of each other, as indices: those that share their abstract
    /// (CSL), or else are the same text and pair. In order of their first members.
    pub fn groups(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut of: HashMap<(&str, &str), usize> = HashMap::new();
        for (index, example) in self.examples.iter().enumerate() {
            let pair = example.pair.as_deref().unwrap_or_default();
            let key = if self.task == BuiltIn::Csl.name() {
                ("", pair)
            } else {
                (example.text.as_str(), pair)
            };
            let group = *of.entry(key).or_insert(groups.len());
            if group == groups.len() {
                groups.push(Vec::new());
            }
            groups[group].push(index);
        }
        groups
    }

    /// Holds out about `ratio` (0..=1) of the examples, at random by `seed`. Members of one of the
    /// [`groups`](Self::groups) are never in both parts.
    pub fn slice_validation(&self, seed: Seed, ratio: f64) -> Holdout {
        let mut groups = self.groups();
        groups.shuffle(&mut seed.stream("data.holdout"));
        let wanted = (self.examples.len() as f64 * ratio.clamp(0.0, 1.0)).round() as usize;
        let mut parts = Holdout {
            train: Vec::new(),
            held_out: Vec::new(),
        };
        for group in groups {
            if parts.held_out.len() < wanted {
                parts.held_out.extend(group);
            } else {
                parts.train.extend(group);
            }
        }
        parts.train.sort_unstable();
        parts.held_out.sort_unstable();
        parts
    }
}
