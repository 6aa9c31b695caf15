//! What the training loop needs of fake quantisation: rounded weights for a step's forward passes,
//! gradients taken back through the rounding, steps that learn or follow, and their state as data.
//!
//! Weights are rounded once a step and not once a micro-batch: the gradients of the rounded weights
//! add up first and go through the rounding afterwards, which is the same sum.

use std::collections::BTreeMap;
use std::sync::Arc;

use act_core::quant::{ActivationScheme, LinearQuant};
use act_core::{Error, Linear, Result};
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::channels::Channels;
use super::grouped;
use super::inputs::{FakeQuantize, Input, Observed};
use super::spec::{FakeQuantization, Grid, InputSteps, TABLE_MAX, WeightSteps, step_of};
use super::steps::Steps;
use crate::backend::{ActBackend, Ops};
use crate::kernels::quantize::Levels;
use crate::optim::OptimizerOptions;
use crate::tensors::{tensor, to_vec};
use crate::weights::{Layout, Weights};

/// The learning rate of steps, which is a share of them, over that of the weights.
const STEP_RATE: f64 = 100.0;

/// The state of fake quantisation between two steps.
#[derive(Debug, Clone)]
pub(crate) struct FakeQuantizer {
    spec: FakeQuantization,
    inputs: BTreeMap<Linear, Input>,
    input_steps: Steps,
    /// Thresholds of inputs that follow the largest magnitudes: a sum and how many it is of.
    averages: Vec<(f64, f64)>,
    /// Largest magnitude of each static input's integers.
    reaches: Vec<f32>,
    /// One a linear of the specification.
    weight_steps: Vec<Steps>,
    /// Where those linears' weights are.
    places: Vec<usize>,
    optimizer: OptimizerOptions,
}

/// Gradients of all steps.
pub(crate) struct StepGradients {
    inputs: Observed,
    weights: Vec<Vec<f32>>,
}

impl StepGradients {
    /// True if all are numbers.
    pub(crate) fn are_finite(&self) -> bool {
        let mut all = self
            .weights
            .iter()
            .chain([&self.inputs.gradients])
            .flatten();
        all.all(|g| g.is_finite())
    }
}

impl FakeQuantizer {
    /// Begins with the specification's steps.
    ///
    /// # Errors
    /// Rejected: a weight or its steps are missing.
    pub(crate) fn new(
        spec: FakeQuantization,
        layout: &Layout,
        optimizer: OptimizerOptions,
    ) -> Result<Self> {
        let moments = optimizer.moments();
        let (mut inputs, mut start, mut reaches) =
            (BTreeMap::<_, Input>::new(), Vec::new(), Vec::new());
        for quant in &spec.quant.linears {
            let shared =
                same_input(quant, &spec.quant.linears).and_then(|l| inputs.get(&l).copied());
            let input = shared.unwrap_or_else(|| {
                let levels = levels(quant);
                let step = match quant.activation {
                    ActivationScheme::DynamicPerToken => None,
                    ActivationScheme::Static { scale, .. } => {
                        start.push(scale);
                        reaches.push(levels.reach());
                        Some(start.len() - 1)
                    }
                };
                let multiplier = quant.input_multiplier.then_some(quant.linear);
                Input {
                    levels,
                    step,
                    multiplier,
                }
            });
            inputs.insert(quant.linear, input);
        }
        let weight_steps = spec.quant.linears.iter().map(|quant| {
            let start = spec.steps(quant.linear)?.to_vec();
            Ok(Steps::new(start, moments))
        });
        let places = spec.quant.linears.iter().map(|quant| {
            spec.grid(quant)?;
            let name = quant.linear.weight();
            let place = layout.position(&name);
            place.ok_or_else(|| Error::rejected(format!("the model has no {name} to quantise")))
        });
        let thresholds = start.iter().zip(&reaches);
        Ok(Self {
            averages: thresholds
                .map(|(s, reach)| (f64::from(s * reach), 1.0))
                .collect(),
            weight_steps: weight_steps.collect::<Result<_>>()?,
            places: places.collect::<Result<_>>()?,
            input_steps: Steps::new(start, moments),
            inputs,
            reaches,
            spec,
            optimizer,
        })
    }

