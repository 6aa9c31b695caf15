//! What is fake-quantised, as data: from an int8 model, and to one.

use std::collections::BTreeMap;

use act_core::names::group_multipliers;
use act_core::quant::{ActivationScheme, FourBits, LinearQuant, QuantSpec, TableQuant, WeightBits};
use act_core::quant::{GroupLimit, packed};
use act_core::{Artifact, Error, Linear, Params, Result, Tensor};

use super::four_bits::Groups;
use super::grouped;
use crate::kernels::quantize::{self, Levels};

/// Largest integer of an embedding table, which takes part in no integer product.
pub(super) const TABLE_MAX: u8 = 127;

/// What is fake-quantised and with which steps.
#[derive(Debug, Clone, PartialEq)]
pub struct FakeQuantization {
    /// Linears and tables with their ranges; static scales are the inputs' steps.
    pub quant: QuantSpec,
    /// Steps of each quantised linear's weight, one a row.
    pub weight_steps: BTreeMap<Linear, Vec<f32>>,
    /// What each channel of a linear's input is multiplied by before it is rounded, of those that the
    /// specification says it of. Weights are divided by it before they are, and steps are of the quotients.
    pub multipliers: BTreeMap<Linear, Vec<f32>>,
    /// Of what is stored in four bits, by the tensor's name: the multipliers of the groups, which stay.
    pub group_multipliers: BTreeMap<String, Vec<u8>>,
    /// Steps of tables that are stored in four bits, by name, one a row; they stay.
    pub table_steps: BTreeMap<String, Vec<f32>>,
    /// Where the weights' steps come from while training.
    pub weights: WeightSteps,
    /// Where the inputs' steps come from while training.
    pub inputs: InputSteps,
}

/// Where the steps of weights come from. Tables always have those of their rows' largest values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightSteps {
    /// Learned (Esser et al. 2020), one a row.
    Learned,
    /// The row's largest magnitude at every step: PaddleSlim's `channel_wise_abs_max`.
    RowPeak,
    /// The matrix's: PaddleSlim's `abs_max`.
    Peak,
}

/// Where the static steps of inputs come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum InputSteps {
    /// Learned (Esser et al. 2020).
    Learned,
    /// A moving average of the batches' largest magnitudes: PaddleSlim's `moving_average_abs_max`,
    /// `state <- rate state + 1`, `sum <- rate sum + peak`, threshold `sum / state`.
    MovingAverage {
        /// Share of the old that is kept, below 1.
        rate: f64,
    },
    /// The largest magnitude so far: PaddleSlim's `range_abs_max` over the whole run.
    Largest,
}

impl FakeQuantization {
    /// That of an int8 model: its linears, tables, ranges and scales.
    ///
    /// # Errors
    /// Usage: a float model, or attention in integers. Rejected: scales are missing.
    pub fn of(int8: &Artifact, weights: WeightSteps, inputs: InputSteps) -> Result<Self> {
        if int8.quant.linears.is_empty() {
            return Err(Error::usage(
                "no linear layer is quantised, so there is nothing to train for",
            ));
        }
        if !int8.quant.attention.is_empty() {
            return Err(Error::usage(
                "attention in integers is not simulated in training; calibrate with QuantPost.attention: f32",
            ));
        }
        let scales = int8.quant.linears.iter().map(|q| {
            let steps = int8.params.f32(&q.linear.scale())?;
            Ok((q.linear, steps.to_vec()))
        });
        let mut multipliers = BTreeMap::new();
        for q in &int8.quant.linears {
            if let Some(multiplier) = int8.input_multiplier(q.linear)? {
                multipliers.insert(q.linear, multiplier.to_vec());
            }
        }
        Ok(Self {
            quant: int8.quant.clone(),
            weight_steps: scales.collect::<Result<_>>()?,
            multipliers,
            group_multipliers: group_multipliers_of(int8)?,
            table_steps: table_steps(int8)?,
            weights,
            inputs,
        })
    }

    /// The int8 model of float weights: the integers that the fake-quantised forward pass stands for.
    ///
    /// # Errors
    /// Rejected: a tensor is missing or not finite.
    pub fn export(&self, float: &Artifact) -> Result<Artifact> {
        let mut params = float.params.clone();
        for linear in &self.quant.linears {
            let (name, scale) = (linear.linear.weight(), linear.linear.scale());
            let steps = self.steps(linear.linear)?.to_vec();
            if let Some(multiplier) = self.multipliers.get(&linear.linear) {
                divide_columns(&mut params, &name, multiplier)?;
                if self.quant.first_reader(linear.linear) == linear.linear {
                    let multiplier = Tensor::f32([multiplier.len()], multiplier.clone());
                    params.insert(linear.linear.input_multiplier(), multiplier);
                }
            }
            integers(&mut params, &name, scale, steps, &self.grid(linear)?)?;
        }
        for quant in &self.quant.embeddings {
            let (name, scale) = (quant.table.weight(), quant.table.scale());
            let columns = float.plan.embeddings.width;
            let steps = match self.table_steps.get(&name) {
                Some(steps) => steps.clone(),
                None => {
                    let peaks = quantize::row_peaks(float.params.f32(&name)?, columns);
                    peaks.into_iter().map(|p| step_of(p, TABLE_MAX)).collect()
                }
            };
            integers(&mut params, &name, scale, steps, &self.table_grid(quant)?)?;
        }
        Ok(Artifact {
            params,
            quant: self.quant.clone(),
            ..float.clone()
        })
    }

