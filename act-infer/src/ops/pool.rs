//! One row of a sequence's rows.

use super::for_each_isa;

for_each_isa! {
    /// The mean of the rows that `counts` says yes to, in their order, or of all where it says no to all.
    pub(crate) fn mean_rows(rows: &[f32], counts: &[bool], mean: &mut [f32]) {
        let none = !counts.contains(&true);
        mean.fill(0.0);
        let mut count = 0;
        for (row, counted) in rows.chunks_exact(mean.len()).zip(counts) {
            if *counted || none {
                for (sum, x) in mean.iter_mut().zip(row) {
                    *sum += x;
                }
                count += 1;
            }
        }
        let count = count as f32;
        for x in mean {
            *x /= count;
        }
    }
}
