//! A linear layer, ready to run, float or int8.
//!
//! Mixed precision works layer by layer: each takes and gives floats, and an int8 layer turns its
//! input into bytes itself. Layers that want the same bytes (query, key, value) share them, and a
//! layer whose steps are known beforehand can have them written by the layer before it.

use std::ops::Range;

use act_core::quant::{ActivationScheme, LinearQuant};
use act_core::{Activation, Artifact, Error, Linear, Result};

use crate::gemm::{Kernel, Left, Out, PackedF32, PackedI8, Ranges, RowScales, ToBytes};
use crate::ops::Isa;
use crate::ops::quantize::{multiply_row, quantize_row, row_scale};
use crate::profile::{Clock, Phase};

/// A linear layer.
pub(crate) struct Dense {
    name: Linear,
    outputs: usize,
    weights: Weights,
}

enum Weights {
    Float(PackedF32),
    Int8 {
        packed: PackedI8,
        steps: Steps,
        /// Of each channel of the input, if it has a multiplier: the inverse of its static step, or,
        /// where each row has its own scale, the multiplier. Else empty.
        channels: Vec<f32>,
    },
}

/// How floats become the bytes of an int8 layer's input.
#[derive(Clone, Copy, PartialEq)]
struct Steps {
    /// The static scale; `None`: each row its own.
    scale: Option<f32>,
    low: f32,
    high: f32,
    offset: i32,
    /// Each channel has a number of its own: the same ones for all layers that read an input.
    channels: bool,
}

/// The input of one or more linear layers: `[rows, columns]`, and its bytes once some layer has
/// asked for them.
pub(crate) struct Input<'a> {
    values: &'a [f32],
    columns: usize,
    bytes: &'a mut Bytes,
}

/// Quantised rows; memory that is kept from one call to the next.
#[derive(Default)]
pub(crate) struct Bytes {
    /// What the bytes are now, if they belong to the current input.
    steps: Option<Steps>,
    values: Vec<u8>,
    scales: Vec<f32>,
    /// A row times its channels' multiplier.
    products: Vec<f32>,
}

impl<'a> Input<'a> {
    /// Rows of `columns` numbers.
    pub fn new(values: &'a [f32], columns: usize, bytes: &'a mut Bytes) -> Self {
        bytes.steps = None;
        Self {
            values,
            columns,
            bytes,
        }
    }

    /// The numbers, `[rows, columns]`.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// Bytes that [`Dense::direct`] has had written.
    pub fn ready(columns: usize, bytes: &'a mut Bytes) -> Self {
        Self {
            values: &[],
            columns,
            bytes,
        }
    }

    /// Numbers of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    fn quantize(
        &mut self,
        isa: Isa,
        steps: Steps,
        channels: &[f32],
        depth: usize,
        clock: &mut Clock,
    ) {
        if self.bytes.steps == Some(steps) {
            return;
        }
        let bytes = &mut *self.bytes;
        bytes.steps = Some(steps);
        let rows = self.values.len() / self.columns;
        bytes.values.resize(rows * depth, 0);
        bytes.scales.clear();
        let rows = self.values.chunks_exact(self.columns);
        let rows = rows.zip(bytes.values.chunks_exact_mut(depth));
        if let Some(scale) = steps.scale {
            let quantizer = steps.quantizer(scale, channels);
            rows.for_each(|(row, out)| quantize_row(isa, row, &quantizer, out));
            clock.lap(Phase::Quantize);
            return;
        }
        for (mut row, out) in rows {
            if steps.channels {
                bytes.products.resize(row.len(), 0.0);
                multiply_row(isa, row, channels, &mut bytes.products);
                row = &bytes.products;
            }
            let scale = row_scale(isa, row, steps.high);
            bytes.scales.push(scale);
            quantize_row(isa, row, &steps.quantizer(scale, &[]), out);
        }
        clock.lap(Phase::Quantize);
    }
}

