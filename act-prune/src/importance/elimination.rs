//! Optimal brain surgeon on groups of inputs of one linear layer (ZipLM, Kurtic et al. 2023,
//! section 3, Algorithm 1): removes the group whose loss the rest can make up for best, updates the
//! rest, and again.
//!
//! The error of losing group `S` is `tr(W_Sᵀ ((H⁻¹)_SS)⁻¹ W_S)`; the update of weights and of `H⁻¹`
//! is one block step of Gaussian elimination. What is gone is swapped out of the way, so that the
//! work shrinks with the layer.

use std::ops::Range;

use crate::matrix::{Cholesky, Matrix, subtract};

/// A linear layer of which groups of inputs are taken one after the other. Input 0 is the constant
/// of the bias and always stays.
pub struct Elimination {
    /// Inverse of the damped second moments of the inputs; in use are the first `1 + size * groups`
    /// rows and columns.
    inverse: Matrix,
    /// `[inputs, outputs]`, likewise.
    weights: Matrix,
    /// Inputs of a group.
    size: usize,
    /// Which group lies where, of those that are still there.
    groups: Vec<usize>,
}

impl Elimination {
    /// `inverse` is that of the second moments of the inputs, the leading 1 included; `weights` are
    /// as [`affine`](crate::activations::affine) gives them.
    pub fn new(inverse: Matrix, weights: Matrix, size: usize) -> Self {
        assert_eq!(inverse.rows, weights.rows);
        Self {
            groups: (0..(weights.rows - 1) / size.max(1)).collect(),
            inverse,
            weights,
            size,
        }
    }

    /// Removes all groups, the cheapest first: each with the error that its removal adds.
    pub fn run(mut self) -> Vec<(usize, f64)> {
        let mut order = Vec::with_capacity(self.groups.len());
        while let Some((place, error)) = self.cheapest() {
            order.push((self.groups[place], error));
            self.remove(place);
        }
        order
    }

