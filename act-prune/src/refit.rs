//! Weight compensation: the output projection of a block solved anew for what stays.
//!
//! Optimal brain surgeon's update of the remaining weights (Hassibi & Stork 1993; ZipLM, Kurtic et
//! al. 2023, section 3) after any number of removals is the least-squares solution for the columns
//! that stay, so it is computed as such, with the bias as one more unknown. Damping pulls towards
//! the weights there were, where the examples leave them open.

use act_core::{Error, Result};

use crate::activations::{Block, Moments};
use crate::matrix::{Cholesky, Matrix};

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
/// of [`affine`](crate::activations::affine). Errors: moments without a solution.
pub fn refit(moments: &Moments, weights: &Matrix, damping: f64, block: Block) -> Result<Matrix> {
    let (gram, damping) = damped(moments, damping);
    let mut wanted = moments.cross.clone();
    for i in 1..wanted.rows {
        let pairs = wanted.row_mut(i).iter_mut().zip(weights.row(i));
        pairs.for_each(|(c, w)| *c += damping * w);
    }
    let factor = Cholesky::new(gram).ok_or_else(|| unsolvable(block))?;
    Ok(factor.solve(wanted))
}

/// Moments that no damping makes definite: numbers too large or not finite.
pub fn unsolvable(block: Block) -> Error {
    Error::failed(format!(
        "least squares of {block} have no solution: its values overflow"
    ))
}
