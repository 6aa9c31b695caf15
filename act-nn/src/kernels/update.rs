//! One optimiser step in one pass over the slices; all slices of a call have one length.

use super::simd::simd_fn;
use crate::update::{AdamStep, MomentumStep, SgdStep, Shared, Update};

/// One step of any optimiser; there are as many moments as it has.
pub(crate) fn update(
    value: &mut [f32],
    gradients: &[f32],
    moments: &mut [&mut [f32]],
    update: &Update,
) {
    match (update, moments) {
        (Update::Adam(step), [first, second]) => adam(value, gradients, first, second, step),
        (Update::Momentum(step), [velocity]) => momentum(value, gradients, velocity, step),
        (Update::Sgd(step), []) => sgd(value, gradients, step),
        _ => unreachable!("a parameter has the moments of its optimiser"),
    }
}

/// The gradient, clipped, with those of the penalties on the value.
#[inline(always)]
fn gradient(g: f32, value: f32, s: &Shared) -> f32 {
    let mut g = g * s.gradient_scale;
    if s.l2 != 0.0 {
        g += s.l2 * value;
    }
    if s.l1 != 0.0 {
        let sign = f32::from(i8::from(value > 0.0) - i8::from(value < 0.0));
        g += s.l1 * sign;
    }
    g
}

simd_fn! {
    /// Adam and AdamW: updates a parameter and its two moments in place.
    fn adam(
        value: &mut [f32],
        gradients: &[f32],
        first: &mut [f32],
        second: &mut [f32],
        step: &AdamStep,
    ) {
        let s = *step;
        let moments = first.iter_mut().zip(second);
        for ((v, g), (m1, m2)) in value.iter_mut().zip(gradients).zip(moments) {
            let g = gradient(*g, *v, &s.shared);
            *m1 = s.beta1 * *m1 + s.rest1 * g;
            *m2 = s.beta2 * *m2 + s.rest2 * g * g;
            *v = *v * s.keep - s.rate * *m1 / ((*m2 * s.correction2).sqrt() + s.eps);
        }
    }
}

simd_fn! {
    /// Momentum: updates a parameter and its velocity in place.
    fn momentum(
        value: &mut [f32],
        gradients: &[f32],
        velocity: &mut [f32],
        step: &MomentumStep,
    ) {
        let s = *step;
        for ((v, g), m) in value.iter_mut().zip(gradients).zip(velocity) {
            let g = gradient(*g, *v, &s.shared);
            *m = s.momentum * *m + g;
            let way = if s.nesterov { g + s.momentum * *m } else { *m };
            *v -= s.rate * way;
        }
    }
}

simd_fn! {
    /// Plain gradient descent, in place.
    fn sgd(value: &mut [f32], gradients: &[f32], step: &SgdStep) {
        for (v, g) in value.iter_mut().zip(gradients) {
            *v -= step.rate * gradient(*g, *v, &step.shared);
        }
    }
}
