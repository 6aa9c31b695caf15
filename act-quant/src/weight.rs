//! Symmetric int8 weights: `w = q * scale[row]`, one scale a row (output channel) or one for the whole
//! tensor. What integers may be and which are nearest is [`Allowed`]'s business, the choice of a scale
//! [`step`]'s, and [`four`]'s where they are to be stored in four bits. Pure arithmetic on slices; knows
//! no model.

mod allowed;
pub mod compensate;
pub mod four;
mod limited;
pub mod step;

use act_core::quant::WeightBits;
use act_core::tensor::Buffer;
use act_core::{Error, Result};
pub use act_stage::config::{Granularity, WeightRound};
pub use allowed::Allowed;
use compensate::Compensation;
use four::{FourBitRow, Groups};
use limited::ByteRow;

/// A quantised matrix. A clone shares its numbers.
#[derive(Clone)]
pub struct Int8Rows {
    /// The integers, row-major.
    pub values: Buffer<i8>,
    /// One step a row, finite and positive (equal in all rows with [`Granularity::Tensor`]).
    pub scales: Buffer<f32>,
    /// Of what is to be stored in four bits, the divisor of every group of a row.
    pub multipliers: Option<Buffer<u8>>,
    /// Signal to quantisation noise in decibels; infinite when nothing was lost.
    pub sqnr_db: f64,
    /// Groups of weights that were cut down to their limit.
    pub groups_cut: usize,
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

/// Quantises a `[rows, columns]` matrix: the step that [`step::step`] chooses, `q = round(w / scale)`,
/// halves to even, clipped, and groups over their limit cut down to it ([`Allowed`]). Rows of zeros get
/// scale 1.
///
/// # Errors
/// Rejected: a weight that is not finite, named by `name`, row and column.
pub fn quantize(
    name: &str,
    weights: &[f32],
    columns: usize,
    granularity: Granularity,
    allowed: Allowed,
) -> Result<Int8Rows> {
    check_finite(name, weights, columns)?;
    if let WeightBits::Four { group } = allowed.bits {
        let row = |weights| FourBitRow::nearest(weights, Groups::new(group, allowed, None));
        let rows: Vec<FourBitRow> = weights.chunks_exact(columns).map(row).collect();
        return Ok(gathered(weights, rows));
    }
    let scales = scales(weights, columns, granularity, allowed, None);
    let mut values = Vec::with_capacity(weights.len());
    let (mut noise, mut cut) = (Noise::default(), 0);
    for (row, &scale) in weights.chunks_exact(columns).zip(&scales) {
        let start = values.len();
        cut += allowed.round(row, scale, &mut values);
        noise.add(row, scale, &values[start..]);
    }
    Ok(Int8Rows {
        values: values.into(),
        scales: scales.into(),
        multipliers: None,
        sqnr_db: noise.sqnr_db(),
        groups_cut: cut,
    })
}

/// Steps of a row that are tried after the one that single errors say is best, one after the other, as shares of the
/// best so far: what a clipped weight or a group that is cut loses others may make up for.
const SHARES: [f32; 4] = [0.8, 0.9, 1.1, 1.2];

/// The same with compensation: what rounding takes off a column is made up for by the columns behind it.
/// Steps are chosen by what errors cost with that, and, where a step is a row's own, rows by what is left of them.
///
/// # Errors
/// Rejected: a weight that is not finite, named by `name`, row and column.
pub fn quantize_compensated(
    name: &str,
    weights: &[f32],
    granularity: Granularity,
    allowed: Allowed,
    compensation: &Compensation,
    threads: usize,
) -> Result<Int8Rows> {
    let costs = compensation.costs();
    let columns = costs.len();
    check_finite(name, weights, columns)?;
    // Relative ones do not overflow; only their ratios matter.
    let most = costs.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let relative: Vec<f32> = costs.iter().map(|cost| (cost / most) as f32).collect();
    if let WeightBits::Four { group } = allowed.bits {
        let groups = Groups::new(group, allowed, Some(&relative));
        let start = |row: usize| {
            let row = &weights[row * columns..][..columns];
            four::Compensated::new(groups.scale(row), groups, costs)
        };
        let rows = compensation.round(weights, start, threads);
        let rows = rows.into_iter().map(|(row, _)| row.finish()).collect();
        return Ok(gathered(weights, rows));
    }
    let mut scales = scales(weights, columns, granularity, allowed, Some(&relative));
    let round = |scales: &[f32]| {
        let start = |row: usize| ByteRow::new(allowed, scales[row], costs);
        compensation.round(weights, start, threads)
    };
    let mut rows = round(&scales);
    let tried = match (granularity, allowed.limit) {
        // One step for all, or nothing to make up for.
        (Granularity::Tensor, _) | (Granularity::Channel, None) => &[][..],
        (Granularity::Channel | Granularity::ChannelMse, _) => &SHARES,
    };
    for share in tried {
        let least = |row| step::least(row, allowed, from(granularity));
        let pairs = scales.iter().zip(weights.chunks_exact(columns));
        let others: Vec<f32> = pairs.map(|(s, row)| (s * share).max(least(row))).collect();
        let bests = rows.iter_mut().zip(&mut scales);
        for (best, other) in bests.zip(round(&others).into_iter().zip(others)) {
            if other.0.1 < best.0.1 {
                (*best.0, *best.1) = other;
            }
        }
    }
    let mut values = Vec::with_capacity(weights.len());
    let (mut noise, mut cut) = (Noise::default(), 0);
    for (((done, _), row), &scale) in rows.iter().zip(weights.chunks_exact(columns)).zip(&scales) {
        values.extend_from_slice(&done.integers);
        cut += done.cut;
        noise.add(row, scale, &done.integers);
    }
    Ok(Int8Rows {
        values: values.into(),
        scales: scales.into(),
        multipliers: None,
        sqnr_db: noise.sqnr_db(),
        groups_cut: cut,
    })
}

/// Rows of four bits, put together.
fn gathered(weights: &[f32], rows: Vec<FourBitRow>) -> Int8Rows {
    let columns = weights.len() / rows.len().max(1);
    let (mut values, mut scales, mut multipliers) = (Vec::new(), Vec::new(), Vec::new());
    let (mut noise, mut cut) = (Noise::default(), 0);
    for (weights, row) in weights.chunks_exact(columns.max(1)).zip(rows) {
        noise.add(weights, row.scale, &row.integers);
        cut += row.cut;
        scales.push(row.scale);
        values.extend(row.integers);
        multipliers.extend(row.multipliers);
    }
    Int8Rows {
        values: values.into(),
        scales: scales.into(),
        multipliers: Some(multipliers.into()),
        sqnr_db: noise.sqnr_db(),
        groups_cut: cut,
    }
}

fn check_finite(name: &str, weights: &[f32], columns: usize) -> Result<()> {
    match weights.iter().position(|w| !w.is_finite()) {
        None => Ok(()),
        Some(i) => Err(Error::rejected(format!(
            "tensor {name} holds {} at row {}, column {}: the model is damaged or its training diverged",
            weights[i],
            i / columns,
            i % columns
        ))),
    }
}

/// One step a row.
fn scales(
    weights: &[f32],
    columns: usize,
    granularity: Granularity,
    allowed: Allowed,
    costs: Option<&[f32]>,
) -> Vec<f32> {
    let rows = weights.chunks_exact(columns);
    let each = |from| {
        let of_row = |row| step::step(row, columns, allowed, from, costs);
        rows.clone().map(of_row).collect()
    };
    match granularity {
        Granularity::Channel | Granularity::ChannelMse => each(from(granularity)),
        Granularity::Tensor => {
            vec![step::step(weights, columns, allowed, step::From::Peak, costs); rows.len()]
        }
    }
}

/// Where steps are looked for.
fn from(granularity: Granularity) -> step::From {
    match granularity {
        Granularity::Channel | Granularity::Tensor => step::From::Peak,
        Granularity::ChannelMse => step::From::Half,
    }
}

/// What rounding took off weights.
#[derive(Default)]
struct Noise {
    signal: f64,
    noise: f64,
}

impl Noise {
    fn add(&mut self, row: &[f32], scale: f32, integers: &[i8]) {
        for (&w, &q) in row.iter().zip(integers) {
            self.signal += f64::from(w).powi(2);
            self.noise += (f64::from(w) - f64::from(q) * f64::from(scale)).powi(2);
        }
    }