    /// Every step: those of the weights, then the inputs' static ones.
    pub(crate) fn all_steps(&mut self) -> impl Iterator<Item = &mut f32> {
        let linears = self.quant.linears.iter_mut();
        let inputs = linears.filter_map(|linear| match &mut linear.activation {
            ActivationScheme::Static { scale, .. } => Some(scale),
            ActivationScheme::DynamicPerToken => None,
        });
        self.weight_steps.values_mut().flatten().chain(inputs)
    }

    /// How a linear's weight is rounded.
    pub(super) fn grid(&self, quant: &LinearQuant) -> Result<Grid<'_>> {
        self.grid_of(
            &quant.linear.weight(),
            quant.bits,
            (quant.weight_max, quant.group_limit),
        )
    }

    /// How a table is rounded.
    pub(super) fn table_grid(&self, quant: &TableQuant) -> Result<Grid<'_>> {
        self.grid_of(&quant.table.weight(), quant.bits, (TABLE_MAX, None))
    }

    fn grid_of(
        &self,
        name: &str,
        bits: WeightBits,
        (max, limit): (u8, Option<GroupLimit>),
    ) -> Result<Grid<'_>> {
        let WeightBits::Four { group: size } = bits else {
            return Ok(Grid::Bytes(symmetric(max), limit));
        };
        let multipliers = self.group_multipliers.get(name).map(Vec::as_slice);
        let multipliers = multipliers
            .ok_or_else(|| Error::rejected(format!("{name} has no multipliers for its groups")))?;
        Ok(Grid::FourBits(Groups {
            size,
            multipliers,
            max,
            limit,
        }))
    }

    /// Steps of a linear's weight.
    pub(super) fn steps(&self, linear: Linear) -> Result<&[f32]> {
        let steps = self.weight_steps.get(&linear).map(Vec::as_slice);
        steps.ok_or_else(|| Error::rejected(format!("{linear} has no steps for its weight")))
    }
}

/// What the integers of a matrix may be.
pub(super) enum Grid<'a> {
    /// All within limits, and groups within theirs.
    Bytes(Levels, Option<GroupLimit>),
    /// Multiples of four bits.
    FourBits(Groups<'a>),
}

/// The multipliers of everything that is stored in four bits.
fn group_multipliers_of(model: &Artifact) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut all = BTreeMap::new();
    for (name, bits) in model.quant.matrices() {
        if let WeightBits::Four { group } = bits {
            let multipliers = FourBits::of(&model.params, &name, group)?.multipliers();
            all.insert(name, multipliers);
        }
    }
    Ok(all)
}

/// The steps of tables that are stored in four bits.
fn table_steps(model: &Artifact) -> Result<BTreeMap<String, Vec<f32>>> {
    let tables = model.quant.embeddings.iter();
    let tables = tables.filter(|q| q.bits != WeightBits::Eight);
    let steps = tables.map(|q| {
        let steps = model.params.f32(&q.table.scale())?;
        Ok((q.table.weight(), steps.to_vec()))
    });
    steps.collect()
}

/// Symmetric limits of integer weights.
pub(super) fn symmetric(max: u8) -> Levels {
    let high = f32::from(max);
    Levels { low: -high, high }
}

/// The step with which a magnitude becomes the largest integer; 1 for zeros.
pub(super) fn step_of(peak: f32, max: u8) -> f32 {
    if peak == 0.0 {
        return 1.0;
    }
    (peak / f32::from(max)).max(f32::MIN_POSITIVE)
}

/// Divides the columns of a matrix, each by its number.
fn divide_columns(params: &mut Params, name: &str, by: &[f32]) -> Result<()> {
    let shape = params.get(name)?.shape().to_vec();
    let values = params.f32(name)?.iter().zip(by.iter().cycle());
    let values: Vec<f32> = values.map(|(w, m)| w / m).collect();
    params.insert(name, Tensor::f32(shape, values));
    Ok(())
}

/// Replaces a float matrix by its integers and their steps.
fn integers(
    params: &mut Params,
    name: &str,
    scale: String,
    steps: Vec<f32>,
    grid: &Grid<'_>,
) -> Result<()> {
    let shape = params.get(name)?.shape().to_vec();
    let values = params.f32(name)?;
    if !values.iter().chain(&steps).all(|v| v.is_finite()) {
        return Err(Error::rejected(format!(
            "tensor {name} or its steps are not finite: training diverged"
        )));
    }
    let columns = values.len() / steps.len().max(1);
    let tensor = match grid {
        Grid::Bytes(levels, limit) => Tensor::i8(
            shape,
            grouped::integers(values, columns, &steps, *levels, *limit),
        ),
        Grid::FourBits(groups) => {
            let q = groups.quarters(values, columns, &steps);
            let shape = [steps.len(), columns];
            let [quarters, multipliers] = packed(&q, groups.multipliers, shape, groups.size);
            params.insert(group_multipliers(name), multipliers);
            quarters
        }
    };
    params.insert(name, tensor);
    params.insert(scale, Tensor::f32([steps.len()], steps));
    Ok(())
}
