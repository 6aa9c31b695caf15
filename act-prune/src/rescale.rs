//! Mask tuning (Kwon et al. 2022, section 4.4): a factor for every head and neuron that stays, so
//! that the residual stream behind the block comes closest to what it was.
//!
//! A linear least-squares problem in as many unknowns as there are structures. The paper solves it
//! with LSMR, damped towards 1; its normal equations are small and come from second moments alone,
//! so they are solved as they are, with the same damping. The factors are folded into the weights.

use act_core::{Error, Result};

use crate::block::{Block, rows_of};
use crate::cholesky::Cholesky;
use crate::matrix::Matrix;
use crate::moments::Moments;

/// Pull towards 1, relative to the mean square of what a structure contributes.
const DAMPING: f64 = 1e-2;
/// A factor beyond this says that the examples do not determine it; the block is left alone then.
const LARGEST: f64 = 10.0;

/// Scales the rows of `weights` (as [`affine`](crate::block::affine) gives them), `size` rows
/// a structure. Errors: moments that are not finite.
pub fn rescale(moments: &Moments, weights: &Matrix, size: usize, block: Block) -> Result<Matrix> {
    let count = (weights.rows - 1) / size.max(1);
    if count == 0 {
        return Ok(weights.clone());
    }
    let factors = factors(moments, weights, size, count)
        .ok_or_else(|| Error::failed(format!("mask tuning of {block}: its values overflow")))?;
    if factors.iter().any(|f| f.abs() > LARGEST) {
        log::debug!("mask tuning of {block} does not settle: left as it is");
        return Ok(weights.clone());
    }
    let mut scaled = weights.clone();
    for (structure, factor) in factors.into_iter().enumerate() {
        for row in rows_of(structure, size) {
            scaled.row_mut(row).iter_mut().for_each(|w| *w *= factor);
        }
    }
    Ok(scaled)
}

/// Solves for the factors; `None` if the equations have no answer.
fn factors(moments: &Moments, weights: &Matrix, size: usize, count: usize) -> Option<Vec<f64>> {
    let inputs = weights.rows;
    // Products of the rows of the weights: E[y_i y_j] = E[x_i x_j] (w_i . w_j).
    let mut products = Matrix::zeros(inputs, inputs);
    let transposed = transpose(weights);
    products.add_product(weights, &transposed);
    let mut normal = Matrix::zeros(count, count);
    let mut wanted = Matrix::zeros(count, 1);
    for g in 0..count {
        for i in rows_of(g, size) {
            for h in 0..count {
                let terms = rows_of(h, size).map(|j| moments.gram.at(i, j) * products.at(i, j));
                normal.row_mut(g)[h] += terms.sum::<f64>();
            }
            let cross = moments.cross.row(i).iter().zip(weights.row(i));
            let of_bias = moments.gram.at(0, i) * products.at(0, i);
            wanted.data[g] += cross.map(|(c, w)| c * w).sum::<f64>() - of_bias;
        }
    }
    let damping = DAMPING * (0..count).map(|g| normal.at(g, g)).sum::<f64>() / count as f64;
    for g in 0..count {
        normal.row_mut(g)[g] += damping;
        wanted.data[g] += damping;
    }
    let factors = Cholesky::new(normal)?.solve(&wanted).data;
    factors.iter().all(|f| f.is_finite()).then_some(factors)
}

fn transpose(matrix: &Matrix) -> Matrix {
    let mut transposed = Matrix::zeros(matrix.columns, matrix.rows);
    for r in 0..matrix.rows {
        for (c, &value) in matrix.row(r).iter().enumerate() {
            transposed.row_mut(c)[r] = value;
        }
    }
    transposed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moments::testing::Rows;

    /// Mean over rows of what structure `g` contributes, times the residual of given factors.
    fn slope(rows: &Rows, weights: &Matrix, size: usize, factors: &[f64], g: usize) -> f64 {
        let mut sum = 0.0;
        for (x, t) in rows.pairs() {
            for (o, t) in t.iter().enumerate() {
                let of = |h: usize| -> f64 {
                    let terms = rows_of(h, size).map(|i| x[i] * weights.at(i, o));
                    terms.sum()
                };
                let fitted: f64 = (0..factors.len()).map(|h| factors[h] * of(h)).sum();
                sum += of(g) * (fitted + weights.at(0, o) - t);
            }
        }
        sum / rows.x.rows as f64
    }

    #[test]
    fn factors_are_where_the_damped_error_is_level() {
        for (size, count) in [(1, 7), (3, 4)] {
            let rows = Rows::random(5, size * count, 40, 3);
            let weights = rows.weights(6);
            let moments = rows.moments();
            let factors = factors(&moments, &weights, size, count).unwrap();
            let ones = vec![1.0; count];
            let zeros = vec![0.0; count];
            // The mean square of a contribution is the slope's rise from factor 0 to 1.
            let squares = (0..count).map(|g| {
                let mut alone = zeros.clone();
                alone[g] = 1.0;
                slope(&rows, &weights, size, &alone, g) - slope(&rows, &weights, size, &zeros, g)
            });
            let damping = DAMPING * squares.sum::<f64>() / count as f64;
            for g in 0..count {
                let level =
                    slope(&rows, &weights, size, &factors, g) + damping * (factors[g] - 1.0);
                assert!(level.abs() < 1e-9, "{level}");
            }
            assert_ne!(factors, ones);
        }
    }

    #[test]
    fn tuning_lowers_the_error_of_the_block() {
        let rows = Rows::random(8, 12, 60, 4);
        let (weights, moments) = (rows.weights(9), rows.moments());
        let tuned = rescale(&moments, &weights, 2, Block::Attention(0)).unwrap();
        let (before, after) = (moments.error(&weights), moments.error(&tuned));
        assert!(after < 0.9 * before, "{after} of {before}");
        assert_eq!(tuned.row(0), weights.row(0));
    }
}
