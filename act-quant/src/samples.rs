//! The slice of *train* on which quantisation rests: one part to calibrate on, another, never seen
//! by calibration, to judge trials on. Dev is not read, so its accuracy stays a clean figure.

use act_core::{Artifact, Encoding, Error, Result, Seed, Tokenizer};
use act_data::Dataset;
use rand::seq::index;

/// Fewer training examples than this say too little about ranges and about trials.
pub const MIN_EXAMPLES: usize = 32;

/// Encoded examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// To collect statistics on.
    pub calibration: Vec<Encoding>,
    /// To judge trials on.
    pub held_out: Vec<Encoding>,
    /// Classes of `held_out`, if every one of its examples has one.
    pub labels: Option<Vec<u32>>,
}

impl Samples {
    /// Draws `wanted` examples for each part without replacement, or half of the data for each where
    /// there are fewer; the same ones for the same seed and data.
    ///
    /// # Errors
    /// Usage: fewer than [`MIN_EXAMPLES`] training examples.
    pub fn draw(train: &Dataset, model: &Artifact, wanted: usize, seed: Seed) -> Result<Self> {
        let available = train.examples.len();
        if available < MIN_EXAMPLES {
            return Err(Error::usage(format!(
                "{} has {available} examples: quantisation needs at least {MIN_EXAMPLES} to \
                 calibrate and to judge on",
                train.record.name
            )));
        }
        let part = wanted.min(available / 2);
        if part < wanted {
            log::warn!(
                "{} has {available} examples: calibrating on {part}, not on {wanted}",
                train.record.name
            );
        }
        let drawn = index::sample(&mut seed.stream("act-quant/samples"), available, 2 * part);
        let drawn = drawn.into_vec();
        let tokenizer = Tokenizer::new(&model.tokenizer, model.task.max_seq_length)?;
        let encode = |indices: &[usize]| -> Result<Vec<Encoding>> {
            let examples = indices.iter().map(|&i| &train.examples[i]);
            examples
                .map(|e| tokenizer.encode(&e.text, e.pair.as_deref()))
                .collect()
        };
        let (calibration, held_out) = drawn.split_at(part);
        Ok(Self {
            calibration: encode(calibration)?,
            held_out: encode(held_out)?,
            labels: held_out.iter().map(|&i| train.examples[i].label).collect(),
        })
    }
}
