//! Activations of the feed-forward blocks, number by number: the matrix products apply them to
//! their results; and the pooler's tanh.

use super::elementary::{erf, tanh};
use super::for_each_isa;

/// Exact GELU, `x/2 (1 + erf(x/sqrt 2))` (Hendrycks & Gimpel 2016).
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// `max(x, 0)`.
#[inline(always)]
pub(crate) fn relu(x: f32) -> f32 {
    if x > 0.0 { x } else { 0.0 }
}

for_each_isa! {
    /// Hyperbolic tangent.
    pub(crate) fn tanh_all(values: &mut [f32]) {
        for x in values {
            *x = tanh(*x);
        }
    }
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
    }
}