impl Dense {
    /// Takes a linear layer out of the artifact and packs it. The artifact's tensors are those of
    /// its plan.
    pub fn take(
        artifact: &mut Artifact,
        linear: Linear,
        kernel: &'static dyn Kernel,
    ) -> Result<Self> {
        let [n, k] = artifact.plan.linear_shape(linear);
        let bias = if artifact.plan.has_bias(linear) {
            artifact.params.f32(&linear.bias())?.to_vec()
        } else {
            vec![0.0; n]
        };
        let weights = if !artifact.plan.has_weight(linear) {
            // Pruning took all that goes in: only the bias is left.
            Weights::Float(PackedF32::linear(kernel, &[], &bias, 0))
        } else if let Some(quant) = artifact.quant.linear(linear) {
            let weight = artifact.params.i8(&linear.weight())?;
            let ranges = checked_ranges(quant, k, weight)?;
            let scales = artifact.params.f32(&linear.scale())?;
            let packed = PackedI8::linear(kernel, ranges, weight, scales, &bias, k);
            Weights::Int8 {
                steps: Steps::new(quant, ranges, packed.offset()),
                packed,
                channels: channels(artifact, quant)?,
            }
        } else {
            let weight = artifact.params.f32(&linear.weight())?;
            Weights::Float(PackedF32::linear(kernel, weight, &bias, k))
        };
        for name in [linear.weight(), linear.scale(), linear.bias()] {
            artifact.params.remove(&name);
        }
        Ok(Self {
            name: linear,
            outputs: n,
            weights,
        })
    }

    /// The same layer for another kernel.
    pub fn repack(&mut self, kernel: &'static dyn Kernel) {
        match &mut self.weights {
            Weights::Float(packed) => *packed = packed.repack(kernel),
            Weights::Int8 { packed, steps, .. } => {
                *packed = packed.repack(kernel);
                steps.offset = packed.offset();
            }
        }
    }

    /// Its name.
    pub fn name(&self) -> Linear {
        self.name
    }

    /// Numbers it gives a row.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// `input * weight' + bias` into `out`, of which rows are so far apart: these columns, and those
    /// around that come with them.
    pub fn forward(
        &self,
        isa: Isa,
        input: &mut Input<'_>,
        columns: Range<usize>,
        (mut out, stride): (Out<'_>, usize),
        clock: &mut Clock,
    ) {
        let panels = self.covering(columns);
        let first = match &self.weights {
            Weights::Float(packed) => packed.columns(panels.clone()).start,
            Weights::Int8 { packed, .. } => packed.columns(panels.clone()).start,
        };
        self.multiply(isa, input, panels, (out.from(first), stride), clock);
    }

    /// The same of columns that begin with a panel; `out` begins with the first of them.
    pub fn forward_part(
        &self,
        isa: Isa,
        input: &mut Input<'_>,
        columns: Range<usize>,
        out: (Out<'_>, usize),
        clock: &mut Clock,
    ) {
        self.multiply(isa, input, self.covering(columns), out, clock);
    }

    /// True if the two read the same bytes of one input, or one of them none.
    pub fn shares_bytes(&self, other: &Dense) -> bool {
        match (&self.weights, &other.weights) {
            (Weights::Int8 { steps, .. }, Weights::Int8 { steps: others, .. }) => steps == others,
            _ => true,
        }
    }

    fn covering(&self, columns: Range<usize>) -> Range<usize> {
        match &self.weights {
            Weights::Float(packed) => packed.covering(columns),
            Weights::Int8 { packed, .. } => packed.covering(columns),
        }
    }

    /// Some panels; `out` begins with their first column.
    fn multiply(
        &self,
        isa: Isa,
        input: &mut Input<'_>,
        panels: Range<usize>,
        (out, stride): (Out<'_>, usize),
        clock: &mut Clock,
    ) {
        match &self.weights {
            Weights::Float(packed) => {
                let left = Left::dense(input.values, input.columns);
                packed.multiply_panels(panels, left, out, stride);
            }
            Weights::Int8 {
                packed,
                steps,
                channels,
            } => {
                input.quantize(isa, *steps, channels, packed.depth(), clock);
                let scales = match steps.scale {
                    Some(scale) => RowScales::All(scale),
                    None => RowScales::Each(&input.bytes.scales),
                };
                let left = Left::dense(&input.bytes.values, packed.depth());
                packed.multiply_panels(panels, left, scales, out, stride);
            }
        }
    }

    /// Where the layer before can write this layer's input of `rows` rows, activated, straight as
    /// bytes, and how far apart their rows are. `None` if a row's steps depend on the row.
    pub fn direct<'b>(
        &'b self,
        rows: usize,
        activation: Activation,
        bytes: &'b mut Bytes,
    ) -> Option<(Out<'b>, usize)> {
        let Weights::Int8 {
            packed,
            steps,
            channels,
        } = &self.weights
        else {
            return None;
        };
        let quantizer = steps.quantizer(steps.scale?, channels);
        bytes.steps = Some(*steps);
        bytes.values.resize(rows * packed.depth(), 0);
        let out = Out::Bytes(&mut bytes.values, activation, quantizer);
        Some((out, packed.depth()))
    }

    /// Adds to every row of `rows` what a layer without inputs gives: its bias.
    pub fn add_bias(&self, rows: &mut [f32]) {
        if let Weights::Float(packed) = &self.weights {
            let none = Left {
                values: &[],
                stride: 0,
                rows: rows.len() / self.outputs,
            };
            packed.multiply(none, Out::Added(rows), self.outputs);
        }
    }
}

impl Steps {
    /// `channels` are the inverses of the channels' steps; none: all have that of `scale`.
    fn quantizer<'a>(&self, scale: f32, channels: &'a [f32]) -> ToBytes<'a> {
        let same = ToBytes::new(scale, self.low, self.high, self.offset);
        match channels {
            [] => same,
            inverses => same.of_channels(inverses),
        }
    }

