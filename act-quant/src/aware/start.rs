//! The float model that training starts from: the one that calibration rounded, with channels shifted
//! and smoothed and biases corrected as its result has them, and weights that round to its integers.

use act_core::quant::{FourBits, WeightBits};
use act_core::{Artifact, Result, Tensor};

use crate::Quantized;
use crate::apply::ModelQuantizer;
use crate::options::Options;
use crate::weight::{WeightRound, four};

/// `model` as calibration left it before rounding.
pub(super) fn float(
    model: &Artifact,
    calibrated: &Quantized,
    options: &Options,
) -> Result<Artifact> {
    // As calibration had it.
    let model = &model.clone().with_biases();
    let options = Options {
        embeddings: false, // Only to be spared rounding the tables again.
        ..options.clone()
    };
    let quantizer = ModelQuantizer::new(model, &calibrated.statistics, &options)?;
    let mut float = quantizer.float(&calibrated.assignment)?;
    let unpacked = calibrated.artifact.clone().unpacked()?;
    for linear in model.plan.linears() {
        let bias = calibrated.artifact.params.get(&linear.bias())?;
        float.params.insert(linear.bias(), bias.clone());
        let rounded = calibrated.assignment.round == WeightRound::Compensated;
        if let (true, Some(quant)) = (rounded, calibrated.artifact.quant.linear(linear)) {
            let name = linear.weight();
            let [_, columns] = model.plan.linear_shape(linear);
            let cells = Cells {
                integers: unpacked.params.i8(&name)?,
                steps: unpacked.params.f32(&linear.scale())?,
                max: quant.weight_max,
                columns,
                groups: match quant.bits {
                    WeightBits::Eight => None,
                    WeightBits::Four { group } => {
                        let packed = FourBits::of(&calibrated.artifact.params, &name, group)?;
                        Some((group, packed.multipliers()))
                    }
                },
            };
            let channels = Channels(calibrated.artifact.input_multiplier(linear)?);
            let weights = cells.nearest(&channels.divided(float.params.f32(&name)?));
            let weights = channels.multiplied(weights);
            let shape = float.params.get(&name)?.shape().to_vec();
            float.params.insert(name, Tensor::f32(shape, weights));
        }
    }
    Ok(float)
}

/// What the channels of an input are multiplied by, if by anything: its weights are rounded divided by it.
struct Channels<'a>(Option<&'a [f32]>);

impl Channels<'_> {
    fn divided(&self, weights: &[f32]) -> Vec<f32> {
        match self.0 {
            Some(by) => weights
                .iter()
                .zip(by.iter().cycle())
                .map(|(w, m)| w / m)
                .collect(),
            None => weights.to_vec(),
        }
    }

    fn multiplied(&self, mut weights: Vec<f32>) -> Vec<f32> {
        let by = self.0.unwrap_or(&[]).iter().cycle();
        weights.iter_mut().zip(by).for_each(|(w, m)| *w *= m);
        weights
    }
}

/// The weights that round to given integers: training rounds to the nearest, compensation did not.
struct Cells<'a> {
    /// `[rows, columns]`.
    integers: &'a [i8],
    /// One a row.
    steps: &'a [f32],
    /// Largest magnitude of an integer.
    max: u8,
    columns: usize,
    /// Of four bits, the size of a group and the multipliers of all.
    groups: Option<(usize, Vec<u8>)>,
}

impl Cells<'_> {
    /// Each weight moved to where its integer is the nearest, no further than it must be.
    fn nearest(&self, weights: &[f32]) -> Vec<f32> {
        let (size, multipliers) = match &self.groups {
            Some((size, multipliers)) => (*size, &multipliers[..]),
            None => (self.columns, &[][..]),
        };
        let size = size.max(1);
        let per_row = self.columns.div_ceil(size);
        let mut found = Vec::with_capacity(weights.len());
        for (i, (&w, &q)) in weights.iter().zip(self.integers).enumerate() {
            let (row, column) = (i / self.columns, i % self.columns);
            let m = multipliers.get(row * per_row + column / size);
            let (range, m) = match m {
                Some(&m) => (four::range(self.max, m), m),
                None => ([-1.0, 1.0].map(|sign| sign * f32::from(self.max)), 1),
            };
            found.push(within_cell(
                w,
                f32::from(q),
                f32::from(m),
                range,
                self.steps[row],
            ));
        }
        found
    }
}