    /// Place and error of the group that costs least; the first of equals.
    fn cheapest(&self) -> Option<(usize, f64)> {
        let errors = (0..self.groups.len()).map(|place| (place, self.error(place)));
        errors.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Rows of the group at a place.
    fn rows(&self, place: usize) -> Range<usize> {
        1 + place * self.size..1 + (place + 1) * self.size
    }

    /// `tr(W_Sᵀ ((H⁻¹)_SS)⁻¹ W_S)`.
    fn error(&self, place: usize) -> f64 {
        let rows = self.rows(place);
        if self.size == 1 {
            let weights = self.weights.row(rows.start);
            let squares: f64 = weights.iter().map(|w| w * w).sum();
            return squares / self.inverse.at(rows.start, rows.start);
        }
        let rows: Vec<usize> = rows.collect();
        let weights = self.weights.select_rows(&rows);
        let solved = match Cholesky::new(self.inverse.select(&rows)) {
            Some(factor) => factor.solve(weights.clone()),
            // Lost to rounding: everything else in the layer is dearer or gone.
            None => return f64::INFINITY,
        };
        let pairs = solved.data.iter().zip(&weights.data);
        pairs.map(|(a, b)| a * b).sum()
    }

    /// Takes the group at a place out and lets the rest make up for it.
    fn remove(&mut self, place: usize) {
        let last = self.groups.len() - 1;
        self.swap(place, last);
        self.groups.pop();
        let gone: Vec<usize> = self.rows(last).collect();
        let rest = gone[0];
        let n = self.inverse.columns;
        // ((H⁻¹)_SS)⁻¹ times the rows that go, of H⁻¹ and of W.
        let Some(factor) = Cholesky::new(self.inverse.select(&gone)) else {
            return;
        };
        let mut of_inverse = Matrix::zeros(self.size, rest);
        for (i, &row) in gone.iter().enumerate() {
            of_inverse
                .row_mut(i)
                .copy_from_slice(&self.inverse.row(row)[..rest]);
        }
        let of_inverse = factor.solve(of_inverse);
        let of_weights = factor.solve(self.weights.select_rows(&gone));
        let outputs = self.weights.columns;
        let rows = self.inverse.data.chunks_exact_mut(n).take(rest);
        for (row, weights) in rows.zip(self.weights.data.chunks_exact_mut(outputs)) {
            for (i, &column) in gone.iter().enumerate() {
                let share = row[column];
                subtract(&mut row[..rest], share, of_inverse.row(i));
                subtract(weights, share, of_weights.row(i));
            }
        }
    }

    /// Exchanges two places in rows and columns.
    fn swap(&mut self, a: usize, b: usize) {
        if a == b {
            return;
        }
        self.groups.swap(a, b);
        let n = self.inverse.columns;
        let outputs = self.weights.columns;
        for (i, j) in self.rows(a).zip(self.rows(b)) {
            let swap_rows = |data: &mut [f64], columns: usize| {
                let (low, high) = data.split_at_mut(j.max(i) * columns);
                let low = &mut low[j.min(i) * columns..][..columns];
                low.swap_with_slice(&mut high[..columns]);
            };
            swap_rows(&mut self.inverse.data, n);
            swap_rows(&mut self.weights.data, outputs);
            for row in self.inverse.data.chunks_exact_mut(n) {
                row.swap(i, j);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use act_core::Seed;
    use rand::Rng;

    use super::*;

    /// Second moments of correlated inputs with a leading 1, and weights.
    fn problem(inputs: usize, outputs: usize) -> (Matrix, Matrix) {
        let mut rng = Seed(4).stream("obs");
        let mut number = || 2.0 * rng.random::<f64>() - 1.0;
        let rows = 5 * inputs;
        let mut x = Matrix::zeros(rows, 1 + inputs);
        for r in 0..rows {
            let common = number();
            let row = x.row_mut(r);
            row[0] = 1.0;
            row[1..]
                .iter_mut()
                .for_each(|v| *v = number() + common + 0.3);
        }
        let mut gram = Matrix::zeros(1 + inputs, 1 + inputs);
        gram.add_transposed_product(&x, &x);
        gram.data.iter_mut().for_each(|g| *g /= rows as f64);
        let mut weights = Matrix::zeros(1 + inputs, outputs);
        weights.data.fill_with(number);
        (gram, weights)
    }

    /// The least-squares weights for what stays and the error that is left, solved directly.
    fn direct(gram: &Matrix, weights: &Matrix, stays: &[usize]) -> (Matrix, f64) {
        let mut cross = Matrix::zeros(gram.rows, weights.columns);
        cross.add_product(gram, weights);
        let energy: f64 = cross
            .data
            .iter()
            .zip(&weights.data)
            .map(|(c, w)| c * w)
            .sum();
        let wanted = cross.select_rows(stays);
        let solved = Cholesky::new(gram.select(stays))
            .unwrap()
            .solve(wanted.clone());
        let explained: f64 = solved
            .data
            .iter()
            .zip(&wanted.data)
            .map(|(s, c)| s * c)
            .sum();
        (solved, energy - explained)
    }

    fn check(size: usize, groups: usize) {
        let (gram, weights) = problem(size * groups, 5);
        let inverse = Cholesky::new(gram.clone()).unwrap().inverse();
        let mut elimination = Elimination::new(inverse, weights.clone(), size);
        let mut error = 0.0;
        for _ in 0..groups {
            // The cheapest by the formula is the cheapest by trying all.
            let tried = (0..elimination.groups.len()).map(|place| {
                let stays = elimination.groups.iter().enumerate();
                let stays = stays.filter(|(p, _)| *p != place).map(|(_, &g)| g);
                direct(&gram, &weights, &inputs_of(stays, size)).1
            });
            let least = tried.fold(f64::INFINITY, f64::min);
            let (place, added) = elimination.cheapest().unwrap();
            error += added;
            assert!((error - least).abs() < 1e-9, "{error} is not {least}");
            elimination.remove(place);
            // The updated weights are the refitted ones.
            let stays = inputs_of(elimination.groups.iter().copied(), size);
            let (solved, left) = direct(&gram, &weights, &stays);
            assert!((left - error).abs() < 1e-9);
            for (i, w) in solved.data.iter().enumerate() {
                let got = elimination.weights.data[i];
                assert!((got - w).abs() < 1e-8, "{got} is not {w}");
            }
        }
        assert!(elimination.cheapest().is_none());
    }

    /// The leading 1 and the inputs of some groups.
    fn inputs_of(groups: impl Iterator<Item = usize>, size: usize) -> Vec<usize> {
        let inputs = groups.flat_map(|g| 1 + g * size..1 + (g + 1) * size);
        std::iter::once(0).chain(inputs).collect()
    }

    #[test]
    fn removing_neurons_equals_direct_least_squares() {
        check(1, 12);
    }

    #[test]
    fn removing_heads_equals_direct_least_squares() {
        check(3, 5);
    }

    #[test]
    fn every_group_goes_once() {
        let (gram, weights) = problem(8, 2);
        let inverse = Cholesky::new(gram).unwrap().inverse();
        let order = Elimination::new(inverse, weights, 2).run();
        let mut groups: Vec<usize> = order.iter().map(|(g, _)| *g).collect();
        groups.sort_unstable();
        assert_eq!(groups, [0, 1, 2, 3]);
        assert!(order.iter().all(|(_, error)| *error >= 0.0));
    }
}