    fn new(quant: &LinearQuant, ranges: Ranges, offset: i32) -> Self {
        Self {
            scale: match quant.activation {
                ActivationScheme::Static { scale, .. } => Some(scale),
                ActivationScheme::DynamicPerToken => None,
            },
            low: ranges.low as f32,
            high: ranges.high as f32,
            offset,
            channels: quant.input_multiplier,
        }
    }
}

/// What a layer keeps of its input's multiplier ([`Weights::Int8`]), checked.
fn channels(artifact: &Artifact, quant: &LinearQuant) -> Result<Vec<f32>> {
    let Some(multiplier) = artifact.input_multiplier(quant.linear)? else {
        return Ok(Vec::new());
    };
    let linear = quant.linear;
    let rejected = |i: usize, what: &str| {
        let m = multiplier[i];
        Error::rejected(format!(
            "quantisation of {linear}: the multiplier of channel {i}, {m}, {what}"
        ))
    };
    if let Some(i) = multiplier.iter().position(|m| !(m.is_finite() && *m > 0.0)) {
        return Err(rejected(i, "is no number above 0"));
    }
    let ActivationScheme::Static { scale, .. } = quant.activation else {
        return Ok(multiplier.to_vec());
    };
    let inverse = |(i, m): (usize, &f32)| {
        let step = scale / m;
        let usable = step.is_normal().then_some(1.0 / step);
        usable.ok_or_else(|| rejected(i, "leaves no step that is a normal number"))
    };
    multiplier.iter().enumerate().map(inverse).collect()
}

/// The ranges of a quantised linear, if its weights and its numbers keep to them.
fn checked_ranges(quant: &LinearQuant, k: usize, weight: &[i8]) -> Result<Ranges> {
    let linear = quant.linear;
    let rejected = |what: &str| Err(Error::rejected(format!("quantisation of {linear}: {what}")));
    let (weight_max, activation_max) =
        (i32::from(quant.weight_max), i32::from(quant.activation_max));
    if !(1..=127).contains(&weight_max) || !(1..=127).contains(&activation_max) {
        return rejected("weight_max and activation_max must be 1 to 127");
    }
    let zero_point = match quant.activation {
        ActivationScheme::Static { scale, zero_point } => {
            if !(scale.is_normal() && scale > 0.0) {
                return rejected(&format!("{scale} is not a scale"));
            }
            i32::from(zero_point)
        }
        ActivationScheme::DynamicPerToken => 128,
    };
    // Without an early exit this is vector code; there are many weights.
    let most = weight
        .iter()
        .fold(0, |most: u8, w| most.max(w.unsigned_abs()));
    if i32::from(most) > weight_max
        && let Some(w) = weight.iter().find(|w| w.unsigned_abs() == most)
    {
        return rejected(&format!("a weight is {w}, weight_max is {weight_max}"));
    }
    let ranges = Ranges {
        low: 128 - activation_max - zero_point,
        high: 128 + activation_max - zero_point,
        weight_max,
    };
    // The shifted sums of a kernel may wrap; what they stand for must not.
    let largest = weight_max * ranges.high.max(-ranges.low);
    if (k as u128) * largest as u128 > i32::MAX as u128 {
        return rejected(&format!("{k} inputs overflow sums of 32 bits"));
    }
    Ok(ranges)
}