/// `w` moved to where it rounds to `q`, a multiple of `m` with a factor within `range`.
fn within_cell(w: f32, q: f32, m: f32, [low, high]: [f32; 2], step: f32) -> f32 {
    /// Half a step, and a hair less, so that no rounding of the product reaches the next integer.
    const HALF: f32 = 0.499;
    let least = if q > low * m {
        (q - HALF * m) * step
    } else {
        f32::MIN
    };
    let most = if q < high * m {
        (q + HALF * m) * step
    } else {
        f32::MAX
    };
    w.clamp(least, most)
}

#[cfg(test)]
mod tests {
    use act_core::testing::{TinyOptions, tiny_artifact};
    use act_core::{Activation, Encoding, LayerPlan, Seed, Silent};
    use act_nn::{FakeQuantization, InputSteps, WeightSteps};
    use act_stage::config::{Config, SchemeKind, WeightGroups};

    use super::*;
    use crate::samples::Samples;

    /// Sequences out of the tiny vocabulary.
    fn sequences(start: u32) -> Vec<Encoding> {
        let tokens = |i: u32| (0..3 + i % 8).map(move |j| 5 + (i * 31 + j * j * 7) % 100);
        let encoding = |i| {
            let input_ids: Vec<u32> = tokens(i).collect();
            Encoding {
                token_type_ids: vec![0; input_ids.len()],
                input_ids,
            }
        };
        (start..start + 40).map(encoding).collect()
    }

    #[test]
    fn training_starts_from_the_calibrated_model_to_the_last_integer() {
        let tiny = TinyOptions {
            layers: vec![LayerPlan::full(2, 4, 12), LayerPlan::full(1, 4, 9)],
            hidden_act: Activation::Relu,
            ..TinyOptions::default()
        };
        let model = tiny_artifact(3, &tiny);
        let samples = Samples {
            cut: None,
            calibration: sequences(0),
            held_out: sequences(100),
            labels: None,
            unseen: None,
        };
        let mut config = Config::default();
        config.quant_post.max_divergence = 0.0;
        // Some inputs change, and not all of them to float.
        config.hpo.max_quant_count = Some(6);
        for (schemes, groups, bits) in [
            (&[SchemeKind::Static][..], WeightGroups::None, 8),
            (&SchemeKind::ALL, WeightGroups::Pairs, 8),
            (&SchemeKind::ALL, WeightGroups::Quads, 8),
            (&SchemeKind::ALL, WeightGroups::None, 4),
            (&SchemeKind::ALL, WeightGroups::Pairs, 4),
            (
                &[SchemeKind::Static, SchemeKind::SmoothAtRunTime],
                WeightGroups::Pairs,
                8,
            ),
            (
                &[SchemeKind::Static, SchemeKind::SmoothAtRunTime],
                WeightGroups::Pairs,
                4,
            ),
        ] {
            config.quant_post.weight_bits = bits;
            config.quant_post.schemes = schemes.to_vec();
            config.quant_post.weight_groups = groups;
            let options = Options::from_config(&config).unwrap();
            let calibrated =
                crate::quantize(&model, &samples, &options, Seed(7), 1, &Silent).unwrap();
            let start = float(&model, &calibrated, &options).unwrap();
            let (weights, inputs) = (WeightSteps::Learned, InputSteps::Learned);
            let rounding = FakeQuantization::of(&calibrated.artifact, weights, inputs).unwrap();
            let exported = rounding.export(&start).unwrap();
            assert_eq!(
                exported.model_digest().unwrap(),
                calibrated.artifact.model_digest().unwrap()
            );
        }
    }
}
