//! Activations, number by number.

use super::elementary::{erf, tanh};

/// Exact GELU, `x/2 (1 + erf(x/sqrt 2))` (Hendrycks & Gimpel 2016).
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// GELU by tanh, `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))` (the same).
#[inline(always)]
pub fn gelu_tanh(x: f32) -> f32 {
    /// `sqrt(2/pi)`.
    const ROOT: f32 = 0.797_884_6;
    0.5 * x * (1.0 + tanh(ROOT * (x + 0.044_715 * (x * x * x))))
}

/// `max(x, 0)`.
#[inline(always)]
pub fn relu(x: f32) -> f32 {
    if x > 0.0 { x } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let x = [-50.0, -1.0, 0.0, 0.5, 1.0, 50.0];
        // x * Phi(x) from a table of the normal distribution.
        let expected = [0.0, -0.158_655_25, 0.0, 0.345_731_23, 0.841_344_8, 50.0];
        for (got, want) in x.map(gelu).iter().zip(expected) {
            assert!((got - want).abs() < 1e-6, "{got} is not {want}");
        }
        assert_eq!([-2.0, 0.0, 3.0].map(relu), [0.0, 0.0, 3.0]);
        let expected = [0.0, -0.158_808, 0.0, 0.345_714, 0.841_192, 50.0];
        for (got, want) in x.map(gelu_tanh).iter().zip(expected) {
            assert!((got - want).abs() < 1e-6, "{got} is not {want}");
        }
        assert_eq!(gelu_tanh(f32::MAX), f32::MAX);
        assert_eq!(gelu_tanh(-f32::MAX), 0.0);
    }
}
