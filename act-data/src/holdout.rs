//! Seeded slices of train: one to choose by, for dev must stay unseen until the end, and dev itself where
//! the data have none.

use std::collections::HashMap;

use act_core::{BuiltIn, Seed};
use rand::seq::SliceRandom;

use crate::dataset::Dataset;
use crate::target::Target;

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

    /// Takes out about `ratio` (0..=1) of the examples, of each label as many, at random by `seed` and the
    /// name of what they are for. Members of one of the [`groups`](Self::groups) are never in both parts,
    /// and no label loses its last example. How classes are numbered makes no difference.
    ///
    /// A text with several labels counts for the rarest of them; scores are drawn from as one.
    pub(crate) fn stratified(&self, seed: Seed, name: &str, ratio: f64) -> Holdout {
        let mut chance = seed.stream(name);
        let (mut wanted, mut taken) = (0.0, 0usize);
        let mut held_out = vec![false; self.examples.len()];
        for mut groups in self.strata() {
            let members: usize = groups.iter().map(Vec::len).sum();
            groups.shuffle(&mut chance);
            // What one label's share was rounded by is made good by the next.
            wanted += members as f64 * ratio.clamp(0.0, 1.0);
            let mut left = members;
            for group in groups {
                let enough = taken as f64 + group.len() as f64 / 2.0 > wanted;
                if enough || group.len() >= left {
                    break;
                }
                taken += group.len();
                left -= group.len();
                group
                    .into_iter()
                    .for_each(|example| held_out[example] = true);
            }
        }
        let (held_out, train) = (0..held_out.len()).partition(|&example| held_out[example]);
        Holdout { train, held_out }
    }

    /// The groups of each label, in the order of the labels' first examples.
    fn strata(&self) -> Vec<Vec<Vec<usize>>> {
        let mut counts = vec![0usize; self.labels.len()];
        let targets = self.examples.iter().filter_map(|e| e.target.as_ref());
        for class in targets.flat_map(Target::classes) {
            counts[*class as usize] += 1;
        }
        let label = |example: usize| {
            let target = self.examples[example].target.as_ref();
            let classes = target.map_or(&[][..], Target::classes).iter();
            // Of labels with as many examples the name decides, which every numbering has.
            classes.min_by_key(|&&class| (counts[class as usize], &self.labels[class as usize]))
        };
        let mut strata: Vec<Vec<Vec<usize>>> = Vec::new();
        let mut of: HashMap<Option<&u32>, usize> = HashMap::new();
        for group in self.groups() {
            let stratum = *of.entry(label(group[0])).or_insert(strata.len());
            if stratum == strata.len() {
                strata.push(Vec::new());
            }
            strata[stratum].push(group);
        }
        strata
    }
}

#[cfg(test)]
mod tests {
    use act_core::provenance::{DataRecord, Digest};

    use super::*;
    use crate::dataset::Example;
    use crate::split::Split;
    use crate::target::ProblemKind;

    fn dataset(targets: impl Iterator<Item = Target>, labels: &[&str]) -> Dataset {
        let examples = targets.enumerate().map(|(i, target)| Example {
            text: format!("text {}", i / 2),
            pair: None,
            target: Some(target),
        });
        Dataset {
            task: "own".into(),
            split: Split::Train,
            problem: ProblemKind::SingleLabel,
            labels: labels.iter().map(|l| l.to_string()).collect(),
            columns: None,
            examples: examples.collect(),
            dropped: 0,
            record: DataRecord {
                name: "own/train".into(),
                digest: Digest([0; 32]),
                examples: 0,
                synthetic: false,
            },
        }
    }

    fn classes(data: &Dataset, part: &[usize]) -> Vec<usize> {
        let mut counts = vec![0; data.labels.len()];
        let of = |i: &usize| {
            data.examples[*i]
                .target
                .as_ref()
                .unwrap()
                .classes()
                .to_vec()
        };
        part.iter()
            .flat_map(of)
            .for_each(|class| counts[class as usize] += 1);
        counts
    }

    #[test]
    fn every_label_gives_its_share_and_none_its_last_example() {
        // 600 pairs of equal texts with one label, 300 with another, 60, and a single one.
        let sizes = [(0, 1200), (1, 600), (2, 120), (3, 1)];
        let targets = sizes
            .into_iter()
            .flat_map(|(class, n)| vec![Target::Class(class); n]);
        let data = dataset(targets, &["a", "b", "c", "d"]);
        let parts = data.stratified(Seed(42), "dev", 0.1);
        assert_eq!(classes(&data, &parts.held_out), [120, 60, 12, 0]);
        assert_eq!(
            parts.train.len() + parts.held_out.len(),
            data.examples.len()
        );
        assert!(parts.train.is_sorted() && parts.held_out.is_sorted());
        let text = |part: &[usize]| {
            part.iter()
                .map(|i| i / 2)
                .collect::<std::collections::HashSet<_>>()
        };
        assert!(text(&parts.train).is_disjoint(&text(&parts.held_out)));
        assert_eq!(data.stratified(Seed(42), "dev", 0.1), parts);
        assert_ne!(data.stratified(Seed(43), "dev", 0.1), parts);
        assert_ne!(data.stratified(Seed(42), "test", 0.1), parts);
    }

    #[test]
    fn the_numbers_of_classes_make_no_difference() {
        let target = |i: u32| Target::Class((i * i + i / 7) % 3);
        let data = dataset((0..300).map(target), &["a", "b", "c"]);
        let mut renumbered = data.clone();
        renumbered.labels = ["c", "a", "b"].map(String::from).to_vec();
        for example in &mut renumbered.examples {
            let target = example.target.take().unwrap();
            example.target = Some(target.renumbered(|class| Ok((class + 1) % 3)).unwrap());
        }
        let parts = data.stratified(Seed(42), "dev", 0.1);
        assert_eq!(renumbered.stratified(Seed(42), "dev", 0.1), parts);
        assert_eq!(parts.held_out.len(), 30);
    }

    #[test]
    fn texts_with_several_labels_count_for_the_rarest_and_scores_are_one() {
        let target = |i: u32| match i % 10 {
            0 => Target::Classes(vec![0, 1]),
            _ => Target::Classes(vec![0]),
        };
        let data = dataset((0..1000).map(target), &["common", "rare"]);
        let held_out = data.stratified(Seed(42), "dev", 0.1).held_out;
        assert_eq!(classes(&data, &held_out), [100, 10]);
        let scores = dataset((0..200).map(|i| Target::Score(i.into())), &["score"]);
        assert_eq!(scores.stratified(Seed(42), "dev", 0.1).held_out.len(), 20);
        let few = dataset((0..4).map(|i| Target::Class(i % 2)), &["a", "b"]);
        assert!(few.stratified(Seed(42), "dev", 0.1).held_out.is_empty());
    }
}
