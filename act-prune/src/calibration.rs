//! The examples on which importance is measured: a seeded slice of train, never of dev.

use act_core::{Artifact, Encoding, Error, Result, Seed, Tokenizer};
use act_data::Dataset;
use rand::seq::SliceRandom;

/// Encoded examples with their classes.
#[derive(Debug, Clone)]
pub struct Calibration {
    /// Token ids.
    pub encodings: Vec<Encoding>,
    /// Classes, one an encoding.
    pub labels: Vec<u32>,
}

impl Calibration {
    /// Draws `count` examples of `train` without replacement (all of them if there are fewer) and
    /// encodes them with the model's tokenizer.
    pub fn sample(train: &Dataset, model: &Artifact, count: usize, seed: Seed) -> Result<Self> {
        if train.examples.is_empty() {
            return Err(Error::usage(format!(
                "{} has no examples to measure importance on",
                train.record.name
            )));
        }
        let labels = train.label_ids()?;
        let chosen = draw(labels.len(), count, seed);
        let tokenizer = Tokenizer::new(&model.tokenizer, model.task.max_seq_length)?;
        let encodings = chosen
            .iter()
            .map(|&i| {
                let example = &train.examples[i];
                tokenizer.encode(&example.text, example.pair.as_deref())
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            encodings,
            labels: chosen.iter().map(|&i| labels[i]).collect(),
        })
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

/// `count` of the numbers below `total`, rising.
fn draw(total: usize, count: usize, seed: Seed) -> Vec<usize> {
    let mut all: Vec<usize> = (0..total).collect();
    let mut rng = seed.stream("prune.calibration");
    let (chosen, _) = all.partial_shuffle(&mut rng, count.min(total));
    let mut chosen = chosen.to_vec();
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_each_once_and_the_same_for_the_same_seed() {
        let drawn = draw(1000, 100, Seed(7));
        assert_eq!(drawn.len(), 100);
        assert!(drawn.windows(2).all(|w| w[0] < w[1]) && drawn[99] < 1000);
        assert_eq!(drawn, draw(1000, 100, Seed(7)));
        assert_ne!(drawn, draw(1000, 100, Seed(8)));
        assert_ne!(
            drawn,
            (0..100).collect::<Vec<_>>(),
            "a slice, not the first lines"
        );
        assert_eq!(draw(5, 100, Seed(7)), [0, 1, 2, 3, 4]);
    }
}
