//! Optimal brain surgeon on groups of inputs of one linear layer (ZipLM, Kurtic et al. 2023,
//! section 3, Algorithm 1): removes the group whose loss the rest can make up for best, updates the
//! rest, and again.
//!
//! The error of losing group `S` is `tr(W_Sᵀ ((H⁻¹)_SS)⁻¹ W_S)`, and what the rest becomes is one
//! block step of Gaussian elimination. Of the weights only `G = W Wᵀ` matters to any error, so `H⁻¹`
//! and `G` are all there is. Updates are kept as thin factors and applied many at a time, as matrix
//! products; only the diagonal blocks, which the next error is read from, are always up to date.

use crate::cholesky::Cholesky;
use crate::matrix::{Matrix, subtract};

/// Inputs whose removal is applied together.
const TOGETHER: usize = 64;

/// A linear layer of which groups of inputs are taken one after the other.
pub struct Elimination {
    /// Inputs of a group.
    size: usize,
    /// The groups that are still there, in the order in which they lie in the matrices.
    groups: Vec<usize>,
    /// Places of groups taken out since the matrices were last brought up to date.
    gone: Vec<bool>,
    inverse: Symmetric,
    weights: Symmetric,
    pending: Pending,
}

/// A symmetric matrix, and the diagonal blocks of what it will be after pending updates.
struct Symmetric {
    matrix: Matrix,
    /// `[groups, size, size]`.
    blocks: Vec<f64>,
    size: usize,
}

/// Updates to come, a row for each input removed: `H⁻¹ -= AᵀB`, `G -= BᵀC + CᵀB`.
struct Pending {
    a: Matrix,
    b: Matrix,
    c: Matrix,
}

