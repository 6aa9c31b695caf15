//! Rounding with compensation: optimal brain quantisation in the order of GPTQ (Frantar & Alistarh 2022;
//! Frantar et al. 2023).
//!
//! A row `w` of weights becomes `q` with a small `E[((w - q) x)²] = (w - q) H (w - q)ᵀ`, `H` the second
//! moments of the inputs. The columns are rounded one after the other, each to what is nearest to the
//! weight that would be best if all columns behind it were still free.
//!
//! GPTQ finds that weight with the Cholesky factor of `H⁻¹`. Here it comes from the factor `H = V Vᵀ`,
//! `V` upper triangular: the loss is `|(w - q) V|²`, its term of column `i` is
//! `(Σ_{j≤i} (w_j - q_j) V_ji)²`, and it is zero at `w_i + Σ_{j<i} (w_j - q_j) V_ji / V_ii`. The two are
//! the same in exact arithmetic (`V` is the inverse of GPTQ's factor); this one inverts nothing and
//! takes a sixth of the time. What rounding that weight by `e` adds to the loss is `(e V_ii)²`.
//!
//! What a weight may become is its caller's business ([`Round`]): a byte, a byte within a group's limit,
//! four bits whose scale is chosen where a group of columns begins.

use act_nn::linalg::{self, Rows, add_product, add_scaled, share};

/// Columns whose errors reach each other at once, and the later ones together.
pub const BLOCK: usize = 128;
/// Rows that a thread takes at once.
const ROWS: usize = 16;

/// Rounds one row, column by column, and keeps what it rounded to.
pub trait Round: Send {
    /// Rounds the weight of `column` and gives what it stands for from now on. `values` are the weights from
    /// this column to the end of its [`BLOCK`] as compensated so far: the first is to be rounded, the others
    /// are a look ahead, and will still change.
    fn round(&mut self, column: usize, values: &[f64]) -> f64;
}

/// How the columns of a matrix make up for each other's errors.
pub struct Compensation {
    columns: usize,
    /// `V_ji / V_ii` in row `j`, column `i > j`.
    factors: Vec<f64>,
    /// `V_ii²`.
    costs: Vec<f64>,
}

impl Compensation {
    /// From second moments `[columns, columns]`, with `damping` times the mean of the diagonal added to it.
    /// None if they are not finite.
    pub fn new(
        mut moments: Vec<f64>,
        columns: usize,
        damping: f64,
        threads: usize,
    ) -> Option<Self> {
        assert_eq!(moments.len(), columns * columns, "moments are square");
        let diagonal = (0..columns).map(|i| moments[i * columns + i]);
        let mean = diagonal.sum::<f64>() / columns.max(1) as f64;
        // Inputs that never change leave every rounding as good as another: to the nearest, then.
        let added = if mean > 0.0 { damping * mean } else { 1.0 };
        (0..columns).for_each(|i| moments[i * columns + i] += added);
        // Both orders turned around, the lower factor is the upper one.
        moments.reverse();
        if !linalg::cholesky(&mut moments, columns, threads) {
            return None;
        }
        moments.reverse();
        let diagonal: Vec<f64> = (0..columns).map(|i| moments[i * columns + i]).collect();
        for (j, row) in moments.chunks_exact_mut(columns.max(1)).enumerate() {
            let later = row.iter_mut().zip(&diagonal).skip(j + 1);
            later.for_each(|(v, diagonal)| *v /= diagonal);
        }
        Some(Self {
            columns,
            factors: moments,
            costs: diagonal.iter().map(|v| v * v).collect(),
        })
    }

    /// What an error of 1 in a column costs when all columns behind it make up for it, a number each: the
    /// variance that the columns behind do not explain.
    pub fn costs(&self) -> &[f64] {
        &self.costs
    }

    /// Rounds `[rows, columns]` weights, each row with what `start` gives for it; these come back in order,
    /// each with its row's loss `E[((w - q) x)²]`. The same whatever the threads.
    pub fn round<R: Round>(
        &self,
        weights: &[f32],
        start: impl Fn(usize) -> R + Sync,
        threads: usize,
    ) -> Vec<(R, f64)> {
        let tiles = weights.chunks(ROWS * self.columns.max(1)).enumerate();
        let mut done: Vec<Vec<(R, f64)>> = Vec::new();
        done.resize_with(tiles.len(), Vec::new);
        share(threads, tiles.zip(&mut done), |((tile, weights), done)| {
            let rows = weights.len() / self.columns;
            done.extend((0..rows).map(|row| (start(tile * ROWS + row), 0.0)));
            self.round_tile(weights, done);
        });
        done.into_iter().flatten().collect()
    }

