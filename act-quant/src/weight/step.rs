//! The step of numbers that share it: that of the largest weight, or the one with which they lose
//! least.

use act_core::quant::GroupLimit;

use super::allowed::{Allowed, nearest};

/// Where steps are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// No weight is clipped by itself; only groups may be cut.
    Peak,
    /// Far weights may be clipped for the others' sake.
    Half,
}

/// The step for the rows of `weights`: where nothing is clipped and no group is cut, or, of 0.50, 0.52
/// ... 1.00 of that and the least that `from` allows, the one with the least squared error, the largest
/// of equals. Errors count by the `costs` of their columns, if there are any.
pub fn step(
    weights: &[f32],
    columns: usize,
    allowed: Allowed,
    from: From,
    costs: Option<&[f32]>,
) -> f32 {
    let plain = plain(weights, allowed.max);
    let widest = match allowed.limit {
        Some(limit) => plain.max(least_step(limit, weights, columns)),
        None => plain,
    };
    if widest == plain && from == From::Peak {
        return plain;
    }
    let least = least(weights, allowed, from);
    let shares = (50..=100).step_by(2).map(|percent| percent as f32 / 100.0);
    let steps = shares.map(|share| (widest * share).max(f32::MIN_POSITIVE));
    let first = (from == From::Peak).then_some(plain);
    let mut best = (f32::INFINITY, widest);
    for step in first.into_iter().chain(steps.filter(|&step| step >= least)) {
        let error =
            error(weights, columns, step, allowed, costs) * (step / widest) * (step / widest);
        if error <= best.0 {
            best = (error, step);
        }
    }
    best.1
}

/// The least step that `from` allows for `weights`.
pub fn least(weights: &[f32], allowed: Allowed, from: From) -> f32 {
    match from {
        From::Peak => plain(weights, allowed.max),
        From::Half => f32::MIN_POSITIVE,
    }
}

/// The step of the largest weight. Magnitudes too small for a normal step share the least one.
fn plain(weights: &[f32], max: u8) -> f32 {
    let peak = weights.iter().fold(0f32, |peak, w| peak.max(w.abs()));
    if peak == 0.0 {
        1.0
    } else {
        (peak / f32::from(max)).max(f32::MIN_POSITIVE)
    }
}

fn least_step(limit: GroupLimit, weights: &[f32], columns: usize) -> f32 {
    let steps = weights.chunks(columns).map(|row| limit.least_step(row));
    steps.fold(0.0, f32::max)
}

/// Squared error in squared steps, so that tiny weights do not underflow.
fn error(
    weights: &[f32],
    columns: usize,
    step: f32,
    allowed: Allowed,
    costs: Option<&[f32]>,
) -> f32 {
    let (inverse, max) = (1.0 / step, f32::from(allowed.max));
    let rounded = |w: &f32| nearest((w * inverse).clamp(-max, max));
    if let (None, None) = (allowed.limit, costs) {
        let off = |w: &f32| w * inverse - rounded(w);
        return weights.iter().map(off).map(|off| off * off).sum();
    }
    let mut integers = Vec::with_capacity(columns);
    let mut error = 0.0;
    for row in weights.chunks(columns) {
        integers.clear();
        integers.extend(row.iter().map(|w| rounded(w) as i8));
        if let Some(limit) = allowed.limit {
            limit.cut(row, step, &mut integers);
        }
        error += match costs {
            Some(costs) => squares(row, inverse, &integers, |i| costs[i]),
            None => squares(row, inverse, &integers, |_| 1.0),
        };
    }
    error
}

/// Sum of the squares of `row / step - integers`, each times its cost, eight sums at a time.
#[inline(always)]
pub(super) fn squares(
    row: &[f32],
    inverse: f32,
    integers: &[i8],
    cost: impl Fn(usize) -> f32,
) -> f32 {
    let mut sums = [0f32; 8];
    let (rows, rest) = row.as_chunks::<8>();
    let (integers, last) = integers.as_chunks::<8>();
    for (block, (row, integers)) in rows.iter().zip(integers).enumerate() {
        for i in 0..8 {
            let off = row[i] * inverse - f32::from(integers[i]);
            sums[i] += off * off * cost(8 * block + i);
        }
    }
    let rest = rest.iter().zip(last).enumerate().map(|(i, (w, &q))| {
        let off = w * inverse - f32::from(q);
        off * off * cost(8 * rows.len() + i)
    });
    sums.iter().sum::<f32>() + rest.sum::<f32>()
}
