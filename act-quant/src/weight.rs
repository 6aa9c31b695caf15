//! Symmetric int8 weights: `w = q * scale[row]`, `|q| <= weight_max`, one scale a row (output
//! channel) or one for the whole tensor. Pure arithmetic on slices; knows no model.

use act_core::{Error, Result};

/// What shares a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// Each output row has its own: PaddleSlim's `channel_wise_abs_max`.
    Channel,
    /// The whole tensor has one: PaddleSlim's `abs_max`.
    Tensor,
}

impl Granularity {
    /// The granularity that PaddleSlim calls `name`.
    ///
    /// # Errors
    /// Usage: an unknown name.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "channel_wise_abs_max" => Ok(Granularity::Channel),
            "abs_max" => Ok(Granularity::Tensor),
            _ => Err(Error::usage(format!(
                "no weight_quantize_type is called {name:?}; there are channel_wise_abs_max, abs_max"
            ))),
        }
    }

    /// PaddleSlim's name.
    pub fn name(self) -> &'static str {
        match self {
            Granularity::Channel => "channel_wise_abs_max",
            Granularity::Tensor => "abs_max",
        }
    }
}

/// A quantised matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Int8Rows {
    /// The integers, row-major.
    pub values: Vec<i8>,
    /// One step a row, finite and positive (equal in all rows with [`Granularity::Tensor`]).
    pub scales: Vec<f32>,
    /// Signal to quantisation noise in decibels; infinite when nothing was lost.
    pub sqnr_db: f64,
}

/// Quantises a `[rows, columns]` matrix: `scale = max |w| / weight_max`, `q = round(w / scale)`,
/// halves to even. Rows of zeros get scale 1.
///
/// # Errors
/// Rejected: a weight that is not finite, named by `name`, row and column.
pub fn quantize(
    name: &str,
    weights: &[f32],
    columns: usize,
    granularity: Granularity,
    weight_max: u8,
) -> Result<Int8Rows> {
    if let Some(i) = weights.iter().position(|w| !w.is_finite()) {
        return Err(Error::rejected(format!(
            "tensor {name} holds {} at row {}, column {}: the model is damaged or its training diverged",
            weights[i],
            i / columns,
            i % columns
        )));
    }
    let rows = weights.chunks_exact(columns);
    let scales: Vec<f32> = match granularity {
        Granularity::Channel => rows.clone().map(|row| scale(row, weight_max)).collect(),
        Granularity::Tensor => vec![scale(weights, weight_max); rows.len()],
    };
    let limit = f32::from(weight_max);
    let mut values = Vec::with_capacity(weights.len());
    let (mut signal, mut noise) = (0.0f64, 0.0f64);
    for (row, &scale) in rows.zip(&scales) {
        for &w in row {
            let q = (w / scale).round_ties_even().clamp(-limit, limit);
            values.push(q as i8);
            signal += f64::from(w).powi(2);
            noise += (f64::from(w) - f64::from(q) * f64::from(scale)).powi(2);
        }
    }
    let sqnr_db = if noise == 0.0 {
        f64::INFINITY
    } else {
        10.0 * (signal / noise).log10()
    };
    Ok(Int8Rows {
        values,
        scales,
        sqnr_db,
    })
}

/// One step for numbers that share it. Magnitudes too small for a normal step share the least one.
fn scale(weights: &[f32], weight_max: u8) -> f32 {
    let peak = weights.iter().fold(0f32, |peak, w| peak.max(w.abs()));
    if peak == 0.0 {
        1.0
    } else {
        (peak / f32::from(weight_max)).max(f32::MIN_POSITIVE)
    }
}
