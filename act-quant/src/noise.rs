//! The error that quantising an input adds to the outputs of its linears, estimated on the sampled
//! rows with the engine's definition of rounding. Cheap enough to ask for every scheme of every
//! input without running the model; what an error does to the answers only a trial can tell.

use act_core::quant::ActivationScheme;
use act_core::{Linear, Result};

use crate::apply::{ModelQuantizer, QuantizedLinear};
use crate::products::products;
use crate::scheme::{Assignment, Scheme};
use crate::shift;

/// Noise at the outputs of some linears as a share of their signal, token by token.
///
/// Every token counts the same: what a linear gives is added to a residual stream that the next norm brings back
/// to one size, so that the first token, whose activations can be many times larger, must not decide for all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Noise {
    shares: f64,
    tokens: usize,
}

impl Noise {
    /// Signal to quantisation noise in decibels; infinite without noise.
    pub fn sqnr_db(self) -> f64 {
        if self.shares == 0.0 {
            return f64::INFINITY;
        }
        -10.0 * (self.shares / self.tokens as f64).log10()
    }

    /// Takes in a token's outputs: exact, and after quantisation.
    fn add(&mut self, outputs: impl Iterator<Item = (f32, f32)>) {
        let (mut signal, mut noise) = (0.0, 0.0);
        for (exact, quantised) in outputs {
            signal += f64::from(exact).powi(2);
            noise += f64::from(exact - quantised).powi(2);
        }
        if signal > 0.0 {
            self.shares += noise / signal;
            self.tokens += 1;
        }
    }
}

/// The estimate for one input of an assignment under another `scheme`, biases left out of the signal, other
/// inputs in float.
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
    let rewritten = quantizer.rewritten_at(&changed, index)?;
    let mut noise = Noise::default();
    for &linear in &changed.choices[index].input.linears {
        if let Some(done) = quantizer.linear(&rewritten, linear, scheme, &changed)? {
            add_linear(&mut noise, quantizer, linear, scheme, &changed, &done)?;
        }
    }
    Ok(noise.sqnr_db())
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
    noise: &mut Noise,
    quantizer: &ModelQuantizer<'_>,
    linear: Linear,
    scheme: Scheme,
    assignment: &Assignment,
    done: &QuantizedLinear,
) -> Result<()> {
    let outputs = done.rows.scales.len();
    // What the bias takes up for the shift, and for the error of the weights.
    let mut bias = match quantizer.shift(linear, scheme, assignment)? {
        Some(shift) => {
            let weights = quantizer.model().params.f32(&linear.weight())?;
            shift::taken_up(weights, shift)
        }
        None => vec![0.0; outputs],
    };
    for (bias, correction) in bias.iter_mut().zip(done.correction.iter().flatten()) {
        *bias += correction;
    }
    let columns = done.channels.len().max(1);
    let mut inputs = vec![0.0; done.channels.rows.len()];
    let rows = done.channels.rows.chunks_exact(columns);
    for (row, out) in rows.zip(inputs.chunks_exact_mut(columns)) {
        round_trip(row, done, out);
    }
    let exact = quantizer.exact_outputs(linear)?;
    let quantised = products(&done.rows.dequantized(), &inputs, columns);
    let tokens = exact.chunks_exact(outputs);
    for (exact, quantised) in tokens.zip(quantised.chunks_exact(outputs)) {
        let quantised = quantised.iter().zip(&bias).map(|(q, b)| q + b);
        noise.add(exact.iter().copied().zip(quantised));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_of_known_shares() {
        let mut noise = Noise::default();
        noise.add([(3.0, 3.0), (4.0, 4.5)].into_iter());
        assert!((noise.sqnr_db() - 20.0).abs() < 1e-9);
        assert_eq!(Noise::default().sqnr_db(), f64::INFINITY);
    }

    #[test]
    fn large_tokens_count_no_more_than_others() {
        let mut noise = Noise::default();
        noise.add([(1.0, 0.9)].into_iter());
        noise.add([(100.0, 90.0)].into_iter());
        noise.add([(0.0, 1.0)].into_iter());
        assert!((noise.sqnr_db() - 20.0).abs() < 1e-5);
    }
}