impl Elimination {
    /// `inverse` is that of the second moments of the inputs and `weights` are as
    /// [`affine`](crate::block::affine) gives them; input 0, the constant of the bias, always
    /// stays, and so no error depends on it.
    pub fn new(inverse: &Matrix, weights: &Matrix, size: usize) -> Self {
        assert_eq!(inverse.rows, weights.rows);
        let inputs: Vec<usize> = (1..weights.rows).collect();
        let weights = weights.select_rows(&inputs);
        let mut products = Matrix::zeros(inputs.len(), inputs.len());
        products.add_scaled(1.0, weights.view(), weights.view().reversed_axes());
        let count = inputs.len() / size.max(1);
        Self {
            size,
            groups: (0..count).collect(),
            gone: vec![false; count],
            inverse: Symmetric::new(inverse.select(&inputs), size),
            weights: Symmetric::new(products, size),
            pending: Pending::none(inputs.len()),
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
        let places = (0..self.groups.len()).filter(|&place| !self.gone[place]);
        let errors = places.map(|place| (place, self.error(place)));
        errors.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// `tr(((H⁻¹)_SS)⁻¹ G_SS)`.
    fn error(&self, place: usize) -> f64 {
        if self.size == 1 {
            let (inverse, weights) = (self.inverse.blocks[place], self.weights.blocks[place]);
            // A diagonal that rounding has made negative: nothing is left that could make up.
            return if inverse > 0.0 {
                weights.max(0.0) / inverse
            } else {
                f64::INFINITY
            };
        }
        let Some(factor) = Cholesky::new(self.inverse.block(place)) else {
            // Lost to rounding: everything else in the layer is dearer or gone.
            return f64::INFINITY;
        };
        let solved = factor.solve(&self.weights.block(place));
        (0..self.size).map(|i| solved.at(i, i)).sum()
    }

    /// Takes the group at a place out and lets the rest make up for it.
    fn remove(&mut self, place: usize) {
        self.gone[place] = true;
        if let Some(factor) = Cholesky::new(self.inverse.block(place)) {
            let rows: Vec<usize> = (place * self.size..(place + 1) * self.size).collect();
            // Rows of H⁻¹ and of G as they are now, the matrices being symmetric.
            let mut a = self.inverse.matrix.select_rows(&rows);
            let mut c = self.weights.matrix.select_rows(&rows);
            let pending = &self.pending;
            subtract_rows(&mut a, &pending.b, &rows, &pending.a);
            subtract_rows(&mut c, &pending.b, &rows, &pending.c);
            subtract_rows(&mut c, &pending.c, &rows, &pending.b);
            let b = factor.solve(&a);
            // C = G_S - ½ G_SS B shares the block's own part between the two halves of the sum.
            c.add_scaled(-0.5, self.weights.block(place).view(), b.view());
            self.inverse.subtract(&a, &b, 0.5);
            self.weights.subtract(&b, &c, 1.0);
            self.pending.a.append(a);
            self.pending.b.append(b);
            self.pending.c.append(c);
        }
        if self.pending.a.rows >= TOGETHER {
            self.apply();
        }
    }

    /// Brings the matrices up to date, without what is gone.
    fn apply(&mut self) {
        let stay: Vec<usize> = (0..self.groups.len()).filter(|&p| !self.gone[p]).collect();
        let inputs = stay.iter();
        let inputs = inputs.flat_map(|p| p * self.size..(p + 1) * self.size);
        let inputs: Vec<usize> = inputs.collect();
        let Pending { a, b, c } = &self.pending;
        let [a, b, c] = [a, b, c].map(|m| m.select_columns(&inputs));
        for of in [&mut self.inverse, &mut self.weights] {
            of.matrix = of.matrix.select(&inputs);
            of.blocks = stay.iter().flat_map(|&p| of.block(p).data).collect();
        }
        let (inverse, weights) = (&mut self.inverse.matrix, &mut self.weights.matrix);
        inverse.add_scaled(-1.0, a.view().reversed_axes(), b.view());
        weights.add_scaled(-1.0, b.view().reversed_axes(), c.view());
        weights.add_scaled(-1.0, c.view().reversed_axes(), b.view());
        self.groups = stay.iter().map(|&p| self.groups[p]).collect();
        self.gone = vec![false; stay.len()];
        self.pending = Pending::none(inputs.len());
    }
}

impl Symmetric {
    fn new(matrix: Matrix, size: usize) -> Self {
        let mut new = Self {
            blocks: Vec::with_capacity(matrix.rows * size),
            matrix,
            size,
        };
        for row in 0..new.matrix.rows {
            let first = row / size * size;
            let row = &new.matrix.row(row)[first..first + size];
            new.blocks.extend_from_slice(row);
        }
        new
    }

    /// The block of a group.
    fn block(&self, place: usize) -> Matrix {
        let count = self.size * self.size;
        Matrix {
            rows: self.size,
            columns: self.size,
            data: self.blocks[place * count..(place + 1) * count].to_vec(),
        }
    }

    /// Takes `share (xᵀy + yᵀx)` from the blocks.
    fn subtract(&mut self, x: &Matrix, y: &Matrix, share: f64) {
        let size = self.size;
        for (x, y) in (0..x.rows).map(|k| (x.row(k), y.row(k))) {
            let (x, y) = (x.chunks_exact(size), y.chunks_exact(size));
            for ((x, y), block) in x.zip(y).zip(self.blocks.chunks_exact_mut(size * size)) {
                for (i, row) in block.chunks_exact_mut(size).enumerate() {
                    subtract(row, share * x[i], y);
                    subtract(row, share * y[i], x);
                }
            }
        }
    }
}

/// Takes what updates to come account for from rows `at` of a symmetric matrix.
fn subtract_rows(rows: &mut Matrix, factors: &Matrix, at: &[usize], updates: &Matrix) {
    for (row, &column) in rows.rows_mut().zip(at) {
        for update in 0..updates.rows {
            subtract(row, factors.at(update, column), updates.row(update));
        }
    }
}

impl Pending {
    fn none(inputs: usize) -> Self {
        let none = || Matrix::zeros(0, inputs);
        let (a, b, c) = (none(), none(), none());
        Self { a, b, c }
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
        let solved = Cholesky::new(gram.select(stays)).unwrap().solve(&wanted);
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
        let mut elimination = Elimination::new(&inverse, &weights, size);
        let mut error = 0.0;
        for _ in 0..groups {
            // The cheapest by the formula is the cheapest by trying all.
            let left: Vec<usize> = (0..elimination.groups.len())
                .filter(|&place| !elimination.gone[place])
                .map(|place| elimination.groups[place])
                .collect();
            let tried = left.iter().map(|group| {
                let stays = left.iter().copied().filter(|g| g != group);
                direct(&gram, &weights, &inputs_of(stays, size)).1
            });
            let least = tried.fold(f64::INFINITY, f64::min);
            let (place, added) = elimination.cheapest().unwrap();
            error += added;
            assert!((error - least).abs() < 1e-9, "{error} is not {least}");
            elimination.remove(place);
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

    /// More than are applied together.
    #[test]
    fn removing_many_neurons_equals_direct_least_squares() {
        check(1, TOGETHER + 8);
    }

    #[test]
    fn removing_heads_equals_direct_least_squares() {
        check(3, 5);
    }

    #[test]
    fn every_group_goes_once() {
        let (gram, weights) = problem(8, 2);
        let inverse = Cholesky::new(gram).unwrap().inverse();
        let order = Elimination::new(&inverse, &weights, 2).run();
        let mut groups: Vec<usize> = order.iter().map(|(g, _)| *g).collect();
        groups.sort_unstable();
        assert_eq!(groups, [0, 1, 2, 3]);
        assert!(order.iter().all(|(_, error)| *error >= 0.0));
    }
}
