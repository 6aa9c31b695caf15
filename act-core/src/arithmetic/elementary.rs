//! `exp`, `erf` and `tanh` in f32, branch-free so that loops over them vectorise.
//!
//! The standard library's versions differ between platforms in the last bit; these do not.

/// Adding and subtracting this rounds a float below 2^22 in magnitude to the nearest integer, ties
/// to even; its low bits then hold the integer.
pub const ROUNDER: f32 = 12_582_912.0; // 1.5 * 2^23

/// `e^x` with a relative error below 2e-7; 0 below -87, at most `e^88`. Polynomial of Cephes
/// (Moshier 1989, `expf`) after reduction by multiples of ln 2.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    exp_up_to_88(if x > 88.0 { 88.0 } else { x })
}

/// The same for an `x` that is at most 88.
#[inline(always)]
pub fn exp_up_to_88(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4; // 355/512: few bits, so that n * LN_2_HIGH is exact
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let clamped = if x > -87.0 { x } else { -87.0 };
    let rounded = clamped * std::f32::consts::LOG2_E + ROUNDER;
    let n = rounded - ROUNDER;
    let r = clamped - n * LN_2_HIGH - n * LN_2_LOW;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let mantissa = p * (r * r) + r + 1.0;
    // 2^n: the low bits of `rounded` hold n.
    let exponent = (rounded.to_bits() as i32 - ROUNDER.to_bits() as i32 + 127) << 23;
    let result = mantissa * f32::from_bits(exponent as u32);
    if x < -87.0 { 0.0 } else { result }
}

/// The error function, absolute error below 5e-7; exactly 1 in magnitude from 4 on. `x` times a
/// rational minimax approximation in `x^2`, fitted by Lawson's algorithm with the slope at 0 given;
/// all its coefficients are positive, so nothing cancels.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let z = x * x;
    let p = 1.980_618_5e-6;
    let p = p * z + 2.857_03e-4;
    let p = p * z + 3.928_072_3e-3;
    let p = p * z + 5.324_010_4e-2;
    let p = p * z + 1.945_670_7e-1;
    let p = p * z + std::f32::consts::FRAC_2_SQRT_PI;
    let q = 3.741_585e-5;
    let q = q * z + 1.196_662_7e-3;
    let q = q * z + 1.529_671e-2;
    let q = q * z + 1.157_752_7e-1;
    let q = q * z + 5.057_63e-1;
    let q = q * z + 1.0;
    if z < 16.0 {
        x * p / q
    } else {
        1f32.copysign(x)
    }
}

/// Hyperbolic tangent, absolute error below 3e-7.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let e = exp(-2.0 * x.abs());
    ((1.0 - e) / (1.0 + e)).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `from..to` in steps of `step`.
    fn grid(from: f32, to: f32, step: f32) -> impl Iterator<Item = f32> {
        (0..((to - from) / step) as usize).map(move |i| from + i as f32 * step)
    }

    /// erf by its Maclaurin series, or by 1 - erfc with the continued fraction; both converge fast
    /// where they are used.
    fn erf_f64(x: f64) -> f64 {
        if x.abs() < 3.0 {
            let (mut term, mut sum) = (x, x);
            for n in 1..200 {
                term *= -x * x / n as f64;
                sum += term / (2 * n + 1) as f64;
            }
            return sum * std::f64::consts::FRAC_2_SQRT_PI;
        }
        let a = x.abs();
        let fraction = (1..=100).rev().fold(a, |f, k| a + k as f64 / 2.0 / f);
        let erfc = (-a * a).exp() / (fraction * std::f64::consts::PI.sqrt());
        (1.0 - erfc).copysign(x)
    }

    #[test]
    fn exp_is_close_and_ends_in_zero() {
        for x in grid(-87.0, 88.0, 0.0113) {
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 2e-7, "exp({x}): relative error {error:e}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1e4), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(f32::INFINITY).is_finite());
    }

    #[test]
    fn erf_is_close() {
        for x in grid(-6.0, 6.0, 0.000_37) {
            let error = (f64::from(erf(x)) - erf_f64(f64::from(x))).abs();
            assert!(error < 5e-7, "erf({x}): error {error:e}");
        }
        assert_eq!(erf(0.0), 0.0);
        assert_eq!(erf(f32::INFINITY), 1.0);
        assert_eq!(erf(f32::NEG_INFINITY), -1.0);
    }

    #[test]
    fn tanh_is_close() {
        for x in grid(-20.0, 20.0, 0.0017) {
            let error = (f64::from(tanh(x)) - f64::from(x).tanh()).abs();
            assert!(error < 3e-7, "tanh({x}): error {error:e}");
        }
    }
}