    /// The inputs' static steps.
    fn input_steps(&self) -> Vec<f32> {
        if self.spec.inputs == InputSteps::Learned {
            return self.input_steps.values();
        }
        let thresholds = self.averages.iter().zip(&self.reaches);
        thresholds
            .map(|((sum, state), reach)| {
                ((sum / state / f64::from(*reach)) as f32).max(f32::MIN_POSITIVE)
            })
            .collect()
    }

    /// The taps of one forward pass.
    pub(crate) fn taps<B: Ops>(&self, device: &B::Device) -> FakeQuantize<'_, B> {
        // Steps that follow the largest magnitudes want to know them.
        let wants_peaks = self.spec.inputs != InputSteps::Learned;
        let (steps, multipliers) = (self.input_steps(), &self.spec.multipliers);
        FakeQuantize::new(&self.inputs, &steps, multipliers, wants_peaks, device)
    }

    /// The weights and tables rounded, everything else as it is; on the current rayon pool.
    pub(crate) fn rounded<B: ActBackend>(&self, weights: &Weights<B>) -> Weights<B> {
        let steps = self.steps_of(weights);
        let linears = self.spec.quant.linears.iter().zip(&steps).zip(&self.places);
        type How<'a> = (Grid<'a>, &'a [f32], Option<&'a LinearQuant>);
        let mut how: BTreeMap<usize, How<'_>> = linears
            .filter_map(|((quant, steps), place)| {
                Some((
                    *place,
                    (self.spec.grid(quant).ok()?, &steps[..], Some(quant)),
                ))
            })
            .collect();
        how.extend(self.spec.quant.embeddings.iter().filter_map(|quant| {
            let name = quant.table.weight();
            // Without steps of its own a table has those of its rows' largest values.
            let steps = self
                .spec
                .table_steps
                .get(&name)
                .map_or(&[][..], Vec::as_slice);
            let place = weights.layout.position(&name)?;
            Some((place, (self.spec.table_grid(quant).ok()?, steps, None)))
        }));
        let tensors = weights.tensors.par_iter().enumerate();
        let tensors = tensors.map(|(place, w)| match how.get(&place) {
            None => w.clone(),
            Some((grid, steps, Some(quant))) => {
                let channels = self.channels(quant, w);
                let rounded = rounded(&channels.divided(w), steps, grid);
                channels.multiplied(rounded)
            }
            Some((grid, [], None)) => rounded(w, &row_steps::<B>(w, TABLE_MAX), grid),
            Some((grid, steps, None)) => rounded(w, steps, grid),
        });
        let tensors = tensors.collect();
        let linears = self.spec.quant.linears.iter().map(|quant| quant.linear);
        Weights {
            layout: weights.layout.clone(),
            tensors,
            steps: Arc::new(linears.zip(steps).collect()),
        }
    }

    /// What the columns of a linear's weight are divided by before they are rounded.
    fn channels<B: ActBackend>(&self, quant: &LinearQuant, w: &Tensor<B, 2>) -> Channels<B> {
        let multiplier = self.spec.multipliers.get(&quant.linear);
        Channels::new(multiplier.map(Vec::as_slice), &w.device())
    }

    /// Steps of the weights, in the specification's order.
    fn steps_of<B: ActBackend>(&self, weights: &Weights<B>) -> Vec<Vec<f32>> {
        let linears = self.spec.quant.linears.par_iter().zip(&self.places);
        let linears = linears.zip(&self.weight_steps);
        let of_linear = |((quant, place), learned): ((&LinearQuant, &usize), &Steps)| {
            let w = &weights.tensors[*place];
            let w = &self.channels(quant, w).divided(w);
            let least = || match self.spec.grid(quant) {
                Ok(grid) => linear_steps(w, quant.weight_max, &grid),
                Err(_) => learned.values(),
            };
            match self.spec.weights {
                WeightSteps::Learned => learned.values(),
                WeightSteps::RowPeak => least(),
                WeightSteps::Peak => {
                    let steps = least();
                    vec![steps.iter().copied().fold(0.0, f32::max); steps.len()]
                }
            }
        };
        linears.map(of_linear).collect()
    }

    /// Takes the gradients of the rounded weights back to the weights, and gives those of the steps.
    /// On the current rayon pool.
    pub(crate) fn straight_through<B: ActBackend>(
        &self,
        weights: &Weights<B>,
        gradients: &mut [Tensor<B, 2>],
        inputs: Observed,
    ) -> StepGradients {
        // Steps that follow the weights clip nothing: their gradients pass as they are.
        let mut of_weights = Vec::new();
        if self.spec.weights == WeightSteps::Learned {
            let linears = self.spec.quant.linears.par_iter().zip(&self.places);
            let linears = linears.zip(&self.weight_steps);
            let computed: Vec<_> = linears
                .map(|((quant, &place), steps)| {
                    let (w, gradient) = (&weights.tensors[place], gradients[place].clone());
                    let channels = self.channels(quant, w);
                    let (w, gradient) = (channels.divided(w), channels.multiplied(gradient));
                    let steps = steps.values();
                    let (dw, of_steps) = match self.spec.grid(quant) {
                        Ok(grid) => rounded_gradients(&w, gradient, &steps, &grid),
                        Err(_) => (gradient, vec![0.0; steps.len()]),
                    };
                    (channels.divided(&dw), of_steps)
                })
                .collect();
            for (&place, (gradient, of_steps)) in self.places.iter().zip(computed) {
                gradients[place] = gradient;
                of_weights.push(of_steps);
            }
        }
        StepGradients {
            inputs,
            weights: of_weights,
        }
    }

    /// Moves all steps, after step number `step` (from 1) of the weights.
    pub(crate) fn advance(&mut self, gradients: StepGradients, step: usize, learning_rate: f64) {
        let how = self
            .optimizer
            .update(step, STEP_RATE * learning_rate, 1.0, false);
        for (steps, gradients) in self.weight_steps.iter_mut().zip(&gradients.weights) {
            steps.advance(gradients, &how);
        }
        match self.spec.inputs {
            InputSteps::Learned => self.input_steps.advance(&gradients.inputs.gradients, &how),
            InputSteps::MovingAverage { rate } => {
                for ((sum, state), peak) in self.averages.iter_mut().zip(&gradients.inputs.peaks) {
                    (*sum, *state) = (rate * *sum + f64::from(*peak), rate * *state + 1.0);
                }
            }
            InputSteps::Largest => {
                for ((sum, _), peak) in self.averages.iter_mut().zip(&gradients.inputs.peaks) {
                    *sum = sum.max(f64::from(*peak));
                }
            }
        }
    }

    /// All that [`FakeQuantizer::advance`] changes, as numbers that [`FakeQuantizer::restore`] takes.
    pub(crate) fn state(&self) -> Vec<f64> {
        let (mut weights, mut inputs) = (self.weight_steps.clone(), self.input_steps.clone());
        let learned = weights.iter_mut().chain([&mut inputs]);
        let learned = learned.flat_map(Steps::learned).map(|n| f64::from(*n));
        let averages = self.averages.iter().flat_map(|(sum, of)| [*sum, *of]);
        learned.chain(averages).collect()
    }

    /// Takes such a state off the front of `numbers`; `None` if they are too few.
    pub(crate) fn restore(&mut self, numbers: &mut impl Iterator<Item = f64>) -> Option<()> {
        let steps = self.weight_steps.iter_mut().chain([&mut self.input_steps]);
        for number in steps.flat_map(Steps::learned) {
            *number = numbers.next()? as f32;
        }
        for (sum, of) in &mut self.averages {
            (*sum, *of) = (numbers.next()?, numbers.next()?);
        }
        Some(())
    }

    /// The specification that it began with.
    pub(crate) fn spec(&self) -> &FakeQuantization {
        &self.spec
    }

    /// The specification with the steps as they are now.
    pub(crate) fn current<B: ActBackend>(&self, weights: &Weights<B>) -> FakeQuantization {
        let mut spec = self.spec.clone();
        let steps = self.steps_of(weights);
        for (quant, steps) in spec.quant.linears.iter().zip(steps) {
            spec.weight_steps.insert(quant.linear, steps);
        }
        let static_steps = self.input_steps();
        for quant in &mut spec.quant.linears {
            let place = self.inputs.get(&quant.linear).and_then(|input| input.step);
            if let (Some(place), ActivationScheme::Static { scale, .. }) =
                (place, &mut quant.activation)
            {
                *scale = static_steps[place];
            }
        }
        spec
    }
}

