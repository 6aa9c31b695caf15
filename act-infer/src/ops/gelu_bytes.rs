//! GELU straight to the bytes of an int8 layer's input: for every number the byte of [`quantize`] of
//! [`gelu`], for about half the instructions.
//!
//! A guess, without a division and with fused steps, is nowhere further than [`ERROR`] from what
//! [`gelu`] gives. Where it is further than that from the middle between two integers both round to
//! the same one, so the guess is the answer; a row with a number of which this is not so is computed
//! as defined. So the guess is no part of the contract, only its speed is.

use act_core::arithmetic::activation::gelu;
use act_core::arithmetic::elementary::ROUNDER;

use super::quantize::{Limits, quantize};

/// Nowhere is the guess further from [`gelu`], beyond what the next constant allows.
const ERROR: f32 = 3e-5;
/// Nor, of large numbers, by a larger part of them.
const RELATIVE: f32 = 2.5e-7;
/// Half of the steps near which a guess is worth its while, on average over a row: beyond, too many rows are
/// computed twice.
const MOST_DOUBT: f32 = 0.02;

/// From here on the normal distribution's function is taken to be 1.
const END: f32 = 4.4;
/// The middle of the squares up to there; around it the polynomial's coefficients cancel least.
const MIDDLE: f32 = 9.68;

/// What a guess needs to know of the bytes of `W` columns.
#[derive(Clone, Copy)]
pub(crate) struct Guess<const W: usize> {
    inverses: [f32; W],
    /// So far from an integer a guess may be.
    sure: [f32; W],
    limits: Limits,
    /// Adding it rounds, and leaves the byte in the low bits.
    rounder: f32,
}

impl<const W: usize> Guess<W> {
    /// `None` where a guess would not pay: tiny steps, or a machine without fused steps.
    #[inline(always)]
    pub fn new(inverses: &[f32; W], limits: Limits) -> Option<Self> {
        let (mut sure, mut sum) = ([0.0; W], 0.0);
        for c in 0..W {
            // No quotient that is not clamped is above 256; it has been rounded twice or thrice.
            let doubt = inverses[c] * ERROR + 256.0 * (RELATIVE + 2.0 * f32::EPSILON);
            sure[c] = 0.5 - doubt;
            sum += doubt;
        }
        let pays = sum < MOST_DOUBT * W as f32 && fused_steps();
        pays.then_some(Self {
            inverses: *inverses,
            sure,
            limits,
            rounder: ROUNDER + limits.offset as f32,
        })
    }

    /// The likely byte of `gelu(x)` in column `c`, and whether it surely is. What is not a number is
    /// never sure.
    #[inline(always)]
    fn byte(&self, c: usize, x: f32) -> (u8, bool) {
        let Limits { low, high, .. } = self.limits;
        let a = guess(x) * self.inverses[c];
        let a = if a < low { low } else { a };
        let a = if a > high { high } else { a };
        let rounded = a + self.rounder;
        let distance = a - (rounded - self.rounder);
        (rounded.to_bits() as u8, distance.abs() < self.sure[c])
    }
}

/// `quantize(gelu(x))` of a row.
#[inline(always)]
pub(crate) fn gelu_bytes<const W: usize>(row: &[f32; W], guess: &Guess<W>, bytes: &mut [u8; W]) {
    let mut doubtful = false;
    for c in 0..W {
        let (byte, sure) = guess.byte(c, row[c]);
        bytes[c] = byte;
        doubtful |= !sure;
    }
    if doubtful {
        for c in 0..W {
            bytes[c] = quantize(gelu(row[c]), guess.inverses[c], &guess.limits);
        }
    }
}

