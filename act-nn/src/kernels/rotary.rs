//! Heads turned by their tokens' places (Su et al. 2021), and gradients turned back.

use act_core::arithmetic::rotary::turn;

use super::simd::simd_fn;

simd_fn! {
    /// Rows of `x`, `[n, heads * head_dim]`, turned forth with `sign` 1, back with -1; of `turns`,
    /// `[n, head_dim]`, a row has the cosines and then the sines of its pairs' angles.
    pub(crate) fn turned(x: &[f32], turns: &[f32], head_dim: usize, sign: f32) -> Vec<f32> {
        let mut y = x.to_vec();
        let width = y.len() / (turns.len() / head_dim).max(1);
        let rows = y.chunks_exact_mut(width.max(1)).zip(turns.chunks_exact(head_dim));
        for (row, by) in rows {
            for head in row.chunks_exact_mut(head_dim) {
                turn(head, by, sign);
            }
        }
        y
    }
}
