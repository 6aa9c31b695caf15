//! Which examples of *train* are for what. Dev is not read, so its accuracy stays a clean figure.

use act_core::{Error, Result, Seed};
use act_data::Dataset;
use rand::seq::SliceRandom;

use crate::options::Options;

/// Fewer training examples than this say too little about ranges and about trials.
pub const MIN_EXAMPLES: usize = act_data::MIN_TO_QUANTISE;

/// Which examples of train are for what.
pub struct Slices {
    /// Those that no trial is judged on, calibration's among them.
    pub train: Vec<usize>,
    /// To collect statistics on.
    pub calibration: Vec<usize>,
    /// To judge trials on.
    pub held_out: Vec<usize>,
}

impl Slices {
    /// As [`Samples::draw`](crate::samples::Samples::draw) has them, by index.
    ///
    /// # Errors
    /// Usage: fewer than [`MIN_EXAMPLES`] training examples, or too few different ones.
    pub fn new(train: &Dataset, options: &Options, seed: Seed) -> Result<Self> {
        let name = &train.record.name;
        let available = train.examples.len();
        if available < MIN_EXAMPLES {
            return Err(Error::usage(format!(
                "{name} has {available} of the {MIN_EXAMPLES} examples that quantisation needs at least, \
                 to calibrate on and to judge trials on; give a larger train split"
            )));
        }
        let wanted = options.calibration_examples();
        let enough = (wanted as f64 / available as f64).min(0.5);
        let parts = train.slice_validation(seed, options.validation_ratio.clamp(enough, 0.5));
        let draw = |part: Vec<usize>, purpose: &str| take(part, wanted, seed, purpose);
        let slices = Self {
            calibration: draw(parts.train.clone(), "quant.calibration"),
            held_out: draw(parts.held_out, "quant.held_out"),
            train: parts.train,
        };
        if slices.calibration.is_empty() || slices.held_out.is_empty() {
            return Err(Error::usage(format!(
                "{name}: its {available} examples are too much alike to be split into some to \
                 calibrate on and others to judge on; give more texts that differ"
            )));
        }
        Ok(slices)
    }
}

/// At most `count` of the indices, in random order.
fn take(mut indices: Vec<usize>, count: usize, seed: Seed, purpose: &str) -> Vec<usize> {
    indices.shuffle(&mut seed.stream(purpose));
    indices.truncate(count);
    indices
}
