//! Weight compensation: the output projection of a block solved anew for what stays.
//!
//! Optimal brain surgeon's update of the remaining weights (Hassibi & Stork 1993; ZipLM, Kurtic et
//! al. 2023, section 3) after any number of removals is the least-squares solution for the columns
//! that stay, so it is computed as such, with the bias as one more unknown. Damping pulls towards
//! the weights there were, where the examples leave them open.

use act_core::{Error, Result};

use crate::block::Block;
use crate::cholesky::Cholesky;
use crate::matrix::Matrix;
use crate::moments::Moments;

/// Damping relative to the mean square of the inputs (Frantar & Alistarh 2023 take the same share).
pub const DAMPING: f64 = 1e-2;

/// The second moments with `damping` times their mean added to the diagonal, the leading 1 spared.
pub fn damped(moments: &Moments, damping: f64) -> (Matrix, f64) {
    let damping = damping * moments.mean_square();
    let mut gram = moments.gram.clone();
    (1..gram.rows).for_each(|i| gram.row_mut(i)[i] += damping);
    (gram, damping)
}

/// The weights that meet the target of `moments` best, starting from `weights`, both of the shape
/// of [`affine`](crate::block::affine). Errors: moments without a solution.
pub fn refit(moments: &Moments, weights: &Matrix, damping: f64, block: Block) -> Result<Matrix> {
    let (gram, damping) = damped(moments, damping);
    let mut wanted = moments.cross.clone();
    for i in 1..wanted.rows {
        let pairs = wanted.row_mut(i).iter_mut().zip(weights.row(i));
        pairs.for_each(|(c, w)| *c += damping * w);
    }
    let factor = Cholesky::new(gram).ok_or_else(|| unsolvable(block))?;
    Ok(factor.solve(&wanted))
}

/// Moments that no damping makes definite: numbers too large or not finite.
pub fn unsolvable(block: Block) -> Error {
    Error::failed(format!(
        "least squares of {block} have no solution: its values overflow"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moments::testing::Rows;

    #[test]
    fn weights_are_where_the_damped_error_is_level() {
        let rows = Rows::random(2, 6, 50, 3);
        let (weights, moments) = (rows.weights(3), rows.moments());
        for damping in [0.0, 0.1] {
            let fitted = refit(&moments, &weights, damping, Block::FeedForward(1)).unwrap();
            let damping = damping * moments.mean_square();
            for i in 0..fitted.rows {
                for o in 0..fitted.columns {
                    let mut slope = 0.0;
                    for (x, t) in rows.pairs() {
                        let y: f64 = (0..fitted.rows).map(|j| x[j] * fitted.at(j, o)).sum();
                        slope += x[i] * (y - t[o]) / 50.0;
                    }
                    if i > 0 {
                        slope += damping * (fitted.at(i, o) - weights.at(i, o));
                    }
                    assert!(slope.abs() < 1e-9, "{slope}");
                }
            }
            assert!(moments.error(&fitted) < moments.error(&weights));
        }
    }

    #[test]
    fn moments_that_are_not_finite_are_an_error() {
        let rows = Rows::random(2, 6, 50, 3);
        let (weights, mut moments) = (rows.weights(3), rows.moments());
        moments.gram.row_mut(2)[2] = f64::NAN;
        let error = refit(&moments, &weights, 0.1, Block::FeedForward(1)).unwrap_err();
        assert!(
            error.to_string().contains("feed-forward block of layer 1"),
            "{error}"
        );
    }
}
