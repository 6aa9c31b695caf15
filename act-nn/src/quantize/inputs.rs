//! The taps: every quantised linear reads its input as the engine will. Query, key and value read the
//! same values, as do neurons and their gate: they are rounded once for all of them.

use std::collections::BTreeMap;

use act_core::{Linear, Site};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use crate::backend::Ops;
use crate::kernels::linear::InputUnits;
use crate::kernels::quantize::{Levels, row_step};
use crate::taps::Taps;
use crate::tensors::{tensor, to_vec};

/// How the input of one or more linears becomes integers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Input {
    /// Limits of the integers.
    pub(super) levels: Levels,
    /// Place of its static step; `None`: each row its own.
    pub(super) step: Option<usize>,
    /// Whose entry of the multipliers the channels have, if they have one.
    pub(super) multiplier: Option<Linear>,
}

/// What a batch says of the inputs' static steps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    /// Their gradients.
    pub(crate) gradients: Vec<f32>,
    /// The largest magnitudes seen, if they are wanted.
    pub(crate) peaks: Vec<f32>,
}

impl Observed {
    /// Takes in the next micro-batch.
    pub(crate) fn add(&mut self, other: Observed) {
        if self.gradients.is_empty() {
            *self = other;
            return;
        }
        let gradients = self.gradients.iter_mut().zip(other.gradients);
        gradients.for_each(|(sum, g)| *sum += g);
        let peaks = self.peaks.iter_mut().zip(other.peaks);
        peaks.for_each(|(peak, other)| *peak = peak.max(other));
    }
}

/// Rounds the inputs of one forward pass.
pub(crate) struct FakeQuantize<'a, B: Ops> {
    /// How each quantised linear's input becomes integers.
    inputs: &'a BTreeMap<Linear, Input>,
    /// Static steps, `[1, 1]` each.
    steps: Vec<Tensor<B, 2>>,
    /// The same as numbers.
    numbers: Vec<f32>,
    /// What channels are multiplied by before they are rounded, `[1, columns]` each.
    multipliers: BTreeMap<Linear, Tensor<B, 2>>,
    /// The same as numbers.
    of_channels: &'a BTreeMap<Linear, Vec<f32>>,
    /// Largest magnitudes that were seen where steps are static, if they are wanted.
    peaks: Option<Vec<f32>>,
    /// What was rounded last.
    last: Option<Last<B>>,
}

/// An input, rounded.
struct Last<B: Ops> {
    input: Input,
    /// The step of each row, or of all together; none if the backend has no use for them.
    steps: Vec<f32>,
    /// The first of the linears that read it, if there are several, and what they have.
    shared: Option<(Linear, Tensor<B, 2>)>,
}

impl<'a, B: Ops> FakeQuantize<'a, B> {
    /// With the static `steps` at the inputs' places, and the multipliers of those that have one.
    pub(super) fn new(
        inputs: &'a BTreeMap<Linear, Input>,
        steps: &[f32],
        multipliers: &'a BTreeMap<Linear, Vec<f32>>,
        wants_peaks: bool,
        device: &B::Device,
    ) -> Self {
        let leaf = |step: &f32| tensor(vec![*step], [1, 1], device);
        let row =
            |(linear, m): (&Linear, &Vec<f32>)| (*linear, tensor(m.clone(), [1, m.len()], device));
        Self {
            inputs,
            peaks: wants_peaks.then(|| vec![0.0; steps.len()]),
            steps: steps.iter().map(leaf).collect(),
            numbers: steps.to_vec(),
            multipliers: multipliers.iter().map(row).collect(),
            of_channels: multipliers,
            last: None,
        }
    }

    /// What the engine's integers stand for, the multiplier taken off again, and their steps.
    fn rounded(&mut self, input: Input, x: Tensor<B, 2>) -> (Tensor<B, 2>, Vec<f32>) {
        let multiplier = input.multiplier.and_then(|l| self.multipliers.get(&l));
        let product = |x: Tensor<B, 2>| match multiplier {
            Some(multiplier) => x * multiplier.clone(),
            None => x,
        };
        let Some(place) = input.step else {
            let x = product(x);
            let steps = if B::INTEGERS {
                let peaks = B::row_peaks(&x).into_iter();
                peaks.map(|peak| row_step(peak, input.levels)).collect()
            } else {
                Vec::new()
            };
            let rounded = B::fake_quantize_rows(x, input.levels);
            let rounded = match multiplier {
                Some(multiplier) => rounded / multiplier.clone(),
                None => rounded,
            };
            return (rounded, steps);
        };
        if let Some(peaks) = &mut self.peaks {
            let of_rows = B::row_peaks(&product(x.clone().detach()));
            peaks[place] = of_rows.into_iter().fold(peaks[place], f32::max);
        }
        let step = self.steps[place].clone();
        let step = match multiplier {
            Some(multiplier) => step / multiplier.clone(),
            None => step,
        };
        let rounded = B::fake_quantize(x, step, input.levels);
        (rounded, vec![self.numbers[place]])
    }
}

impl<B: Ops + AutodiffBackend> FakeQuantize<'_, B> {
    /// The same with gradients of the steps recorded.
    pub(crate) fn recorded(mut self) -> Self {
        let leaves = self.steps.into_iter().map(Tensor::require_grad);
        self.steps = leaves.collect();
        self
    }

    /// What the pass has to say of the steps, after the backward pass.
    pub(crate) fn observed(self, gradients: &mut B::Gradients) -> Observed {
        let of_leaf = |leaf: &Tensor<B, 2>| {
            let gradient = leaf.grad_remove(gradients);
            gradient.map_or(0.0, |g| to_vec(g).iter().sum())
        };
        Observed {
            gradients: self.steps.iter().map(of_leaf).collect(),
            peaks: self.peaks.unwrap_or_default(),
        }
    }
}

impl<B: Ops> Taps<B> for FakeQuantize<'_, B> {
    fn units(&self, linear: Linear) -> Option<InputUnits<'_>> {
        let last = self.last.as_ref()?;
        if !B::INTEGERS || self.inputs.get(&linear) != Some(&last.input) {
            return None;
        }
        let multiplier = last.input.multiplier.and_then(|l| self.of_channels.get(&l));
        Some(InputUnits {
            steps: &last.steps,
            multiplier: multiplier.map_or(&[], Vec::as_slice),
        })
    }

    fn at(&mut self, site: Site, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let Site::Input(linear) = site else { return x };
        let Some(&input) = self.inputs.get(&linear) else {
            return x;
        };
        let reader = match linear.readers()[..] {
            [first, _, ..] => Some(first),
            _ => None,
        };
        if let Some(Last {
            input: before,
            shared: Some((of, y)),
            ..
        }) = &self.last
            // In the last layer the query is of fewer rows, unless every sequence is one token.
            && (reader, *before, y.dims()) == (Some(*of), input, x.dims())
        {
            return y.clone();
        }
        let (y, steps) = self.rounded(input, x);
        self.last = Some(Last {
            input,
            steps,
            shared: reader.map(|reader| (reader, y.clone())),
        });
        y
    }
}
