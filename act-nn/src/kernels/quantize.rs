//! Fake quantisation on slices, and its gradients. The arithmetic is act-infer's to the bit: an
//! input becomes `clamp(round(x * (1 / step)))`, a weight `clamp(round(w / step))`, halves to even,
//! and stands for that integer times its step. A value that is not a number stays one, so that a
//! training that diverges is seen to.

use super::simd::simd_fn;
use super::sum::sum;

/// Smallest step of a row's own; below it, reciprocals are infinite.
const LEAST: f32 = f32::MIN_POSITIVE;

/// Limits of the integers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Levels {
    /// Least integer.
    pub(crate) low: f32,
    /// Largest integer.
    pub(crate) high: f32,
}

impl Levels {
    /// The largest magnitude of an integer.
    pub(crate) fn reach(&self) -> f32 {
        self.high.max(-self.low)
    }

    /// LSQ's factor of a step's gradient, `1 / sqrt(N Q)` with the numbers that share the step and
    /// the largest integer (Esser et al. 2020, section 2.2).
    pub(crate) fn share(&self, numbers: usize) -> f32 {
        (1.0 / (numbers as f64 * f64::from(self.reach())).sqrt()) as f32
    }
}

/// An input's integer, as a float.
#[inline(always)]
fn integer(v: f32, levels: Levels) -> f32 {
    v.clamp(levels.low, levels.high).round_ties_even()
}

/// What the step's gradient takes from one number in units of steps (Esser et al. 2020, equation 3):
/// the rounding error, or the limit where it was clipped.
#[inline(always)]
fn toward_step(v: f32, levels: Levels) -> f32 {
    if is_inside(v, levels) {
        integer(v, levels) - v
    } else {
        integer(v, levels)
    }
}

#[inline(always)]
fn is_inside(v: f32, levels: Levels) -> bool {
    v >= levels.low && v <= levels.high
}

simd_fn! {
    /// All numbers with one step, or each of `columns` with its own.
    pub(crate) fn static_steps(x: &[f32], columns: usize, steps: &[f32], levels: Levels) -> Vec<f32> {
        if let [step] = steps {
            let inverse = 1.0 / step;
            return x.iter().map(|x| integer(x * inverse, levels) * step).collect();
        }
        let inverses: Vec<f32> = steps.iter().map(|step| 1.0 / step).collect();
        let mut y = Vec::with_capacity(x.len());
        for row in x.chunks_exact(columns) {
            let steps = steps.iter().zip(&inverses);
            y.extend(row.iter().zip(steps).map(|(x, (step, inverse))| integer(x * inverse, levels) * step));
        }
        y
    }
}

simd_fn! {
    /// From the gradient of [`static_steps`]'s result: of its numbers, straight through inside the
    /// limits and zero outside (Bengio et al. 2013), and of the steps, LSQ's, as if all the columns
    /// of a row shared one.
    pub(crate) fn static_gradients(
        x: &[f32],
        dy: &[f32],
        columns: usize,
        steps: &[f32],
        levels: Levels,
    ) -> (Vec<f32>, Vec<f32>) {
        let share = f64::from(levels.share(columns));
        let inverses: Vec<f32> = steps.iter().map(|step| 1.0 / step).collect();
        let [inverse] = inverses[..] else {
            let (mut dx, mut dsteps) = (Vec::with_capacity(x.len()), vec![0.0; columns]);
            for (x, dy) in x.chunks_exact(columns).zip(dy.chunks_exact(columns)) {
                for i in 0..columns {
                    let v = x[i] * inverses[i];
                    dx.push(if is_inside(v, levels) { dy[i] } else { 0.0 });
                    dsteps[i] += f64::from(dy[i] * toward_step(v, levels));
                }
            }
            return (dx, dsteps.into_iter().map(|d| (d * share) as f32).collect());
        };
        let inside = |(x, dy): (&f32, &f32)| if is_inside(x * inverse, levels) { *dy } else { 0.0 };
        let dx = x.iter().zip(dy).map(inside).collect();
        let mut dstep = 0.0;
        for (x, dy) in x.chunks_exact(columns).zip(dy.chunks_exact(columns)) {
            dstep += f64::from(sum(columns, |i| dy[i] * toward_step(x[i] * inverse, levels)));
        }
        (dx, vec![(dstep * share) as f32])
    }
}

