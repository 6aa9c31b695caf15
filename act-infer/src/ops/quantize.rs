//! From floats to the integers of a quantised linear. This is the one definition:
//!
//! `a = clamp(round(x * (1 / scale)), low, high)`, the reciprocal and the product each rounded to
//! f32, `round` to the nearest integer with ties to even, not-a-number to `low`. `low` and `high`
//! are those `a` of which the byte `a + zero_point` is `activation_max` from 128.

use super::elementary::ROUNDER;
use super::{for_each_isa, larger, reduce};

/// How floats become bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToBytes {
    pub(super) inverse: f32,
    pub(super) low: f32,
    pub(super) high: f32,
    /// Added to the integer.
    pub(super) offset: i32,
}

impl ToBytes {
    /// Steps of `scale`, integers from `low` to `high`, bytes `a + offset`.
    pub fn new(scale: f32, low: f32, high: f32, offset: i32) -> Self {
        Self {
            inverse: 1.0 / scale,
            low,
            high,
            offset,
        }
    }
}

/// One number's byte.
#[inline(always)]
pub(crate) fn quantize(x: f32, quantizer: &ToBytes) -> u8 {
    let a = x * quantizer.inverse;
    let a = if a > quantizer.low { a } else { quantizer.low };
    let a = if a < quantizer.high {
        a
    } else {
        quantizer.high
    };
    let integer = (a + ROUNDER).to_bits() as i32 - ROUNDER.to_bits() as i32;
    (integer + quantizer.offset) as u8
}

for_each_isa! {
    /// Every number's byte; at most as many as `bytes` has.
    pub(crate) fn quantize_row(row: &[f32], quantizer: &ToBytes, bytes: &mut [u8]) {
        for (x, byte) in row.iter().zip(bytes) {
            *byte = quantize(*x, quantizer);
        }
    }

    /// A row's own scale: `max |x| / activation_max`, or 1 if that is 0 (or subnormal, of which the
    /// reciprocal is infinite).
    pub(crate) fn row_scale(row: &[f32], activation_max: f32) -> f32 {
        let scale = reduce(row, 0.0, f32::abs, larger) / activation_max;
        if scale < f32::MIN_POSITIVE { 1.0 } else { scale }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Isa;

    #[test]
    fn rounds_ties_to_even_and_clamps() {
        let row = [
            0.0,
            0.5,
            1.5,
            -0.5,
            -1.5,
            -2.5,
            126.5,
            500.0,
            -500.0,
            f32::NAN,
            3.2,
        ];
        let mut bytes = [0; 11];
        quantize_row(
            Isa::PORTABLE,
            &row,
            &ToBytes::new(1.0, -127.0, 127.0, 128),
            &mut bytes,
        );
        let integers = bytes.map(|b| i32::from(b) - 128);
        assert_eq!(integers, [0, 0, 2, 0, -2, -2, 126, 127, -127, -127, 3]);
    }

    #[test]
    fn equals_the_definition_in_plain_words() {
        let mut bytes = [0; 1];
        for i in 0..200_000 {
            let (x, scale) = ((i as f32 - 1e5) * 1.3e-4, 0.037);
            quantize_row(
                Isa::PORTABLE,
                &[x],
                &ToBytes::new(scale, -127.0, 127.0, 0),
                &mut bytes,
            );
            let a = (x * (1.0 / scale)).clamp(-127.0, 127.0).round_ties_even() as i8;
            assert_eq!(bytes[0] as i8, a, "{x}");
        }
    }

    #[test]
    fn a_row_without_values_has_scale_one() {
        assert_eq!(row_scale(Isa::PORTABLE, &[0.0; 20], 127.0), 1.0);
        assert_eq!(row_scale(Isa::PORTABLE, &[0.0, 1e-44], 127.0), 1.0);
        assert_eq!(row_scale(Isa::PORTABLE, &[1.0, -254.0, 3.0], 127.0), 2.0);
    }
}
