//! Activations of the head, over rows. Those of the feed-forward blocks are applied by the matrix products.

use act_core::arithmetic::activation::{gelu, relu};
use act_core::arithmetic::elementary::tanh;
use act_core::plan::HeadActivation;

use super::{Isa, for_each_isa};

/// The head's activation.
pub(crate) fn activate_all(isa: Isa, activation: HeadActivation, values: &mut [f32]) {
    match activation {
        HeadActivation::Gelu => gelu_all(isa, values),
        HeadActivation::Relu => relu_all(isa, values),
        HeadActivation::Tanh => tanh_all(isa, values),
    }
}

for_each_isa! {
    /// Exact GELU.
    fn gelu_all(values: &mut [f32]) {
        for x in values {
            *x = gelu(*x);
        }
    }

    /// `max(x, 0)`.
    fn relu_all(values: &mut [f32]) {
        for x in values {
            *x = relu(*x);
        }
    }

    /// Hyperbolic tangent.
    fn tanh_all(values: &mut [f32]) {
        for x in values {
            *x = tanh(*x);
        }
    }
}
