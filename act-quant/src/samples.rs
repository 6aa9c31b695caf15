//! The examples of *train* on which quantisation rests: some to calibrate on, and others, never seen by
//! calibration, to judge trials on. Dev is not read, so its accuracy stays a clean figure.

use act_core::{Artifact, Encoding, Error, Result, Seed, Tokenizer};
use act_data::Dataset;
use rand::seq::SliceRandom;

use crate::options::Options;

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
    /// Draws as many examples for each part as the options ask to calibrate on, or about half of the
    /// data for each where there are too few; the same ones for the same seed and data. Trials are
    /// judged on the slice that training with the same seed and ratio held out, widened where it is
    /// too small; texts that occur twice are never in both parts.
    ///
    /// # Errors
    /// Usage: fewer than [`MIN_EXAMPLES`] training examples, or too few different ones.
    pub fn draw(train: &Dataset, model: &Artifact, options: &Options, seed: Seed) -> Result<Self> {
        let name = &train.record.name;
        let available = train.examples.len();
        if available < MIN_EXAMPLES {
            return Err(Error::usage(format!(
                "{name} has {available} examples: quantisation needs at least {MIN_EXAMPLES} to \
                 calibrate and to judge on"
            )));
        }
        let wanted = options.calibration_examples();
        let enough = (wanted as f64 / available as f64).min(0.5);
        let slices = train.slice_validation(seed, options.validation_ratio.clamp(enough, 0.5));
        let draw = |part: Vec<usize>, purpose: &str| take(part, wanted, seed, purpose);
        let calibration = draw(slices.train, "quant.calibration");
        let held_out = draw(slices.held_out, "quant.held_out");
        if calibration.is_empty() || held_out.is_empty() {
            return Err(Error::usage(format!(
                "{name}: its {available} examples are too much alike to be split into some to \
                 calibrate on and others to judge on"
            )));
        }
        if calibration.len() < wanted {
            log::warn!(
                "{name} has {available} examples: calibrating on {}, not on {wanted}",
                calibration.len()
            );
        }
        let tokenizer = Tokenizer::new(&model.tokenizer, model.task.max_seq_length)?;
        let encode = |indices: &[usize]| -> Result<Vec<Encoding>> {
            let examples = indices.iter().map(|&i| &train.examples[i]);
            examples
                .map(|e| tokenizer.encode(&e.text, e.pair.as_deref()))
                .collect()
        };
        Ok(Self {
            calibration: encode(&calibration)?,
            held_out: encode(&held_out)?,
            labels: held_out.iter().map(|&i| train.examples[i].label).collect(),
        })
    }
}

/// At most `count` of the indices, in random order.
fn take(mut indices: Vec<usize>, count: usize, seed: Seed, purpose: &str) -> Vec<usize> {
    indices.shuffle(&mut seed.stream(purpose));
    indices.truncate(count);
    indices
}
