//! One step of AdamW in one pass over the slices.

use super::simd::simd_fn;
use crate::optim::AdamWStep;

simd_fn! {
    /// Updates a parameter and its two moments in place; all slices have one length.
    pub(crate) fn update(
        value: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
        step: &AdamWStep,
    ) {
        let s = *step;
        let moments = first.iter_mut().zip(second);
        for ((v, g), (m1, m2)) in value.iter_mut().zip(gradient).zip(moments) {
            let g = g * s.gradient_scale;
            *m1 = s.beta1 * *m1 + (1.0 - s.beta1) * g;
            *m2 = s.beta2 * *m2 + (1.0 - s.beta2) * g * g;
            *v = *v * s.keep - s.rate * *m1 / ((*m2 * s.correction2).sqrt() + s.eps);
        }
    }
}
