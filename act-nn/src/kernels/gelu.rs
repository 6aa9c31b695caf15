//! Exact GELU and its exact derivative in one pass; GELU by tanh, tanh and ReLU likewise.
//!
//! `gelu(x) = x * Phi(x)` (Hendrycks & Gimpel 2016), `gelu'(x) = Phi(x) + x * phi(x)`. burn's own
//! backward differentiates the tanh approximation instead. The values are act-infer's, of
//! [`act_core::arithmetic`]. The backward pass is one multiplication by what the forward pass kept.

use act_core::arithmetic::{activation, elementary};

use super::exp::exp;
use super::simd::simd_fn;

/// GELU and its derivative.
#[inline(always)]
fn gelu_with_derivative(x: f32) -> (f32, f32) {
    const INV_SQRT_2PI: f32 = 0.398_942_3;
    let phi = 0.5 * (1.0 + elementary::erf(x * std::f32::consts::FRAC_1_SQRT_2));
    let gauss = exp(-0.5 * x * x);
    (activation::gelu(x), phi + x * INV_SQRT_2PI * gauss)
}

simd_fn! {
    /// `out = gelu(x)`.
    pub(crate) fn gelu(x: &[f32]) -> Vec<f32> {
        x.iter().map(|&x| activation::gelu(x)).collect()
    }
}

simd_fn! {
    /// `(gelu(x), gelu'(x))`.
    pub(crate) fn gelu_and_derivative(x: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let mut y = vec![0f32; x.len()];
        let mut dy = vec![0f32; x.len()];
        for ((&x, y), dy) in x.iter().zip(&mut y).zip(&mut dy) {
            (*y, *dy) = gelu_with_derivative(x);
        }
        (y, dy)
    }
}

/// GELU by tanh (the same authors) and its derivative.
#[inline(always)]
fn gelu_tanh_with_derivative(x: f32) -> (f32, f32) {
    /// `sqrt(2/pi)`.
    const ROOT: f32 = 0.797_884_6;
    const CUBIC: f32 = 0.044_715;
    // Beyond 13 the slope is 0 or 1, and the cube would not stay finite.
    let near = x.clamp(-13.0, 13.0);
    let inner = ROOT * (near + CUBIC * (near * near * near));
    let e = exp(-2.0 * inner.abs());
    let tanh = ((1.0 - e) / (1.0 + e)).copysign(inner);
    let slope = ROOT * (1.0 + 3.0 * CUBIC * (near * near));
    // 1 - tanh^2, without what cancels.
    let sech = 4.0 * e / ((1.0 + e) * (1.0 + e));
    (
        activation::gelu_tanh(x),
        0.5 * (1.0 + tanh) + 0.5 * near * sech * slope,
    )
}

simd_fn! {
    /// `out = gelu_tanh(x)`.
    pub(crate) fn gelu_tanh(x: &[f32]) -> Vec<f32> {
        x.iter().map(|&x| activation::gelu_tanh(x)).collect()
    }
}

simd_fn! {
    /// `(gelu_tanh(x), gelu_tanh'(x))`.
    pub(crate) fn gelu_tanh_and_derivative(x: &[f32]) -> (Vec<f32>, Vec<f32>) {
        x.iter().map(|&x| gelu_tanh_with_derivative(x)).unzip()
    }
}

/// Hyperbolic tangent. NaN gives NaN here, so that a training that diverges is seen to.
#[inline(always)]
fn tangent(x: f32) -> f32 {
    let y = elementary::tanh(x);
    if x.is_nan() { x } else { y }
}

simd_fn! {
    /// `tanh(x)`.
    pub(crate) fn tanh(x: &[f32]) -> Vec<f32> {
        x.iter().map(|&x| tangent(x)).collect()
    }
}

simd_fn! {
    /// `(tanh(x), tanh'(x))`.
    pub(crate) fn tanh_and_derivative(x: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let y = tanh(x);
        let derivative = y.iter().map(|y| 1.0 - y * y).collect();
        (y, derivative)
    }
}

