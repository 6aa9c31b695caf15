//! Activations of the feed-forward blocks, and the pooler's tanh, in place.

use act_core::Activation;

use super::elementary::{erf, tanh};
use super::{Isa, for_each_isa};

/// Applies the activation to every number.
pub(crate) fn activate(isa: Isa, activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Gelu => gelu(isa, values),
        Activation::Relu => relu(isa, values),
    }
}

for_each_isa! {
    /// Exact GELU, `x/2 (1 + erf(x/sqrt 2))` (Hendrycks & Gimpel 2016).
    fn gelu(values: &mut [f32]) {
        for x in values {
            *x = 0.5 * *x * (1.0 + erf(*x * std::f32::consts::FRAC_1_SQRT_2));
        }
    }

    /// `max(x, 0)`.
    fn relu(values: &mut [f32]) {
        for x in values {
            *x = if *x > 0.0 { *x } else { 0.0 };
        }
    }

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
        let mut x = [-50.0, -1.0, 0.0, 0.5, 1.0, 50.0];
        activate(Isa::PORTABLE, Activation::Gelu, &mut x);
        // x * Phi(x) from a table of the normal distribution.
        let expected = [0.0, -0.158_655_25, 0.0, 0.345_731_23, 0.841_344_8, 50.0];
        for (got, want) in x.iter().zip(expected) {
            assert!((got - want).abs() < 1e-6, "{got} is not {want}");
        }
        let mut x = [-2.0, 0.0, 3.0];
        activate(Isa::PORTABLE, Activation::Relu, &mut x);
        assert_eq!(x, [0.0, 0.0, 3.0]);
    }
}
