//! The error that quantising an input adds to the outputs of its linears, estimated on the sampled
//! rows with the engine's definition of rounding. Cheap enough to ask for every scheme of every
//! input without running the model; what an error does to the answers only a trial can tell.

use act_core::quant::ActivationScheme;
use act_core::{Linear, Result};

use crate::apply::{ModelQuantizer, QuantizedLinear};
use crate::scheme::{Assignment, Scheme};
use crate::shift;

/// Signal and noise power at the outputs of some linears.
#[derive(Debug, Clone, Copy, Default)]
pub struct Power {
    signal: f64,
    noise: f64,
}

impl Power {
    /// Signal to quantisation noise in decibels; infinite without noise.
    pub fn sqnr_db(self) -> f64 {
        match self.noise {
            0.0 => f64::INFINITY,
            noise => 10.0 * (self.signal / noise).log10(),
        }
    }

    /// Takes in a row of outputs: exact, and after quantisation.
    fn add(&mut self, exact: &[f32], quantised: impl Iterator<Item = f32>) {
        for (y, q) in exact.iter().zip(quantised) {
            self.signal += f64::from(*y).powi(2);
            self.noise += f64::from(y - q).powi(2);
        }
    }
}

/// The estimate for one input of an assignment under another `scheme`, biases left out of the signal.
///
/// # Errors
/// Those of quantising the linears.
pub fn estimate(
    quantizer: &ModelQuantizer<'_>,
    assignment: &Assignment,
    index: usize,
    scheme: Scheme,
) -> Result<f64> {
    let changed = assignment.with(index, scheme);
    let rewritten = quantizer.rewritten(&changed)?;
    let mut power = Power::default();
    for &linear in &changed.choices[index].input.linears {
        if let Some(done) = quantizer.linear(&rewritten, linear, scheme, &changed)? {
            add_linear(&mut power, quantizer, linear, scheme, &changed, &done)?;
        }
    }
    Ok(power.sqnr_db())
}

/// The estimate for every input as it is.
///
/// # Errors
/// Those of quantising the linears.
pub fn of_all(quantizer: &ModelQuantizer<'_>, assignment: &Assignment) -> Result<Vec<f64>> {
    let choices = assignment.choices.iter().enumerate();
    choices
        .map(|(index, choice)| estimate(quantizer, assignment, index, choice.scheme))
        .collect()
}

fn add_linear(
    power: &mut Power,
    quantizer: &ModelQuantizer<'_>,
    linear: Linear,
    scheme: Scheme,
    assignment: &Assignment,
    done: &QuantizedLinear,
) -> Result<()> {
    let weights = quantizer.model().params.f32(&linear.weight())?;
    let rounded = done.rows.dequantized();
    let outputs = done.rows.scales.len();
    // What the bias takes up for the shift, and for the error of the weights.
    let mut bias = match quantizer.shift(linear, scheme, assignment)? {
        Some(shift) => shift::taken_up(weights, shift),
        None => vec![0.0; outputs],
    };
    for (bias, correction) in bias.iter_mut().zip(done.correction.iter().flatten()) {
        *bias += correction;
    }
    let columns = done.channels.len().max(1);
    let mut rounded_row = vec![0.0; columns];
    let (mut exact, mut quantised) = (vec![0.0; outputs], vec![0.0; outputs]);
    let rows = quantizer
        .statistics(linear)?
        .channels
        .rows
        .chunks_exact(columns);
    for (row, changed) in rows.zip(done.channels.rows.chunks_exact(columns)) {
        round_trip(changed, done, &mut rounded_row);
        multiply(weights, row, &mut exact);
        multiply(&rounded, &rounded_row, &mut quantised);
        let quantised = quantised.iter().zip(&bias).map(|(q, b)| q + b);
        power.add(&exact, quantised);
    }
    Ok(())
}

/// A row of inputs after quantisation and back.
fn round_trip(row: &[f32], done: &QuantizedLinear, out: &mut [f32]) {
    let limit = f32::from(done.quant.activation_max);
    let (scale, middle) = match done.quant.activation {
        ActivationScheme::Static { scale, zero_point } => (scale, 128.0 - f32::from(zero_point)),
        ActivationScheme::DynamicPerToken => {
            let peak = row.iter().fold(0f32, |peak, v| peak.max(v.abs()));
            match peak / limit {
                scale if scale < f32::MIN_POSITIVE => (1.0, 0.0),
                scale => (scale, 0.0),
            }
        }
    };
    let inverse = 1.0 / scale;
    let (low, high) = (middle - limit, middle + limit);
    for (x, out) in row.iter().zip(out) {
        *out = (x * inverse).clamp(low, high).round_ties_even() * scale;
    }
}

/// `out = weights * row`, in eight running sums so that the compiler can use vectors.
fn multiply(weights: &[f32], row: &[f32], out: &mut [f32]) {
    for (weights, out) in weights.chunks_exact(row.len()).zip(out) {
        let mut sums = [0f32; 8];
        let (w, x) = (weights.chunks_exact(8), row.chunks_exact(8));
        let rest = w.remainder().iter().zip(x.remainder());
        let rest: f32 = rest.map(|(w, x)| w * x).sum();
        for (w, x) in w.zip(x) {
            for i in 0..8 {
                sums[i] += w[i] * x[i];
            }
        }
        *out = sums.iter().sum::<f32>() + rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_plain_loops() {
        let weights: Vec<f32> = (0..3 * 19).map(|i| (i % 7) as f32 - 3.0).collect();
        let row: Vec<f32> = (0..19).map(|i| (i % 5) as f32).collect();
        let mut out = [0.0; 3];
        multiply(&weights, &row, &mut out);
        for (r, out) in out.iter().enumerate() {
            let expected: f32 = (0..19).map(|c| weights[r * 19 + c] * row[c]).sum();
            assert_eq!(*out, expected);
        }
    }

    #[test]
    fn decibels_of_known_powers() {
        let mut power = Power::default();
        power.add(&[3.0, 4.0], [3.0, 4.5].into_iter());
        assert!((power.sqnr_db() - 20.0).abs() < 1e-9);
        assert_eq!(Power::default().sqnr_db(), f64::INFINITY);
    }
}
