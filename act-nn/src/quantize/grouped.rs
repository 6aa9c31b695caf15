//! Rounding of weights whose groups keep to a limit: on the host, with the integers that the exported
//! model will have, so that training sees them.

use act_core::quant::GroupLimit;

use crate::kernels::quantize::{self, Levels};

/// The integers of a weight.
pub(super) fn integers(
    w: &[f32],
    columns: usize,
    steps: &[f32],
    levels: Levels,
    limit: Option<GroupLimit>,
) -> Vec<i8> {
    let mut integers = quantize::integers(w, columns, steps, levels);
    if let Some(limit) = limit {
        let rows = w
            .chunks_exact(columns)
            .zip(integers.chunks_exact_mut(columns));
        for ((row, integers), step) in rows.zip(steps) {
            limit.cut(row, *step, integers);
        }
    }
    integers
}

/// What they stand for. What is not a number stays none, so that a training that diverges is seen to.
pub(super) fn rounded(
    w: &[f32],
    columns: usize,
    steps: &[f32],
    levels: Levels,
    limit: GroupLimit,
) -> Vec<f32> {
    let integers = integers(w, columns, steps, levels, Some(limit));
    let mut values = Vec::with_capacity(w.len());
    let rows = w.chunks_exact(columns).zip(integers.chunks_exact(columns));
    for ((row, integers), step) in rows.zip(steps) {
        let value = |(w, &q): (&f32, &i8)| if w.is_nan() { *w } else { f32::from(q) * step };
        values.extend(row.iter().zip(integers).map(value));
    }
    values
}

/// From the gradient of [`rounded`]'s result those of the weights, in its place, and of the steps, as
/// without a limit: straight through, also where a group was cut.
pub(super) fn gradients(
    w: &[f32],
    dw: &mut [f32],
    columns: usize,
    steps: &[f32],
    levels: Levels,
    limit: GroupLimit,
) -> Vec<f32> {
    let integers = integers(w, columns, steps, levels, Some(limit));
    // What cutting took off adds to the steps' gradients.
    let share = levels.share(columns);
    let rows = w.chunks_exact(columns).zip(integers.chunks_exact(columns));
    let rows = rows.zip(dw.chunks_exact(columns)).zip(steps);
    let cut = rows.map(|(((row, integers), dw), step)| {
        let off = |((w, &q), dw): ((&f32, &i8), &f32)| {
            let before = (w / step).clamp(levels.low, levels.high).round_ties_even();
            dw * (f32::from(q) - before)
        };
        share * row.iter().zip(integers).zip(dw).map(off).sum::<f32>()
    });
    let cut: Vec<f32> = cut.collect();
    let of_steps = quantize::rounded_gradients(w, dw, columns, steps, levels);
    of_steps
        .iter()
        .zip(cut)
        .map(|(step, cut)| step + cut)
        .collect()
}

/// Steps with which nothing is clipped and no group is cut, but by rounding.
pub(super) fn least_steps(w: &[f32], columns: usize, limit: GroupLimit) -> Vec<f32> {
    w.chunks_exact(columns)
        .map(|row| limit.least_step(row))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: Levels = Levels {
        low: -4.0,
        high: 4.0,
    };
    const LIMIT: GroupLimit = GroupLimit { size: 2, max: 5 };

    #[test]
    fn a_group_over_its_limit_is_cut_in_training_too() {
        // In steps of 0.5: 3.4 and 2.8 add up to 6, one too much, and 2.8 was rounded up.
        let (w, steps) = ([1.7, 1.4, 1.7, -1.4], [0.5]);
        assert_eq!(integers(&w, 4, &steps, LEVELS, Some(LIMIT)), [3, 2, 3, -3]);
        assert_eq!(rounded(&w, 4, &steps, LEVELS, LIMIT), [1.5, 1.0, 1.5, -1.5]);
        assert!(rounded(&[f32::NAN, 1.0], 2, &steps, LEVELS, LIMIT)[0].is_nan());
        let mut dw = [1.0, 2.0, 3.0, 4.0];
        let of_steps = gradients(&w, &mut dw, 4, &steps, LEVELS, LIMIT);
        assert_eq!(dw, [1.0, 2.0, 3.0, 4.0]);
        let by_hand =
            (1.0 * (3.0 - 3.4) + 2.0 * (2.0 - 2.8) + 3.0 * (3.0 - 3.4) + 4.0 * (-3.0 + 2.8))
                * LEVELS.share(4);
        assert!(
            (of_steps[0] - by_hand).abs() < 1e-5,
            "{of_steps:?} {by_hand}"
        );
        assert_eq!(least_steps(&[2.0, 3.0, -4.0, 1.0], 4, LIMIT), [1.0]);
    }
}
