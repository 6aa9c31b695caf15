//! Symmetric int8 weights: `w = q * scale[row]`, `|q| <= weight_max`, one scale a row (output
//! channel) or one for the whole tensor, from the largest weight or with the least squared error.
//! Pure arithmetic on slices; knows no model.

use act_core::tensor::Buffer;
use act_core::{Error, Result};
pub use act_stage::config::Granularity;

/// A quantised matrix. A clone shares its numbers.
#[derive(Clone)]
pub struct Int8Rows {
    /// The integers, row-major.
    pub values: Buffer<i8>,
    /// One step a row, finite and positive (equal in all rows with [`Granularity::Tensor`]).
    pub scales: Buffer<f32>,
    /// Signal to quantisation noise in decibels; infinite when nothing was lost.
    pub sqnr_db: f64,
}

impl Int8Rows {
    /// The weights that the integers stand for, `[rows, columns]`.
    pub fn dequantized(&self) -> Vec<f32> {
        let columns = self.values.len() / self.scales.len().max(1);
        let scales = self
            .scales
            .iter()
            .flat_map(|&s| std::iter::repeat_n(s, columns));
        let values = self.values.iter().zip(scales);
        values.map(|(&q, scale)| f32::from(q) * scale).collect()
    }
}

/// Quantises a `[rows, columns]` matrix: `scale = max |w| / weight_max` or the fraction of it that
/// loses least, `q = round(w / scale)`, halves to even, clipped. Rows of zeros get scale 1.
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
        Granularity::ChannelMse => rows.clone().map(|r| best_scale(r, weight_max)).collect(),
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
        values: values.into(),
        scales: scales.into(),
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

/// The step with the least squared error among 0.50, 0.52 ... 1.00 of the one that clips nothing,
/// the largest of equals.
fn best_scale(row: &[f32], weight_max: u8) -> f32 {
    let widest = scale(row, weight_max);
    let limit = f32::from(weight_max);
    let mut best = (f32::INFINITY, widest);
    for percent in (50..=100).step_by(2) {
        let step = (widest * percent as f32 / 100.0).max(f32::MIN_POSITIVE);
        let inverse = 1.0 / step;
        let error: f32 = row
            .iter()
            .map(|w| {
                let q = (w * inverse).round_ties_even().clamp(-limit, limit);
                // In steps, so that tiny weights do not underflow.
                let off = w * inverse - q;
                off * off
            })
            .sum();
        let error = error * (step / widest) * (step / widest);
        if error <= best.0 {
            best = (error, step);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Magnitudes from far below to far above those of real weights.
    fn matrix() -> impl Strategy<Value = (Vec<f32>, usize)> {
        (1usize..6, 1usize..9, -30i32..30).prop_flat_map(|(rows, columns, exponent)| {
            let value = prop_oneof![Just(0.0), -1f32..1.0];
            let scaled = value.prop_map(move |v: f32| v * 2f32.powi(exponent));
            (prop::collection::vec(scaled, rows * columns), Just(columns))
        })
    }

    proptest! {
        #[test]
        fn the_error_is_at_most_half_a_step(
            (weights, columns) in matrix(),
            weight_max in 1u8..=127,
            per_channel: bool,
        ) {
            let granularity = if per_channel {
                Granularity::Channel
            } else {
                Granularity::Tensor
            };
            let rows = quantize("w", &weights, columns, granularity, weight_max).unwrap();
            prop_assert_eq!(rows.scales.len(), weights.len() / columns);
            for (i, (&w, &q)) in weights.iter().zip(&*rows.values).enumerate() {
                let scale = rows.scales[i / columns];
                prop_assert!(scale > 0.0 && scale.is_finite());
                prop_assert!(q.unsigned_abs() <= weight_max);
                let error = (f64::from(w) - f64::from(q) * f64::from(scale)).abs();
                prop_assert!(error <= 0.5 * f64::from(scale) * (1.0 + 1e-5), "{} {} {}", w, q, scale);
            }
        }

        #[test]
        fn the_largest_weight_of_a_row_takes_the_largest_integer((weights, columns) in matrix()) {
            let rows = quantize("w", &weights, columns, Granularity::Channel, 127).unwrap();
            for (w, q) in weights.chunks(columns).zip(rows.values.chunks(columns)) {
                let zeros = w.iter().all(|&w| w == 0.0);
                let peak = q.iter().map(|q| q.unsigned_abs()).max().unwrap();
                prop_assert_eq!(peak, if zeros { 0 } else { 127 });
            }
        }
    }

    #[test]
    fn known_numbers() {
        // Steps of 0.5 and 0.25 (weight_max 4); 0.75 / 0.5 = 1.5 and 0.625 / 0.25 = 2.5: to even.
        let weights = [2.0, 0.75, -2.0, 0.625, -1.0, 0.0, 0.0, 0.0, 0.0];
        let rows = quantize("w", &weights, 3, Granularity::Channel, 4).unwrap();
        assert_eq!(rows.scales[..], [0.5, 0.25, 1.0]);
        assert_eq!(rows.values[..], [4, 2, -4, 2, -4, 0, 0, 0, 0]);
        let noise: f64 = 0.25 * 0.25 + 0.125 * 0.125;
        let signal: f64 = 4.0 + 0.5625 + 4.0 + 0.390625 + 1.0;
        assert!((rows.sqnr_db - 10.0 * (signal / noise).log10()).abs() < 1e-9);
        let tensor = quantize("w", &weights, 3, Granularity::Tensor, 4).unwrap();
        assert_eq!(tensor.scales[..], [0.5; 3]);
        assert_eq!(tensor.values[..], [4, 2, -4, 1, -2, 0, 0, 0, 0]);
    }

    #[test]
    fn clipping_one_far_weight_saves_the_rest() {
        // At 4 levels, 40 weights of 1.1 round to 2 under a step of 2 but to 1 under one of 1.
        let mut row = vec![1.1f32; 4000];
        row[0] = 8.0;
        let noise = |granularity| quantize("w", &row, 4000, granularity, 4).unwrap();
        let (plain, clipped) = (noise(Granularity::Channel), noise(Granularity::ChannelMse));
        assert_eq!(plain.scales[..], [2.0]);
        assert!(clipped.scales[0] < 1.2, "{:?}", &clipped.scales[..]);
        assert!(clipped.sqnr_db > plain.sqnr_db + 6.0);
    }

    #[test]
    fn subnormal_weights_keep_a_usable_step() {
        let rows = quantize("w", &[1e-44, -1e-44], 2, Granularity::Channel, 127).unwrap();
        assert_eq!(rows.scales[..], [f32::MIN_POSITIVE]);
        assert_eq!(rows.values[..], [0, 0]);
    }

    #[test]
    fn a_weight_that_is_not_finite_is_named() {
        let error = quantize(
            "w",
            &[0.0, 1.0, f32::NAN, 2.0],
            2,
            Granularity::Channel,
            127,
        );
        let message = error.err().unwrap().to_string();
        assert!(
            message.contains("tensor w holds NaN at row 1, column 0"),
            "{message}"
        );
    }
}