    fn sqnr_db(&self) -> f64 {
        if self.noise == 0.0 {
            f64::INFINITY
        } else {
            10.0 * (self.signal / self.noise).log10()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use act_core::quant::GroupLimit;
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
            let rows = quantize("w", &weights, columns, granularity, Allowed::within(weight_max)).unwrap();
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
        fn limits_are_kept_and_cost_no_more_than_cutting_naively(
            (weights, columns) in matrix(),
            size in prop::sample::select(vec![2u8, 4]),
            max in 20u16..300,
            mse: bool,
        ) {
            let granularity = if mse { Granularity::ChannelMse } else { Granularity::Channel };
            let limit = GroupLimit { size, max };
            let limited = Allowed { limit: Some(limit), ..Allowed::within(127) };
            let rows = quantize("w", &weights, columns, granularity, limited).unwrap();
            prop_assert!(rows.values.chunks(columns).all(|row| limit.holds(row)));
            // The plain step, cut; the step with which nothing has to be cut; half of the limit for each.
            let noise = |steps: &dyn Fn(&[f32]) -> f32, cap: f32| -> f64 {
                let of_row = |row: &[f32]| -> f64 {
                    let step = steps(row);
                    let mut q: Vec<i8> = row
                        .iter()
                        .map(|w| (w / step).round_ties_even().clamp(-cap, cap) as i8)
                        .collect();
                    limit.cut(row, step, &mut q);
                    let off = row.iter().zip(&q).map(|(w, &q)| f64::from(*w) - f64::from(q) * f64::from(step));
                    off.map(|off| off * off).sum()
                };
                weights.chunks(columns).map(of_row).sum()
            };
            let peak = |row: &[f32], cap: f32| {
                let peak = row.iter().fold(0f32, |peak, w| peak.max(w.abs()));
                if peak == 0.0 { 1.0 } else { (peak / cap).max(f32::MIN_POSITIVE) }
            };
            let mut found = Noise::default();
            for ((row, scale), q) in weights.chunks(columns).zip(&*rows.scales).zip(rows.values.chunks(columns)) {
                found.add(row, *scale, q);
            }
            let naive = noise(&|row| peak(row, 127.0), 127.0)
                .min(noise(&|row| limit.least_step(row).max(peak(row, 127.0)), 127.0));
            prop_assert!(mse || found.noise <= naive * (1.0 + 1e-4), "{} {}", found.noise, naive);
        }

        #[test]
        fn limits_are_kept_with_compensation(
            (weights, columns) in matrix(),
            size in prop::sample::select(vec![0u8, 2, 4]),
            max in 1u16..300,
            weight_max in 1u8..=127,
            granularity in prop::sample::select(
                vec![Granularity::Channel, Granularity::ChannelMse, Granularity::Tensor]),
            same in 0f64..0.9,
        ) {
            let limit = (size > 0).then_some(GroupLimit { size, max });
            let allowed = Allowed { limit, ..Allowed::within(weight_max) };
            // Any two channels are as alike.
            let alike = (0..columns * columns).map(|i| if i % (columns + 1) == 0 { 1.0 } else { same });
            let compensation = Compensation::new(alike.collect(), columns, 0.01, 1).unwrap();
            let rows = quantize_compensated("w", &weights, granularity, allowed, &compensation, 1).unwrap();
            prop_assert_eq!(rows.values.len(), weights.len());
            prop_assert!(rows.scales.iter().all(|&scale| scale > 0.0 && scale.is_finite()));
            prop_assert!(rows.values.iter().all(|q| q.unsigned_abs() <= weight_max));
            if let Some(limit) = limit {
                prop_assert!(rows.values.chunks(columns).all(|row| limit.holds(row)));
                prop_assert!(rows.groups_cut <= rows.scales.len() * limit.groups(columns));
            }
            // Channels that have nothing in common make up for nothing: what is left is the choice of steps.
            let mut single = vec![0.0; columns * columns];
            (0..columns).for_each(|i| single[i * (columns + 1)] = 1.0);
            let single = Compensation::new(single, columns, 0.0, 1).unwrap();
            let alone = quantize_compensated("w", &weights, granularity, allowed, &single, 1).unwrap();
            let nearest = quantize("w", &weights, columns, granularity, allowed).unwrap();
            prop_assert!(alone.sqnr_db >= nearest.sqnr_db - 1e-3, "{} {}", alone.sqnr_db, nearest.sqnr_db);
        }

        #[test]
        fn the_largest_weight_of_a_row_takes_the_largest_integer((weights, columns) in matrix()) {
            let rows = quantize("w", &weights, columns, Granularity::Channel, Allowed::within(127)).unwrap();
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
        let rows = quantize("w", &weights, 3, Granularity::Channel, Allowed::within(4)).unwrap();
        assert_eq!(rows.scales[..], [0.5, 0.25, 1.0]);
        assert_eq!(rows.values[..], [4, 2, -4, 2, -4, 0, 0, 0, 0]);
        let noise: f64 = 0.25 * 0.25 + 0.125 * 0.125;
        let signal: f64 = 4.0 + 0.5625 + 4.0 + 0.390625 + 1.0;
        assert!((rows.sqnr_db - 10.0 * (signal / noise).log10()).abs() < 1e-9);
        let tensor = quantize("w", &weights, 3, Granularity::Tensor, Allowed::within(4)).unwrap();
        assert_eq!(tensor.scales[..], [0.5; 3]);
        assert_eq!(tensor.values[..], [4, 2, -4, 1, -2, 0, 0, 0, 0]);
    }

    #[test]
    fn clipping_one_far_weight_saves_the_rest() {
        // At 4 levels, 40 weights of 1.1 round to 2 under a step of 2 but to 1 under one of 1.
        let mut row = vec![1.1f32; 4000];
        row[0] = 8.0;
        let noise =
            |granularity| quantize("w", &row, 4000, granularity, Allowed::within(4)).unwrap();
        let (plain, clipped) = (noise(Granularity::Channel), noise(Granularity::ChannelMse));
        assert_eq!(plain.scales[..], [2.0]);
        assert!(clipped.scales[0] < 1.2, "{:?}", &clipped.scales[..]);
        assert!(clipped.sqnr_db > plain.sqnr_db + 6.0);
    }

    #[test]
    fn subnormal_weights_keep_a_usable_step() {
        let rows = quantize(
            "w",
            &[1e-44, -1e-44],
            2,
            Granularity::Channel,
            Allowed::within(127),
        )
        .unwrap();
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
            Allowed::within(127),
        );
        let message = error.err().unwrap().to_string();
        assert!(
            message.contains("tensor w holds NaN at row 1, column 0"),
            "{message}"
        );
    }
}
