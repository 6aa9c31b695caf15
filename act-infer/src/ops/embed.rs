//! Rows of embedding tables, summed.

use super::for_each_isa;

for_each_isa! {
    /// Adds a row of floats.
    pub(crate) fn add_floats(row: &[f32], sum: &mut [f32]) {
        for (s, v) in sum.iter_mut().zip(row) {
            *s += v;
        }
    }

    /// Adds a row of integers times their scale.
    pub(crate) fn add_integers(row: &[i8], scale: f32, sum: &mut [f32]) {
        for (s, &q) in sum.iter_mut().zip(row) {
            *s += f32::from(q) * scale;
        }
    }
}