/// A row's own step, from its largest magnitude.
#[inline(always)]
pub(crate) fn row_step(peak: f32, levels: Levels) -> f32 {
    let step = peak / levels.high;
    if step < LEAST { 1.0 } else { step }
}

simd_fn! {
    /// Every row with its own step, `max |x| / high`, or 1 if that is 0. Nothing is clipped.
    pub(crate) fn row_steps(x: &[f32], columns: usize, levels: Levels) -> Vec<f32> {
        let mut y = Vec::with_capacity(x.len());
        for row in x.chunks_exact(columns) {
            let step = row_step(peak(row), levels);
            let inverse = 1.0 / step;
            y.extend(row.iter().map(|x| integer(x * inverse, levels) * step));
        }
        y
    }
}

simd_fn! {
    /// A matrix of weights with a step a row.
    pub(crate) fn rounded(w: &[f32], columns: usize, steps: &[f32], levels: Levels) -> Vec<f32> {
        let mut y = Vec::with_capacity(w.len());
        for (row, step) in w.chunks_exact(columns).zip(steps) {
            y.extend(row.iter().map(|w| integer(w / step, levels) * step));
        }
        y
    }
}

simd_fn! {
    /// The integers of [`rounded`].
    pub(crate) fn integers(w: &[f32], columns: usize, steps: &[f32], levels: Levels) -> Vec<i8> {
        let mut y = Vec::with_capacity(w.len());
        for (row, step) in w.chunks_exact(columns).zip(steps) {
            y.extend(row.iter().map(|w| integer(w / step, levels) as i8));
        }
        y
    }
}

simd_fn! {
    /// As [`static_gradients`], for weights: in place of the gradient of [`rounded`]'s result that of
    /// the weights, and that of every row's step.
    pub(crate) fn rounded_gradients(
        w: &[f32],
        dw: &mut [f32],
        columns: usize,
        steps: &[f32],
        levels: Levels,
    ) -> Vec<f32> {
        let share = levels.share(columns);
        let rows = w.chunks_exact(columns).zip(dw.chunks_exact_mut(columns));
        let of_row = |((w, dw), step): ((&[f32], &mut [f32]), &f32)| {
            let dstep = sum(columns, |i| dw[i] * toward_step(w[i] / step, levels));
            for (dw, w) in dw.iter_mut().zip(w) {
                *dw = if is_inside(w / step, levels) { *dw } else { 0.0 };
            }
            dstep * share
        };
        rows.zip(steps).map(of_row).collect()
    }
}

simd_fn! {
    /// The largest magnitude of each row.
    pub(crate) fn row_peaks(x: &[f32], columns: usize) -> Vec<f32> {
        x.chunks_exact(columns).map(peak).collect()
    }
}

