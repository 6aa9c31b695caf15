//! Rows of four-bit integers in groups: the row's scale and the groups' multipliers with which they
//! lose least. (That scales of groups are integers in steps of another is double quantisation, Dettmers
//! et al. 2023, QLoRA.)

use act_core::Tensor;
use act_core::quant::{self, FourBits, GroupLimit};

use super::allowed::{Allowed, nearest};
use super::compensate::Round;
use super::limited::ByteRow;
use super::step::squares;

/// Scales that are tried for a row: those with which its largest weight comes to 7 of the largest `q` times
/// so much. 16 would be the largest multiplier; beyond it the largest weights are clipped.
const TOPS: std::ops::RangeInclusive<u8> = 9..=18;

/// A row of four-bit integers.
pub struct FourBitRow {
    /// What one step of an integer stands for.
    pub scale: f32,
    /// One a group.
    pub multipliers: Vec<u8>,
    /// `q * m`, the integers that the row unpacks to.
    pub integers: Vec<i8>,
    /// Groups of weights that were cut down to their limit.
    pub cut: usize,
}

impl FourBitRow {
    /// Of all scales and multipliers that are tried the ones with the least squared error.
    pub fn nearest(row: &[f32], groups: Groups<'_>) -> Self {
        let mut found = Self {
            scale: groups.scale(row),
            multipliers: Vec::new(),
            integers: Vec::with_capacity(row.len()),
            cut: 0,
        };
        let mut q = Vec::with_capacity(groups.size);
        for (place, weights) in (0..).step_by(groups.size).zip(row.chunks(groups.size)) {
            let (_, m) = groups.multiplier(place, weights, found.scale, &mut q);
            found.cut += groups.round(weights, found.scale * f32::from(m), m, &mut q);
            found.integers.extend(q.iter().map(|q| q * m as i8));
            found.multipliers.push(m);
        }
        found
    }
}

/// What the groups of a row keep to, and what errors cost in its columns.
#[derive(Clone, Copy)]
pub struct Groups<'a> {
    size: usize,
    allowed: Allowed,
    costs: Option<&'a [f32]>,
}

impl<'a> Groups<'a> {
    /// Groups of so many columns; without `costs` every error counts alike.
    pub fn new(size: usize, allowed: Allowed, costs: Option<&'a [f32]>) -> Self {
        Self {
            size,
            allowed,
            costs,
        }
    }

    /// The scale of a row with which the best multipliers lose least; 1 for zeros.
    pub fn scale(self, row: &[f32]) -> f32 {
        let peak = row.iter().fold(0f32, |peak, w| peak.max(w.abs()));
        let mut q = Vec::with_capacity(self.size);
        let mut best = (f32::INFINITY, 1.0);
        for top in TOPS.filter(|_| peak > 0.0) {
            let scale = (peak / (7.0 * f32::from(top))).max(f32::MIN_POSITIVE);
            let mut error = 0.0;
            for (place, weights) in (0..).step_by(self.size).zip(row.chunks(self.size)) {
                error += self.multiplier(place, weights, scale, &mut q).0;
            }
            let error = error * (scale / peak) * (scale / peak);
            if error < best.0 {
                best = (error, scale);
            }
        }
        best.1
    }

    /// The best multiplier of the group that begins at `place`, and its error in squared scales.
    fn multiplier(self, place: usize, weights: &[f32], scale: f32, q: &mut Vec<i8>) -> (f32, u8) {
        let peak = weights.iter().fold(0f32, |peak, w| peak.max(w.abs()));
        let most = self.allowed.max.min(FourBits::MULTIPLIER_MAX);
        // Nothing is won with steps below an eleventh of the peak or above a sixth.
        let whole = |steps: f32| (peak / scale / steps).ceil().clamp(1.0, f32::from(most)) as u8;
        let mut best = (f32::INFINITY, 1);
        for m in whole(11.0)..=whole(6.0) {
            let step = scale * f32::from(m);
            self.round(weights, step, m, q);
            let squares = match self.costs {
                Some(costs) => squares(weights, 1.0 / step, q, |i| costs[place + i]),
                None => squares(weights, 1.0 / step, q, |_| 1.0),
            };
            let error = squares * f32::from(m) * f32::from(m);
            if error < best.0 {
                best = (error, m);
            }
        }
        best
    }

