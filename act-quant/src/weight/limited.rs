//! One row's bytes, rounded column by column within what [`Allowed`] allows.

use act_core::quant::GroupLimit;

use super::allowed::Allowed;
use super::compensate::Round;

/// A row of integers in steps of one number.
pub(super) struct ByteRow<'a> {
    /// Least and largest integer.
    range: [f64; 2],
    limit: Option<GroupLimit>,
    step: f64,
    columns: usize,
    /// What an error costs in each column.
    costs: &'a [f64],
    /// Those chosen so far.
    pub integers: Vec<i8>,
    /// Groups that were cut down to their limit.
    pub cut: usize,
    /// The first place of the last of them.
    last_cut: Option<usize>,
}

impl<'a> ByteRow<'a> {
    /// No integers yet of a row of as many columns as `costs`.
    pub fn new(allowed: Allowed, step: f32, costs: &'a [f64]) -> Self {
        let max = f64::from(allowed.max);
        Self {
            range: [-max, max],
            limit: allowed.limit,
            step: f64::from(step),
            columns: costs.len(),
            costs,
            integers: Vec::with_capacity(costs.len()),
            cut: 0,
            last_cut: None,
        }
    }

    /// From here on, where no group of weights has begun, other steps, limits and range.
    pub fn change(&mut self, step: f64, limit: Option<GroupLimit>, range: [f64; 2]) {
        (self.step, self.limit, self.range) = (step, limit, range);
    }

    fn nearest(&self, x: f64) -> i32 {
        let [low, high] = self.range;
        x.round_ties_even().clamp(low, high) as i32
    }

    /// The integer of `column` with which its group keeps to the limit at the least cost, those before it
    /// given and those behind it taken at what they are now.
    fn within_group(&mut self, column: usize, values: &[f64]) -> Option<i32> {
        let limit = self.limit?;
        let (mut open, mut left) = ([(0.0, 0, 0.0); 4], [i32::from(limit.max); 2]);
        let (mut count, mut first) = (0, column);
        for place in limit.group_of(column, self.columns) {
            match self.integers.get(place) {
                Some(&q) => left[usize::from(q < 0)] -= i32::from(q.unsigned_abs()),
                None => {
                    let x = values[place - column] / self.step;
                    open[count] = (x, self.nearest(x), self.costs[place]);
                    count += 1;
                }
            }
            first = first.min(place);
        }
        let open = &mut open[..count];
        let mut is_cut = false;
        for (sign, left) in [1, -1].into_iter().zip(left) {
            let of_sign = |q: i32| (q * sign).max(0);
            let sum: i32 = open.iter().map(|&(_, q, _)| of_sign(q)).sum();
            for _ in left..sum {
                // One step nearer to zero costs so much; the costs of a weight rise from step to step.
                let up = |&(x, q, cost): &(f64, i32, f64)| {
                    let off = (x - f64::from(q)) * f64::from(sign);
                    (2.0 * off + 1.0) * cost
                };
                let candidates = open.iter_mut().filter(|(_, q, _)| of_sign(*q) > 0);
                let Some(cheapest) = candidates.min_by(|a, b| up(a).total_cmp(&up(b))) else {
                    break;
                };
                cheapest.1 -= sign;
                is_cut = true;
            }
        }
        if is_cut && self.last_cut != Some(first) {
            (self.cut, self.last_cut) = (self.cut + 1, Some(first));
        }
        open.first().map(|&(_, q, _)| q)
    }
}

impl Round for ByteRow<'_> {
    fn round(&mut self, column: usize, values: &[f64]) -> f64 {
        let q = self.within_group(column, values);
        let q = q.unwrap_or_else(|| self.nearest(values[0] / self.step));
        self.integers.push(q as i8);
        f64::from(q) * self.step
    }
}