/// About `x P(X <= x)`, the probability that of a normally distributed number: one half and an odd
/// polynomial, fitted by linear programming to the smallest error of the product, to be 1 at [`END`].
#[inline(always)]
fn guess(x: f32) -> f32 {
    let y = if x < -END { -END } else { x };
    let y = if y > END { END } else { y };
    let z = y.mul_add(y, -MIDDLE);
    let p = 3.569_181e-11;
    let p = z.mul_add(p, -9.898_549e-10);
    let p = z.mul_add(p, 1.336_051_3e-8);
    let p = z.mul_add(p, -1.879_982e-7);
    let p = z.mul_add(p, 3.052_370_4e-6);
    let p = z.mul_add(p, -4.419_741_5e-5);
    let p = z.mul_add(p, 5.896_413e-4);
    let p = z.mul_add(p, -8.121_11e-3);
    let p = z.mul_add(p, 0.160_404_41);
    let probability = y.mul_add(p, 0.5);
    // Exactly 0 from -`END` down, so that minus infinity gives no number, as it does in `gelu`.
    x * if probability < 0.0 { 0.0 } else { probability }
}

/// Whether `f32::mul_add` is an instruction where the kernels run that have it. (The portable kernel
/// may be made to run there too; then it calls a function, and is right.)
fn fused_steps() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    return cfg!(target_arch = "aarch64");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Floats of all sizes, each so many steps of the last place from the one before.
    fn floats(step: usize) -> impl Iterator<Item = f32> {
        (0..=u32::MAX).step_by(step).map(f32::from_bits)
    }

    #[track_caller]
    fn assert_close(x: f32) {
        let error = (guess(x) - gelu(x)).abs();
        let most = (ERROR - 1e-6).max(x * RELATIVE);
        assert!(error <= most || x.is_nan(), "{x:e}: off by {error:e}");
    }

    #[test]
    fn the_guess_is_as_close_as_the_doubt_assumes() {
        floats(509).filter(|x| x.is_finite()).for_each(assert_close);
    }

    /// A few minutes.
    #[test]
    #[ignore = "all four billion floats"]
    fn the_guess_is_as_close_everywhere() {
        floats(1).filter(|x| x.is_finite()).for_each(assert_close);
    }

    #[test]
    fn every_byte_is_that_of_the_definition() {
        let ends = [
            (-127.0, 127.0, 0),
            (-127.0, 127.0, 128),
            (-3.0, 251.0, 3),
            (-5.0, 58.0, 64),
        ];
        for scale in [0.0021, 0.0314, 0.05, 0.77, 1e10, 1.7e38] {
            for (low, high, offset) in ends {
                let limits = Limits { low, high, offset };
                let inverses = [1.0 / scale];
                let guess = Guess::new(&inverses, limits).expect("a usual scale");
                let near = (0..400_000).map(|i| (i as f32 - 100_000.0) * scale * 1e-3);
                let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0];
                for x in near.chain(floats(100_003)).chain(special) {
                    let mut bytes = [0; 1];
                    gelu_bytes(&[x], &guess, &mut bytes);
                    assert_eq!(
                        bytes[0],
                        quantize(gelu(x), inverses[0], &limits),
                        "{x:e} in steps of {scale}"
                    );
                }
            }
        }
    }

    #[test]
    fn columns_with_steps_of_their_own_have_doubts_of_their_own() {
        let limits = Limits {
            low: -20.0,
            high: 234.0,
            offset: 20,
        };
        assert!(Guess::new(&[1e4], limits).is_none());
        let inverses = [30.0, 1e4, 2.0, 30.0, 0.0, 500.0, 30.0, 30.0].map(|i: f32| i.min(900.0));
        let guess = Guess::new(&inverses, limits).expect("few fine steps among usual ones");
        for i in 0..200_000 {
            let row = inverses.map(|inverse| (i as f32 - 5e4) * 2e-3 / (inverse + 1e-3));
            let mut bytes = [0; 8];
            gelu_bytes(&row, &guess, &mut bytes);
            for c in 0..8 {
                let byte = quantize(gelu(row[c]), inverses[c], &limits);
                assert_eq!(bytes[c], byte, "{} in column {c}", row[c]);
            }
        }
    }
}