    /// `q` of a group under a multiplier; gives the number of groups of weights that were cut.
    fn round(self, weights: &[f32], step: f32, m: u8, q: &mut Vec<i8>) -> usize {
        let [low, high] = range(self.allowed.max, m);
        q.clear();
        q.extend(
            weights
                .iter()
                .map(|w| nearest((w / step).clamp(low, high)) as i8),
        );
        self.limit(m).map_or(0, |limit| limit.cut(weights, step, q))
    }

    fn limit(self, m: u8) -> Option<GroupLimit> {
        self.allowed.limit.map(|limit| limit.of_multiples(m))
    }
}

/// Least and largest `q` of which the product with `m` is within `max`.
pub fn range(max: u8, m: u8) -> [f32; 2] {
    let most = (max / m) as i8;
    [FourBits::LOW.max(-most), FourBits::HIGH.min(most)].map(f32::from)
}

/// A row that is rounded column by column, while the columns behind make up for the errors: a group's
/// multiplier is chosen when its first column comes, for the weights as they are then.
pub(super) struct Compensated<'a> {
    groups: Groups<'a>,
    scale: f32,
    multipliers: Vec<u8>,
    /// `q` of the columns so far.
    row: ByteRow<'a>,
}

impl<'a> Compensated<'a> {
    /// Before the first column; `costs` are those of [`Groups`], in their own unit.
    pub fn new(scale: f32, groups: Groups<'a>, costs: &'a [f64]) -> Self {
        Self {
            row: ByteRow::new(groups.allowed, scale, costs),
            multipliers: Vec::new(),
            groups,
            scale,
        }
    }

    /// Behind the last column.
    pub fn finish(self) -> FourBitRow {
        let groups = self.row.integers.chunks(self.groups.size);
        let integers = groups.zip(&self.multipliers);
        FourBitRow {
            scale: self.scale,
            integers: integers
                .flat_map(|(q, &m)| q.iter().map(move |q| q * m as i8))
                .collect(),
            cut: self.row.cut,
            multipliers: self.multipliers,
        }
    }
}

impl Round for Compensated<'_> {
    fn round(&mut self, column: usize, values: &[f64]) -> f64 {
        let size = self.groups.size;
        if column.is_multiple_of(size) {
            // Whole groups fit a block.
            let ahead: Vec<f32> = values.iter().take(size).map(|&v| v as f32).collect();
            let (_, m) = self
                .groups
                .multiplier(column, &ahead, self.scale, &mut Vec::new());
            let step = f64::from(self.scale) * f64::from(m);
            let range = range(self.groups.allowed.max, m).map(f64::from);
            self.row.change(step, self.groups.limit(m), range);
            self.multipliers.push(m);
        }
        self.row.round(column, values)
    }
}