simd_fn! {
    /// `max(x, 0)`.
    pub(crate) fn relu(x: &[f32]) -> Vec<f32> {
        x.iter().map(|&x| x.max(0.0)).collect()
    }
}

simd_fn! {
    /// `(relu(x), relu'(x))`, with derivative 0 at 0.
    pub(crate) fn relu_and_derivative(x: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let derivative = x.iter().map(|&x| if x > 0.0 { 1.0 } else { 0.0 }).collect();
        (relu(x), derivative)
    }
}

simd_fn! {
    /// `a * b` element by element.
    pub(crate) fn multiply(a: &[f32], b: &[f32]) -> Vec<f32> {
        a.iter().zip(b).map(|(a, b)| a * b).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Phi and phi in `f64` by Simpson's rule over the density: independent of the formula used.
    fn reference(x: f64) -> (f64, f64) {
        let density = |t: f64| (-0.5 * t * t).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let n = 2000;
        let h = x / n as f64;
        let inner: f64 = (1..n)
            .map(|i| density(i as f64 * h) * if i % 2 == 1 { 4.0 } else { 2.0 })
            .sum();
        let cdf = 0.5 + h / 3.0 * (density(0.0) + inner + density(x));
        (x * cdf, cdf + x * density(x))
    }

    #[test]
    fn gelu_and_its_derivative_are_exact_to_1e_6() {
        let x: Vec<f32> = (-800..=800).map(|i| i as f32 / 100.0).collect();
        let (y, dy) = gelu_and_derivative(&x);
        assert_eq!(y, gelu(&x));
        for ((&x, y), dy) in x.iter().zip(y).zip(dy) {
            let (want, slope) = reference(f64::from(x));
            assert!((f64::from(y) - want).abs() < 1e-6, "gelu({x})");
            assert!((f64::from(dy) - slope).abs() < 1e-6, "gelu'({x})");
        }
    }

    #[test]
    fn gelu_by_tanh_and_its_derivative_are_exact_to_1e_6() {
        let definition = |x: f64| {
            let root = (2.0 / std::f64::consts::PI).sqrt();
            0.5 * x * (1.0 + (root * (x + 0.044715 * x.powi(3))).tanh())
        };
        let x: Vec<f32> = (-1500..=1500).map(|i| i as f32 / 100.0).collect();
        let (y, dy) = gelu_tanh_and_derivative(&x);
        assert_eq!(y, gelu_tanh(&x));
        for ((&x, y), dy) in x.iter().zip(y).zip(dy) {
            let (exact, step) = (f64::from(x), 1e-5);
            let slope = (definition(exact + step) - definition(exact - step)) / (2.0 * step);
            assert!(
                (f64::from(y) - definition(exact)).abs() < 1e-6 * exact.abs().max(1.0),
                "{x}"
            );
            assert!((f64::from(dy) - slope).abs() < 2e-6, "gelu_tanh'({x})");
        }
    }

    #[test]
    fn the_tangent_and_its_derivative_are_exact_to_1e_6() {
        let x: Vec<f32> = (-800..=800).map(|i| i as f32 / 100.0).collect();
        let (y, dy) = tanh_and_derivative(&x);
        for ((&x, y), dy) in x.iter().zip(y).zip(dy) {
            let exact = f64::from(x).tanh();
            assert!((f64::from(y) - exact).abs() < 1e-6, "tanh({x})");
            let slope = 1.0 - exact * exact;
            assert!((f64::from(dy) - slope).abs() < 1e-6, "tanh'({x})");
        }
    }

    #[test]
    fn nan_goes_through() {
        assert!(tanh(&[f32::NAN])[0].is_nan());
        assert!(gelu(&[f32::NAN])[0].is_nan());
        assert!(gelu_tanh(&[f32::NAN])[0].is_nan());
    }
}
