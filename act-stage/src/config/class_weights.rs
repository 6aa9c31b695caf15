//! `TrainConfig.class_weights`: how much the examples of each class weigh in the loss with the labels.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use act_core::error::{Error, Result};
use act_core::{ProblemKind, Target};

const KEY: &str = "TrainConfig.class_weights";

/// `balanced`, or a weight a label.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ClassWeights {
    /// Rare classes weigh as much as common ones, all of their examples together.
    #[serde(serialize_with = "balanced")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::balanced"))]
    Balanced,
    /// By the labels' names; 1 for those that are not named.
    Given(BTreeMap<String, f64>),
}

fn balanced<S: serde::Serializer>(serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str("balanced")
}

impl<'de> Deserialize<'de> for ClassWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(word) if word == "balanced" => Ok(ClassWeights::Balanced),
            Value::Object(weights) => serde_json::from_value(weights.into())
                .map(ClassWeights::Given)
                .map_err(D::Error::custom),
            other => Err(D::Error::custom(format!(
                "found {other}, expected balanced, or a weight for each label, as in {{spam: 4, ham: 1}}"
            ))),
        }
    }
}

impl ClassWeights {
    /// Checks every weight by itself.
    pub(super) fn check(&self) -> Result<()> {
        let ClassWeights::Given(weights) = self else {
            return Ok(());
        };
        match weights.iter().find(|(_, w)| !(w.is_finite() && **w >= 0.0)) {
            Some((label, weight)) => Err(Error::usage(format!(
                "{KEY}: {weight} of label {label:?} is not allowed: 0 or more"
            ))),
            None => Ok(()),
        }
    }

    /// A weight for each of `labels`, in their order, for training on `examples`. Balanced weights of single
    /// labels are `n / (classes x examples of the class)` (King & Zeng 2001, as scikit-learn has them), of
    /// several labels, for the texts that have one, the texts without it over those with it; 1 for a class
    /// without examples.
    ///
    /// # Errors
    /// Usage: a label that there is not, or scores.
    pub fn of(
        &self,
        labels: &[String],
        examples: &[Target],
        kind: ProblemKind,
    ) -> Result<Vec<f64>> {
        if kind == ProblemKind::Regression {
            return Err(Error::usage(format!(
                "{KEY}: the answers are scores, which have no classes; leave the key out"
            )));
        }
        match self {
            ClassWeights::Balanced => Ok(balanced_weights(labels.len(), examples, kind)),
            ClassWeights::Given(weights) => {
                if let Some(unknown) = weights.keys().find(|name| !labels.contains(name)) {
                    return Err(Error::usage(format!(
                        "{KEY}: there is no label {unknown:?}; the model has {}",
                        labels.join(", ")
                    )));
                }
                let weight = |label: &String| weights.get(label).copied().unwrap_or(1.0);
                Ok(labels.iter().map(weight).collect())
            }
        }
    }
}

fn balanced_weights(labels: usize, examples: &[Target], kind: ProblemKind) -> Vec<f64> {
    let mut counts = vec![0usize; labels];
    let all = examples.iter().flat_map(Target::classes);
    all.for_each(|&class| counts[class as usize] += 1);
    let n = examples.len();
    let weight = |&count: &usize| match (count, kind) {
        (0, _) => 1.0,
        (_, ProblemKind::MultiLabel) => (n - count) as f64 / count as f64,
        _ => n as f64 / (labels * count) as f64,
    };
    counts.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> ClassWeights {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn balanced_weights_are_scikit_learns_and_pytorchs() {
        let labels = ["a", "b", "c"].map(String::from);
        // scikit-learn 1.9.1: compute_class_weight("balanced", classes=[0, 1, 2], y=[0, 0, 0, 1, 1, 2])
        let single: Vec<Target> = [0, 0, 0, 1, 1, 2].map(Target::Class).into();
        let balanced = read("\"balanced\"");
        let weights = balanced.of(&labels, &single, ProblemKind::SingleLabel);
        assert_eq!(weights.unwrap(), [2.0 / 3.0, 1.0, 2.0]);
        // pos_weight of torch's BCEWithLogitsLoss as its documentation proposes it.
        let sets = [vec![0], vec![0, 1], vec![0], vec![]].map(Target::Classes);
        let weights = balanced.of(&labels, &sets, ProblemKind::MultiLabel);
        assert_eq!(weights.unwrap(), [1.0 / 3.0, 3.0, 1.0]);
        assert!(balanced.of(&labels, &[], ProblemKind::Regression).is_err());
    }

    #[test]
    fn given_weights_are_by_name() {
        let labels = ["ham", "spam"].map(String::from);
        let given = read("{\"spam\": 4}");
        let weights = given.of(&labels, &[], ProblemKind::SingleLabel).unwrap();
        assert_eq!(weights, [1.0, 4.0]);
        let unknown = read("{\"sapm\": 4}").of(&labels, &[], ProblemKind::SingleLabel);
        let message = unknown.unwrap_err().to_string();
        assert!(
            message.ends_with("no label \"sapm\"; the model has ham, spam"),
            "{message}"
        );
        assert!(read("{\"spam\": -1}").check().is_err());
        assert!(serde_json::from_str::<ClassWeights>("\"even\"").is_err());
        for weights in [read("\"balanced\""), given] {
            let written = serde_json::to_string(&weights).unwrap();
            assert_eq!(read(&written), weights);
        }
    }
}
