//! From floats to the integers of a quantised linear. This is the one definition:
//!
//! `a = clamp(round(x * (1 / step)), low, high)`, the reciprocal and the product each rounded to
//! f32, `round` to the nearest integer with ties to even, not-a-number to `low`. `low` and `high`
//! are those `a` of which the byte `a + zero_point` is `activation_max` from 128.
//!
//! The step is the input's scale. Where each channel is multiplied by a number first, a static
//! step is `scale / multiplier`, rounded to f32, so that the multiplication costs nothing; under a
//! scale per token it is a product of its own, rounded before everything else.

use act_core::arithmetic::elementary::ROUNDER;

use super::{for_each_isa, larger, reduce};

/// How floats become bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToBytes<'a> {
    inverses: Inverses<'a>,
    pub(super) limits: Limits,
}

/// `1 / step`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Inverses<'a> {
    /// Of all channels.
    All(f32),
    /// Of each channel.
    Each(&'a [f32]),
}

/// What integers are cut to, and their bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    pub(super) low: f32,
    pub(super) high: f32,
    /// Added to the integer.
    pub(super) offset: i32,
}

impl ToBytes<'static> {
    /// Steps of `scale`, integers from `low` to `high`, bytes `a + offset`.
    pub fn new(scale: f32, low: f32, high: f32, offset: i32) -> Self {
        Self {
            inverses: Inverses::All(1.0 / scale),
            limits: Limits { low, high, offset },
        }
    }
}

impl<'a> ToBytes<'a> {
    /// The same with the inverse of a step for each channel.
    pub fn of_channels(self, inverses: &'a [f32]) -> Self {
        Self {
            inverses: Inverses::Each(inverses),
            ..self
        }
    }

    /// The same from channel `first` on.
    pub(crate) fn from(self, first: usize) -> Self {
        match self.inverses {
            Inverses::All(_) => self,
            Inverses::Each(inverses) => self.of_channels(&inverses[first..]),
        }
    }

    /// The inverses of the first `channels` steps, at most `W`; zero behind them.
    #[inline(always)]
    pub(crate) fn inverses<const W: usize>(&self, channels: usize) -> [f32; W] {
        match self.inverses {
            Inverses::All(inverse) => [inverse; W],
            Inverses::Each(inverses) => {
                let mut first = [0.0; W];
                first[..channels].copy_from_slice(&inverses[..channels]);
                first
            }
        }
    }

    /// What integers are cut to.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }
}

/// One number's byte.
#[inline(always)]
pub(crate) fn quantize(x: f32, inverse: f32, limits: &Limits) -> u8 {
    let a = x * inverse;
    let a = if a > limits.low { a } else { limits.low };
    let a = if a < limits.high { a } else { limits.high };
    let integer = (a + ROUNDER).to_bits() as i32 - ROUNDER.to_bits() as i32;
    (integer + limits.offset) as u8
}

for_each_isa! {
    /// Every number's byte; at most as many as `bytes` has.
    pub(crate) fn quantize_row(row: &[f32], quantizer: &ToBytes<'_>, bytes: &mut [u8]) {
        let (numbers, limits) = (row.iter().zip(bytes), quantizer.limits);
        match quantizer.inverses {
            Inverses::All(inverse) => {
                for (x, byte) in numbers {
                    *byte = quantize(*x, inverse, &limits);
                }
            }
            Inverses::Each(inverses) => {
                for ((x, byte), inverse) in numbers.zip(inverses) {
                    *byte = quantize(*x, *inverse, &limits);
                }
            }
        }
    }

    /// Every number times its channel's, into `products`.
    pub(crate) fn multiply_row(row: &[f32], multiplier: &[f32], products: &mut [f32]) {
        for ((x, m), product) in row.iter().zip(multiplier).zip(products) {
            *product = x * m;
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
    fn each_channel_may_have_a_step_of_its_own() {
        let (scale, multiplier) = (0.037f32, [1.0f32, 0.3, 7.0, 123.4]);
        let inverses = multiplier.map(|m| 1.0 / (scale / m));
        let steps = ToBytes::new(scale, -127.0, 127.0, 0).of_channels(&inverses);
        for i in 0..10_000 {
            let row = [0, 1, 2, 3].map(|c| (i as f32 - 5e3) * 1.3e-3 / multiplier[c]);
            let mut bytes = [0; 4];
            quantize_row(Isa::PORTABLE, &row, &steps, &mut bytes);
            let one = |c: usize| {
                let a = row[c] * (1.0 / (scale / multiplier[c]));
                a.clamp(-127.0, 127.0).round_ties_even() as i8
            };
            assert_eq!(bytes.map(|b| b as i8), [0, 1, 2, 3].map(one));
            assert_eq!(quantize_some(&row[2..], steps.from(2)), bytes[2..]);
        }
        assert_eq!(steps.inverses::<3>(2), [inverses[0], inverses[1], 0.0]);
    }

    fn quantize_some(row: &[f32], steps: ToBytes<'_>) -> Vec<u8> {
        let mut bytes = vec![0; row.len()];
        quantize_row(Isa::PORTABLE, row, &steps, &mut bytes);
        bytes
    }

    #[test]
    fn a_row_without_values_has_scale_one() {
        assert_eq!(row_scale(Isa::PORTABLE, &[0.0; 20], 127.0), 1.0);
        assert_eq!(row_scale(Isa::PORTABLE, &[0.0, 1e-44], 127.0), 1.0);
        assert_eq!(row_scale(Isa::PORTABLE, &[1.0, -254.0, 3.0], 127.0), 2.0);
    }
}
