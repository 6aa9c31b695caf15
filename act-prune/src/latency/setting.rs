//! What is served and how: precision, batch, threads, and sequences as long as the data's.

use act_core::{Batch, Encoding, Error, Result};
use serde::{Deserialize, Serialize};

/// Sequences of a timed pass, at least: enough to show the data's mix of lengths.
const SEQUENCES: usize = 32;

/// Numbers the served model computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Int8 weights and activations, and int8 tables if `embeddings`.
    Int8 {
        /// Largest magnitude of an integer weight.
        weight_max: u8,
        /// Largest magnitude of an integer activation.
        activation_max: u8,
        /// Size of the groups of weights that keep to what 16 bits hold, if any do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weight_groups: Option<u8>,
        /// Whether words and positions are integers too.
        embeddings: bool,
        /// Size of the groups in which weights are stored in four bits, if they are. Matters to bytes only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        four_bits: Option<usize>,
    },
    /// Single precision.
    F32,
}

impl Precision {
    /// As reports say it.
    pub fn name(self) -> &'static str {
        match self {
            Precision::Int8 { .. } => "int8",
            Precision::F32 => "f32",
        }
    }
}

/// How the pruned model will be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serving {
    /// Numbers.
    pub precision: Precision,
    /// Sequences that are served together.
    pub batch: usize,
    /// Threads of the engine.
    pub threads: usize,
}

/// The setting of every timing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencySetting {
    /// Numbers.
    pub precision: Precision,
    /// Sequences that are served together.
    pub batch: usize,
    /// Threads of the engine.
    pub threads: usize,
    /// Tokens of each sequence of a pass, in the order served.
    pub lengths: Vec<usize>,
}

impl LatencySetting {
    /// A setting with the mix of lengths of `examples`: the middle of each of so many equal parts
    /// of all lengths. Batches take them in strides, so that each batch is a mix too.
    ///
    /// # Errors
    /// Usage: no examples.
    pub fn new(serving: Serving, examples: &[Encoding]) -> Result<Self> {
        let Serving {
            precision,
            batch,
            threads,
        } = serving;
        if examples.is_empty() {
            return Err(Error::usage("no examples to take lengths from"));
        }
        let mut all: Vec<usize> = examples.iter().map(Encoding::len).collect();
        all.sort_unstable();
        let batches = SEQUENCES.div_ceil(batch);
        let count = batches * batch;
        let quantile = |i: usize| all[(2 * i + 1) * all.len() / (2 * count)];
        let strided = (0..batches).flat_map(|b| (0..batch).map(move |i| i * batches + b));
        Ok(Self {
            precision,
            batch,
            threads,
            lengths: strided.map(quantile).collect(),
        })
    }

    /// The batches of a pass: random words of a vocabulary of `words`, in segment 0.
    pub fn batches(&self, words: usize) -> Vec<Batch> {
        let mut next = 0usize;
        // Any fixed sequence of rows will do; a step that shares no factor visits them all.
        let mut word = || {
            next = (next + 617) % words.max(1);
            next as u32
        };
        let batch = |lengths: &[usize]| {
            let tokens = lengths.iter().sum();
            Batch {
                input_ids: (0..tokens).map(|_| word()).collect(),
                token_type_ids: vec![0; tokens],
                lengths: lengths.to_vec(),
            }
        };
        self.lengths.chunks(self.batch).map(batch).collect()
    }

    /// Mean number of tokens.
    pub fn mean_length(&self) -> f64 {
        self.lengths.iter().sum::<usize>() as f64 / self.lengths.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(lengths: &[usize]) -> Vec<Encoding> {
        let encoding = |&n: &usize| Encoding {
            input_ids: vec![1; n],
            token_type_ids: vec![0; n],
        };
        lengths.iter().map(encoding).collect()
    }

    fn serving(batch: usize) -> Serving {
        Serving {
            precision: Precision::F32,
            batch,
            threads: 1,
        }
    }

    fn setting(batch: usize, lengths: &[usize]) -> LatencySetting {
        LatencySetting::new(serving(batch), &examples(lengths)).unwrap()
    }

    #[test]
    fn lengths_are_the_datas() {
        let lengths: Vec<usize> = (1..=320).rev().collect();
        for batch in [1, 5, 32, 100] {
            let setting = setting(batch, &lengths);
            assert_eq!(setting.lengths.len() % batch, 0);
            assert!(setting.lengths.len() >= SEQUENCES);
            assert!((setting.mean_length() - 160.5).abs() < 1.0);
            for served in setting.lengths.chunks(batch).filter(|_| batch > 4) {
                let mean = served.iter().sum::<usize>() as f64 / batch as f64;
                assert!((mean - 160.5).abs() < 40.0, "a batch of {mean} tokens");
            }
        }
        let one = setting(1, &[7]);
        assert_eq!(one.lengths, [7; SEQUENCES]);
        assert!(LatencySetting::new(serving(1), &[]).is_err());
    }

    #[test]
    fn batches_hold_words_of_the_vocabulary() {
        let setting = setting(8, &[3, 9, 20]);
        let batches = setting.batches(10);
        assert_eq!(batches.len(), 4);
        let lengths: Vec<usize> = batches.iter().flat_map(|b| b.lengths.clone()).collect();
        assert_eq!(lengths, setting.lengths);
        assert!(batches.iter().flat_map(|b| &b.input_ids).all(|&id| id < 10));
    }
}
