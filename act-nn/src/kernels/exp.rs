//! The exponential as straight-line `f32` arithmetic, so that loops over it vectorise.
//!
//! act-infer has one of its own, which rounds once less and ends in 0: the bytes of trained models rest
//! on the one, the answers of served models on the other, so that neither can take the other's place.

/// `e^x` for `x <= 0`, relative error below 2e-7; below -87 it stays at `e^-87` (1.6e-38);
/// NaN gives NaN.
///
/// Range reduction by powers of two and a polynomial of degree 5 on `|r| <= ln(2)/2` (Cephes,
/// `expf`; Moshier 1989). Adding `1.5 * 2^23` rounds to an integer and leaves it in the low bits.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4f32;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let power_of_two = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    (p * r * r + r + 1.0) * power_of_two
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_to_the_f64_exponential() {
        for i in 0..=87_000 {
            let x = -(i as f32) / 1000.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 2e-7, "exp({x}): relative error {error:e}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 1.7e-38);
        assert!(exp(f32::NAN).is_nan());
    }
}