/// Another linear before this one that reads the same input in the same way, if there is one.
fn same_input(quant: &LinearQuant, all: &[LinearQuant]) -> Option<Linear> {
    let readers = quant.linear.readers();
    let before = readers.iter().take_while(|&&other| other != quant.linear);
    let before: Vec<_> = before.collect();
    let alike = |other: &&LinearQuant| {
        before.contains(&&other.linear)
            && other.activation == quant.activation
            && other.activation_max == quant.activation_max
            && other.input_multiplier == quant.input_multiplier
    };
    all.iter().find(alike).map(|other| other.linear)
}

/// The engine's limits: those of a byte about 128, as it stands to its zero point.
fn levels(quant: &LinearQuant) -> Levels {
    let max = i32::from(quant.activation_max);
    let zero_point = match quant.activation {
        ActivationScheme::Static { zero_point, .. } => i32::from(zero_point),
        ActivationScheme::DynamicPerToken => 128,
    };
    Levels {
        low: (128 - max - zero_point) as f32,
        high: (128 + max - zero_point) as f32,
    }
}

/// A matrix, rounded.
fn rounded<B: ActBackend>(w: &Tensor<B, 2>, steps: &[f32], grid: &Grid<'_>) -> Tensor<B, 2> {
    let [rows, columns] = w.dims();
    let values = match *grid {
        Grid::Bytes(levels, None) => return B::round_rows(w, steps, levels),
        Grid::Bytes(levels, Some(limit)) => {
            grouped::rounded(&to_vec(w.clone()), columns, steps, levels, limit)
        }
        Grid::FourBits(groups) => groups.rounded(&to_vec(w.clone()), columns, steps),
    };
    tensor(values, [rows, columns], &w.device())
}

