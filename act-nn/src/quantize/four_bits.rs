//! Rounding of weights to four bits in groups: on the host, with the integers that the exported model
//! will have. Multipliers of groups stay as calibration chose them; the rows' steps are what learns.

use std::ops::Range;

use act_core::quant::{FourBits, GroupLimit};

use super::grouped;
use crate::kernels::quantize::{self, Levels};

/// How the numbers of a matrix become multiples of four bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Groups<'a> {
    /// Neighbours in a row that share a multiplier.
    pub(super) size: usize,
    /// One a group, row by row, from 1.
    pub(super) multipliers: &'a [u8],
    /// Largest magnitude of a product.
    pub(super) max: u8,
    /// What groups of products keep to.
    pub(super) limit: Option<GroupLimit>,
}

impl Groups<'_> {
    /// The four bits of every number.
    pub(super) fn quarters(self, w: &[f32], columns: usize, steps: &[f32]) -> Vec<i8> {
        let places = self.places(columns, steps.len());
        places
            .flat_map(|(row, place, m)| self.of_group(&w[place], steps[row], m))
            .collect()
    }

    /// The products that stand for the numbers.
    fn integers(self, w: &[f32], columns: usize, steps: &[f32]) -> Vec<i8> {
        let mut integers = self.quarters(w, columns, steps);
        for (_, place, m) in self.places(columns, steps.len()) {
            integers[place].iter_mut().for_each(|q| *q *= m as i8);
        }
        integers
    }

    /// What they stand for. What is not a number stays none, so that a training that diverges is seen to.
    pub(super) fn rounded(self, w: &[f32], columns: usize, steps: &[f32]) -> Vec<f32> {
        let integers = self.integers(w, columns, steps);
        let step = |i: usize| steps[i / columns.max(1)];
        let value = |(i, (w, &q)): (usize, (&f32, &i8))| {
            if w.is_nan() {
                *w
            } else {
                f32::from(q) * step(i)
            }
        };
        w.iter().zip(&integers).enumerate().map(value).collect()
    }

    /// From the gradient of [`Groups::rounded`]'s result those of the numbers, in its place, and of the
    /// rows' steps: a group's step is its multiplier times the row's.
    pub(super) fn gradients(
        self,
        w: &[f32],
        dw: &mut [f32],
        columns: usize,
        steps: &[f32],
    ) -> Vec<f32> {
        let mut of_steps = vec![0.0; steps.len()];
        for (row, place, m) in self.places(columns, steps.len()) {
            let (w, dw) = (&w[place.clone()], &mut dw[place]);
            let (step, levels) = ([steps[row] * f32::from(m)], levels(m, self.max));
            let of_group = match self.limit {
                Some(limit) => {
                    grouped::gradients(w, dw, w.len(), &step, levels, limit.of_multiples(m))
                }
                None => quantize::rounded_gradients(w, dw, w.len(), &step, levels),
            };
            // LSQ's factor is that of as many numbers as share a step: a row's.
            let share = levels.share(columns) / levels.share(w.len());
            of_steps[row] += share * f32::from(m) * of_group[0];
        }
        of_steps
    }

    /// Steps with which nothing is clipped.
    pub(super) fn least_steps(self, w: &[f32], columns: usize) -> Vec<f32> {
        let mut steps = vec![f32::MIN_POSITIVE; w.len() / columns.max(1)];
        for (row, place, m) in self.places(columns, steps.len()) {
            let peak = w[place].iter().fold(0f32, |peak, w| peak.max(w.abs()));
            steps[row] = steps[row].max(peak / levels(m, self.max).high / f32::from(m));
        }
        steps
    }

    /// The four bits of one group.
    fn of_group(self, w: &[f32], step: f32, m: u8) -> Vec<i8> {
        let (step, levels) = ([step * f32::from(m)], levels(m, self.max));
        let limit = self.limit.map(|limit| limit.of_multiples(m));
        grouped::integers(w, w.len(), &step, levels, limit)
    }

    /// Row, place in the matrix and multiplier of every group.
    fn places(
        self,
        columns: usize,
        rows: usize,
    ) -> impl Iterator<Item = (usize, Range<usize>, u8)> {
        let size = self.size.max(1);
        let of_row = move |row| {
            let starts = (0..columns).step_by(size);
            starts.map(move |c| {
                (
                    row,
                    row * columns + c..row * columns + columns.min(c + size),
                )
            })
        };
        let places = (0..rows).flat_map(of_row).zip(self.multipliers);
        places.map(|((row, place), &m)| (row, place, m.max(1)))
    }
}

/// Four bits of which the products are within `max`.
fn levels(m: u8, max: u8) -> Levels {
    let most = f32::from(max / m);
    Levels {
        low: f32::from(FourBits::LOW).max(-most),
        high: f32::from(FourBits::HIGH).min(most).max(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: Groups<'_> = Groups {
        size: 2,
        multipliers: &[2, 16],
        max: 127,
        limit: None,
    };

    #[test]
    fn every_group_has_steps_of_its_own_and_integers_of_a_byte() {
        // Steps of 1 and 8; -8 times 16 is no byte.
        let (w, steps) = ([7.2, -9.0, -63.0, 3.0], [0.5]);
        assert_eq!(GROUPS.integers(&w, 4, &steps), [14, -16, -112, 0]);
        assert_eq!(GROUPS.rounded(&w, 4, &steps), [7.0, -8.0, -56.0, 0.0]);
        assert!(GROUPS.rounded(&[f32::NAN, 0.0, 0.0, 0.0], 4, &steps)[0].is_nan());
        assert_eq!(GROUPS.least_steps(&[7.0, 0.0, 0.0, 56.0], 4), [0.5]);
        let limit = GroupLimit { size: 2, max: 50 };
        let limited = Groups {
            limit: Some(limit),
            ..GROUPS
        };
        // 3 and 2 times 16 are 30 too much: the one that was rounded up goes first.
        let integers = limited.integers(&[1.0, 1.0, 24.0, 15.0], 4, &steps);
        assert_eq!(integers, [2, 2, 32, 16]);
        assert!(limit.holds(&integers));
    }

    #[test]
    fn a_row_s_step_gathers_the_gradients_of_its_groups() {
        let (w, steps) = ([2.3, 100.0, 10.0, -20.0], [0.5]);
        let mut dw = [1.0, 2.0, 3.0, 4.0];
        let of_steps = GROUPS.gradients(&w, &mut dw, 4, &steps);
        // 100 is clipped at 7.
        assert_eq!(dw, [1.0, 0.0, 3.0, 4.0]);
        let of_groups = 2.0 * (1.0 * (2.0 - 2.3) + 2.0 * 7.0) * (8f32 * 4.0).sqrt().recip()
            + 16.0 * (3.0 * (1.0 - 1.25) + 4.0 * (-2.0 + 2.5)) * (7f32 * 4.0).sqrt().recip();
        assert!(
            (of_steps[0] - of_groups).abs() < 1e-4,
            "{of_steps:?} {of_groups}"
        );
    }
}
