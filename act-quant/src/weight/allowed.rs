//! What integer weights may be, and the nearest ones: every weight by itself, then groups that are over
//! their limit.

use act_core::quant::{GroupLimit, WeightBits};

/// What the integers of a matrix keep to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowed {
    /// Largest magnitude, 1..=127.
    pub max: u8,
    /// What groups keep to beyond that.
    pub limit: Option<GroupLimit>,
    /// How they are stored.
    pub bits: WeightBits,
}

impl Allowed {
    /// Each integer within `max` of zero.
    pub fn within(max: u8) -> Self {
        let (limit, bits) = (None, WeightBits::Eight);
        Self { max, limit, bits }
    }

    /// The nearest integers of a row in steps of `step`, halves to even, behind those in `integers`; gives
    /// the number of groups that were cut.
    pub fn round(self, row: &[f32], step: f32, integers: &mut Vec<i8>) -> usize {
        let start = integers.len();
        let max = f32::from(self.max);
        integers.extend(
            row.iter()
                .map(|w| nearest((w / step).clamp(-max, max)) as i8),
        );
        match self.limit {
            Some(limit) => limit.cut(row, step, &mut integers[start..]),
            None => 0,
        }
    }
}

/// A number of at most a few thousand, rounded, halves to even: so that it compiles to vector code
/// everywhere.
#[inline(always)]
pub(super) fn nearest(x: f32) -> f32 {
    /// Floats from here on, and up to twice that, are the whole numbers.
    const WHOLE: f32 = 12_582_912.0;
    (x + WHOLE) - WHOLE
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nearest_is_rounding_halves_to_even(x in -1000f32..1000.0, halves in -500i32..500) {
            for x in [x, halves as f32 / 2.0] {
                prop_assert_eq!(nearest(x), x.round_ties_even());
            }
        }
    }
}