    fn round_tile<R: Round>(&self, weights: &[f32], rows: &mut [(R, f64)]) {
        let n = self.columns;
        let mut values: Vec<f64> = weights.iter().map(|&w| f64::from(w)).collect();
        let mut errors = vec![0.0; rows.len() * BLOCK];
        for first in (0..n).step_by(BLOCK) {
            let end = n.min(first + BLOCK);
            for (r, (row, loss)) in rows.iter_mut().enumerate() {
                let (weights, values) = (&weights[r * n..], &mut values[r * n..][..end]);
                let errors = &mut errors[r * BLOCK..];
                for column in first..end {
                    let rounded = row.round(column, &values[column..]);
                    *loss += (values[column] - rounded).powi(2) * self.costs[column];
                    let error = f64::from(weights[column]) - rounded;
                    errors[column - first] = error;
                    let factors = &self.factors[column * n..][column + 1..end];
                    add_scaled(&mut values[column + 1..], error, factors);
                }
            }
            if end < n {
                let (left, right) = (&errors[..], &self.factors[first * n + end..]);
                let (left, right) = (
                    Rows {
                        values: left,
                        stride: BLOCK,
                    },
                    Rows {
                        values: right,
                        stride: n,
                    },
                );
                add_product((&mut values[end..], n), n - end, left, right, end - first);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// To the nearest multiple of a step.
    struct Nearest(Vec<i32>, f64);

    impl Round for Nearest {
        fn round(&mut self, _: usize, values: &[f64]) -> f64 {
            let q = (values[0] / self.1).round_ties_even();
            self.0.push(q as i32);
            q * self.1
        }
    }

    fn number(i: usize) -> f64 {
        (((i * 2_654_435_761) >> 7) % 2000) as f64 / 1000.0 - 1.0
    }

    /// Second moments of `rows` inputs that hang together.
    fn moments(columns: usize, rows: usize) -> Vec<f64> {
        let x = |t: usize, i: usize| number(t * 977 + i) + 2.0 * number(t * 31 + i / 3);
        let mut all = vec![0.0; columns * columns];
        for i in 0..columns {
            for j in 0..columns {
                let terms = (0..rows).map(|t| x(t, i) * x(t, j));
                all[i * columns + j] = terms.sum::<f64>() / rows as f64;
            }
        }
        all
    }

    fn loss(moments: &[f64], columns: usize, off: &[f64]) -> f64 {
        let row = |i: usize| -> f64 {
            let terms = moments[i * columns..][..columns].iter().zip(off);
            terms.map(|(h, e)| h * e).sum()
        };
        (0..columns).map(|i| off[i] * row(i)).sum()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// OBQ by its definition, written out: the error of each column goes to those behind it as the
        /// inverse of what is left of `H` says.
        #[test]
        fn integers_are_those_of_the_definition(columns in 1usize..40, seed in 0usize..99) {
            let (rows, damping, step) = (3, 0.01, 0.05);
            let weights: Vec<f32> = (0..rows * columns).map(|i| number(i + seed) as f32).collect();
            let h = moments(columns, 200);
            let compensation = Compensation::new(h.clone(), columns, damping, 1).unwrap();
            let done = compensation.round(&weights, |_| Nearest(Vec::new(), step), 1);
            let mean = (0..columns).map(|i| h[i * columns + i]).sum::<f64>() / columns as f64;
            let mut damped = h.clone();
            (0..columns).for_each(|i| damped[i * columns + i] += damping * mean);
            for (row, (found, found_loss)) in weights.chunks(columns).zip(&done) {
                let mut open: Vec<f64> = row.iter().map(|&w| f64::from(w)).collect();
                for i in 0..columns {
                    let q = (open[i] / step).round_ties_even();
                    prop_assert_eq!(q as i32, found.0[i]);
                    // The best change of the later ones: H_FF d = -H_Fi e, by Gauss and Seidel.
                    let error = q * step - open[i];
                    let mut change = vec![0.0; columns];
                    for _ in 0..4000 {
                        for f in i + 1..columns {
                            let others = (i + 1..columns).filter(|&g| g != f);
                            let sum: f64 = others.map(|g| damped[f * columns + g] * change[g]).sum();
                            change[f] = -(damped[f * columns + i] * error + sum) / damped[f * columns + f];
                        }
                    }
                    open.iter_mut().zip(&change).for_each(|(w, d)| *w += d);
                    open[i] = q * step;
                }
                let off: Vec<f64> = row.iter().zip(&found.0).map(|(&w, &q)| f64::from(w) - f64::from(q) * step).collect();
                let expected = loss(&damped, columns, &off);
                prop_assert!((found_loss - expected).abs() <= 1e-9 * expected.max(1e-9), "{found_loss} {expected}");
            }
        }
    }

    #[test]
    fn the_loss_is_below_that_of_the_nearest_integers_and_the_threads_change_nothing() {
        let (columns, rows, step) = (300, 37, 0.05);
        let weights: Vec<f32> = (0..rows * columns).map(|i| number(i) as f32).collect();
        let h = moments(columns, 900);
        let compensation = Compensation::new(h.clone(), columns, 1e-3, 1).unwrap();
        let done = compensation.round(&weights, |_| Nearest(Vec::new(), step), 1);
        let same = Compensation::new(h.clone(), columns, 1e-3, 3).unwrap();
        let same = same.round(&weights, |_| Nearest(Vec::new(), step), 3);
        let (mut compensated, mut nearest) = (0.0, 0.0);
        for ((row, (found, _)), (same, _)) in weights.chunks(columns).zip(&done).zip(&same) {
            assert_eq!(found.0, same.0);
            let off = |q: &dyn Fn(usize) -> f64| -> Vec<f64> {
                (0..columns)
                    .map(|i| f64::from(row[i]) - q(i) * step)
                    .collect()
            };
            compensated += loss(&h, columns, &off(&|i| f64::from(found.0[i])));
            nearest += loss(&h, columns, &off(&|i| (f64::from(row[i]) / step).round()));
        }
        assert!(compensated < 0.5 * nearest, "{compensated} {nearest}");
    }

    #[test]
    fn inputs_that_never_change_round_to_the_nearest() {
        let compensation = Compensation::new(vec![0.0; 9], 3, 0.01, 1).unwrap();
        let done = compensation.round(&[0.4, -0.6, 1.7], |_| Nearest(Vec::new(), 1.0), 1);
        assert_eq!(done[0].0.0, [0, -1, 2]);
        assert!(Compensation::new(vec![f64::NAN; 4], 2, 0.01, 1).is_none());
    }
}