/// Integers `q * m` of `[rows, columns]` as the two tensors that hold them: `q`, and the multipliers.
pub fn packed(integers: &[i8], multipliers: &[u8], shape: [usize; 2], group: usize) -> [Tensor; 2] {
    let rows = integers.chunks(shape[1].max(1));
    let groups = rows.flat_map(|row| row.chunks(group)).zip(multipliers);
    let q: Vec<i8> = groups
        .flat_map(|(group, &m)| group.iter().map(move |w| w / m as i8))
        .collect();
    quant::packed(&q, multipliers, shape, group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use act_core::quant::WeightBits;
    use proptest::prelude::*;

    use crate::weight::compensate::Compensation;

    fn row() -> impl Strategy<Value = Vec<f32>> {
        (-30i32..30, 1usize..140).prop_flat_map(|(exponent, columns)| {
            let value = prop_oneof![Just(0.0), -1f32..1.0];
            let scaled = value.prop_map(move |v: f32| v * 2f32.powi(exponent));
            prop::collection::vec(scaled, columns)
        })
    }

    fn limit() -> impl Strategy<Value = Option<GroupLimit>> {
        let limit = (prop::sample::select(vec![2u8, 4]), 1u16..=300);
        prop::option::of(limit.prop_map(|(size, max)| GroupLimit { size, max }))
    }

    fn error(row: &[f32], found: &FourBitRow) -> f64 {
        let pairs = row.iter().zip(&found.integers);
        let off = pairs.map(|(&w, &q)| f64::from(w) - f64::from(q) * f64::from(found.scale));
        off.map(|off| off * off).sum()
    }

    proptest! {
        #[test]
        fn rows_are_multiples_of_four_bits_within_every_limit(
            row in row(),
            max in 1u8..=127,
            limit in limit(),
            group in prop::sample::select(&WeightBits::GROUPS[..]),
            compensated: bool,
        ) {
            let bits = WeightBits::Four { group };
            let groups = Groups::new(group, Allowed { max, limit, bits }, None);
            let found = if compensated {
                // Neighbours that are alike make up for half of each other's errors.
                let n = row.len();
                let moments = (0..n * n).map(|i| 0.5f64.powi((i / n).abs_diff(i % n) as i32)).collect();
                let compensation = Compensation::new(moments, n, 0.01, 1).unwrap();
                let costs = compensation.costs();
                let start = |_| Compensated::new(groups.scale(&row), groups, costs);
                let (row, _) = compensation.round(&row, start, 1).pop().unwrap();
                row.finish()
            } else {
                FourBitRow::nearest(&row, groups)
            };
            prop_assert!(found.scale > 0.0 && found.scale.is_finite());
            prop_assert_eq!(found.multipliers.len(), row.len().div_ceil(group));
            prop_assert!(found.multipliers.iter().all(|m| (1..=16).contains(m)));
            prop_assert!(found.integers.iter().all(|q| q.unsigned_abs() <= max));
            prop_assert!(limit.is_none_or(|limit| limit.holds(&found.integers)));
            let groups = found.integers.chunks(group).zip(&found.multipliers);
            for (q, &m) in groups.flat_map(|(g, m)| g.iter().map(move |q| (q, m))) {
                prop_assert_eq!(*q % m as i8, 0);
                prop_assert!((-8..=7).contains(&(*q / m as i8)));
            }
            let names = ["w".to_string(), act_core::names::group_multipliers("w")];
            let tensors = packed(&found.integers, &found.multipliers, [1, row.len()], group);
            let params: act_core::Params = names.into_iter().zip(tensors).collect();
            let unpacked = FourBits::of(&params, "w", group).unwrap().unpacked().unwrap();
            prop_assert_eq!(unpacked, found.integers);
        }

        #[test]
        fn the_error_is_within_that_of_one_step_a_row(row in row()) {
            let found = FourBitRow::nearest(&row, Groups::new(32, Allowed::within(127), None));
            // One multiplier for all groups, nothing clipped.
            let peak = row.iter().fold(0f32, |peak, w| peak.max(w.abs()));
            let step = (peak / 7.0).max(f32::MIN_POSITIVE);
            let plain = row.iter().map(|w| f64::from(w - (w / step).round() * step).powi(2)).sum::<f64>();
            prop_assert!(error(&row, &found) <= plain * 1.1 + 1e-12 * f64::from(peak).powi(2), "{} {}", error(&row, &found), plain);
        }
    }

    #[test]
    fn a_group_of_small_weights_has_small_steps() {
        // 32 weights around 1, then 32 around 1/10: an eighth of the first ones' step for the second.
        let weight = |i: usize| (1.0 + (i % 32) as f32 / 7.0) * if i < 32 { 1.0 } else { -0.1 };
        let row: Vec<f32> = (0..64).map(weight).collect();
        let found = FourBitRow::nearest(&row, Groups::new(32, Allowed::within(127), None));
        let [first, second] = found.multipliers[..] else {
            panic!("{:?}", found.multipliers)
        };
        assert!(first > 7 * second, "{first} {second}");
        let signal: f64 = row.iter().map(|w| f64::from(*w).powi(2)).sum();
        assert!(error(&row, &found) < signal / 150.0);
    }
}