/// From the gradient of [`rounded`]'s result those of the weight and of its steps.
fn rounded_gradients<B: ActBackend>(
    w: &Tensor<B, 2>,
    gradient: Tensor<B, 2>,
    steps: &[f32],
    grid: &Grid<'_>,
) -> (Tensor<B, 2>, Vec<f32>) {
    if let Grid::Bytes(levels, None) = *grid {
        return B::rounded_gradients(w, gradient, steps, levels);
    }
    let ([rows, columns], mut dw) = (w.dims(), to_vec(gradient));
    let values = to_vec(w.clone());
    let of_steps = match *grid {
        Grid::Bytes(_, None) => Vec::new(),
        Grid::Bytes(levels, Some(limit)) => {
            grouped::gradients(&values, &mut dw, columns, steps, levels, limit)
        }
        Grid::FourBits(groups) => groups.gradients(&values, &mut dw, columns, steps),
    };
    (tensor(dw, [rows, columns], &w.device()), of_steps)
}

/// Steps with which no weight of a linear is clipped and no group of them is cut, but by rounding.
fn linear_steps<B: ActBackend>(w: &Tensor<B, 2>, max: u8, grid: &Grid<'_>) -> Vec<f32> {
    let columns = w.dims()[1];
    match *grid {
        Grid::FourBits(groups) => groups.least_steps(&to_vec(w.clone()), columns),
        Grid::Bytes(_, None) => row_steps::<B>(w, max),
        Grid::Bytes(_, Some(limit)) => {
            let least = grouped::least_steps(&to_vec(w.clone()), columns, limit);
            let steps = row_steps::<B>(w, max).into_iter().zip(least);
            steps.map(|(step, least)| step.max(least)).collect()
        }
    }
}

/// Steps with which every row's largest magnitude is the largest integer.
fn row_steps<B: ActBackend>(w: &Tensor<B, 2>, max: u8) -> Vec<f32> {
    let peaks = B::row_peaks(w).into_iter();
    peaks.map(|peak| step_of(peak, max)).collect()
}
