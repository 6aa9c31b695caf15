//! Queries and keys turned by their positions.

use act_core::arithmetic::rotary::turn;

use super::for_each_isa;

for_each_isa! {
    /// Turns the heads of consecutive rows of `columns` numbers, the first by the first of `turns`, which are
    /// as long as a head.
    pub(crate) fn turn_rows(values: &mut [f32], columns: usize, turns: &[f32], head_dim: usize) {
        let rows = values.chunks_exact_mut(columns).zip(turns.chunks_exact(head_dim));
        for (row, by) in rows {
            for head in row.chunks_exact_mut(head_dim) {
                turn(head, by, 1.0);
            }
        }
    }
}