#[inline(always)]
fn peak(row: &[f32]) -> f32 {
    row.iter()
        .fold(0f32, |peak, x| if x.abs() > peak { x.abs() } else { peak })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: Levels = Levels {
        low: -4.0,
        high: 4.0,
    };

    #[test]
    fn numbers_become_multiples_of_the_step_and_gradients_are_lsqs() {
        // In steps of 0.5: 0.6, 2.5 (to even), -1.5 (to even), 10 and -4.2, both clipped.
        let x = [0.3, 1.25, -0.75, 5.0, -2.1];
        assert_eq!(
            static_steps(&x, 5, &[0.5], LEVELS),
            [0.5, 1.0, -1.0, 2.0, -2.0]
        );
        let dy = [1.0, 2.0, 3.0, 5.0, 7.0];
        let (dx, dstep) = static_gradients(&x, &dy, 5, &[0.5], LEVELS);
        assert_eq!(dx, [1.0, 2.0, 3.0, 0.0, 0.0]);
        // 1 (1 - 0.6) + 2 (2 - 2.5) + 3 (-2 + 1.5) + 5 * 4 - 7 * 4, times 1 / sqrt(5 * 4).
        let by_hand = (0.4 - 1.0 - 1.5 + 20.0 - 28.0) / 20f32.sqrt();
        assert!((dstep[0] - by_hand).abs() < 1e-5, "{dstep:?} {by_hand}");
    }

    #[test]
    fn columns_with_steps_of_their_own_are_columns_alone() {
        let (x, dy) = ([0.3, 1.25, -0.75, 5.0], [1.0, 2.0, 3.0, 5.0]);
        let y = static_steps(&x, 2, &[0.5, 2.0], LEVELS);
        assert_eq!(y, [0.5, 2.0, -1.0, 4.0]);
        let (dx, dsteps) = static_gradients(&x, &dy, 2, &[0.5, 2.0], LEVELS);
        assert_eq!(dx, dy);
        // 1 (1 - 0.6) + 3 (-2 + 1.5) and 2 (1 - 0.625) + 5 (2 - 2.5), times 1 / sqrt(2 * 4).
        for (d, by_hand) in dsteps.iter().zip([-1.1f32, -1.75]) {
            assert!((d - by_hand / 8f32.sqrt()).abs() < 1e-5, "{dsteps:?}");
        }
    }

    #[test]
    fn weights_have_a_step_a_row() {
        let (w, steps) = ([0.3, 1.25, -9.0, 0.3], [0.5, 2.0]);
        assert_eq!(rounded(&w, 2, &steps, LEVELS), [0.5, 1.0, -8.0, 0.0]);
        let mut dw = [1.0, 2.0, 3.0, 4.0];
        let dsteps = rounded_gradients(&w, &mut dw, 2, &steps, LEVELS);
        assert_eq!(dw, [1.0, 2.0, 0.0, 4.0]);
        let share = 1.0 / 8f32.sqrt();
        let by_hand = [(0.4 - 1.0) * share, (-12.0 - 0.6) * share];
        for (step, by_hand) in dsteps.iter().zip(by_hand) {
            assert!((step - by_hand).abs() < 1e-5, "{dsteps:?} {by_hand:?}");
        }
        assert_eq!(row_peaks(&w, 2), [1.25, 9.0]);
    }

    #[test]
    fn a_rows_own_step_clips_nothing_and_zeros_stay() {
        let y = row_steps(&[2.0, -1.0, 0.9, 0.0, 0.0, 0.0], 3, LEVELS);
        assert_eq!(y, [2.0, -1.0, 1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn what_is_not_a_number_stays_none() {
        assert!(static_steps(&[f32::NAN], 1, &[0.5], LEVELS)[0].is_nan());
        assert!(rounded(&[f32::NAN], 1, &[0.5], LEVELS)[0].is_nan());
    }

    /// Between two roundings the result is linear in the step, and LSQ's gradient less the
    /// straight-through part `-x / step` is its derivative.
    #[test]
    fn the_steps_gradient_is_the_derivative_plus_the_straight_through_part() {
        let (x, dy, step) = ([0.31, 0.93, -1.42, 3.7], [1.0, -2.0, 0.5, 1.5], 0.5);
        let value = |step: f32| {
            let y = static_steps(&x, 4, &[step], LEVELS);
            y.iter().zip(&dy).map(|(y, dy)| y * dy).sum::<f32>()
        };
        let slope = (value(step + 1e-3) - value(step - 1e-3)) / 2e-3;
        let inside = x.iter().zip(&dy).filter(|(x, _)| x.abs() <= 2.0);
        let straight: f32 = inside.map(|(x, dy)| -x / step * dy).sum();
        let (_, dstep) = static_gradients(&x, &dy, 4, &[step], LEVELS);
        let whole = dstep[0] / LEVELS.share(4);
        assert!(
            (whole - (slope + straight)).abs() < 1e-2,
            "{whole} {slope} {straight}"
        );
    }
}
