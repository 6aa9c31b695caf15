//! The examples on which importance is measured: a seeded slice of train, never of dev, and not of
//! what training holds out to choose weights by: the held-out figures stay clean of the choice made
//! here.

use act_core::{Artifact, Encoding, Error, Result, Seed, Target, Tokenizer};
use act_data::{Dataset, Encoded};
use act_nn::Examples;
use act_stage::report::Cut;
use rand::seq::SliceRandom;

use crate::options::Options;

/// Encoded examples with their classes.
#[derive(Debug, Clone)]
pub struct Calibration {
    /// Token ids.
    pub encodings: Vec<Encoding>,
    /// The right answers, one an encoding.
    pub labels: Vec<Target>,
    /// How many of the examples are cut, if they are texts.
    pub cut: Option<Cut>,
}

impl Calibration {
    /// Draws as many examples of `train` as the options ask for, without replacement (all of them
    /// if there are fewer), and encodes them with the model's tokenizer.
    pub fn sample(
        train: &Dataset,
        model: &Artifact,
        options: &Options,
        seed: Seed,
    ) -> Result<Self> {
        let slices = train.slice_validation(seed, options.validation_ratio);
        if slices.train.is_empty() {
            return Err(Error::usage(format!(
                "{} has {} examples, none of which are left to measure importance on",
                train.record.name,
                train.examples.len()
            )));
        }
        let labels = train.targets()?;
        let chosen = draw(slices.train, options.calibration_examples, seed);
        let tokenizer = Tokenizer::new(&model.tokenizer, model.task.max_seq_length)?;
        let Encoded { encodings, lengths } = train.encode_some(&chosen, &tokenizer)?;
        Ok(Self {
            encodings,
            cut: Some(lengths.cut().tell(&train.record.name)),
            labels: chosen.iter().map(|&i| labels[i].clone()).collect(),
        })
    }

    /// The same as act-nn takes them.
    pub fn examples(&self) -> Examples<'_> {
        Examples {
            encodings: &self.encodings,
            labels: &self.labels,
            teacher_logits: None,
            teacher: None,
        }
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// True without any example.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// `count` of `all`, rising.
fn draw(mut all: Vec<usize>, count: usize, seed: Seed) -> Vec<usize> {
    let count = count.min(all.len());
    let mut rng = seed.stream("prune.calibration");
    let (chosen, _) = all.partial_shuffle(&mut rng, count);
    let mut chosen = chosen.to_vec();
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_each_once_and_the_same_for_the_same_seed() {
        let draw = |total, seed| draw((0..total).collect(), 100, Seed(seed));
        let drawn = draw(1000, 7);
        assert_eq!(drawn.len(), 100);
        assert!(drawn.windows(2).all(|w| w[0] < w[1]) && drawn[99] < 1000);
        assert_eq!(drawn, draw(1000, 7));
        assert_ne!(drawn, draw(1000, 8));
        let first: Vec<_> = (0..100).collect();
        assert_ne!(drawn, first, "a slice of all, not the first lines");
        assert_eq!(draw(5, 7), [0, 1, 2, 3, 4]);
    }
}
