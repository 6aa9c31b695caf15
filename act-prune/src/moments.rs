//! Second moments of what goes into a block: all that least squares need, whatever the number of
//! calibration examples.
//!
//! Sums are taken batch by batch in order, so that they do not depend on the number of threads.

use act_core::{Artifact, Error, Result};
use act_infer::{Engine, Stream};

use crate::activations::{inputs, observe};
use crate::block::{Block, affine};
use crate::matrix::{Matrix, subtract};
use crate::passes::Passes;

/// Second moments of a block's input `x` (with a leading 1) and, if there is one, of a target `t`
/// that its output should meet; means over rows.
pub struct Moments {
    /// `E[x xᵀ]`.
    pub gram: Matrix,
    /// `E[x tᵀ]`.
    pub cross: Matrix,
    /// `E[tᵀ t]`.
    pub energy: f64,
}

impl Moments {
    /// Of the inputs of some blocks of one layer, each with its own output as the target, in order;
    /// the streams are taken through that layer.
    pub fn of_blocks(
        (artifact, engine): (&Artifact, &Engine),
        blocks: &[Block],
        streams: &mut [Stream],
        passes: &Passes<'_>,
    ) -> Result<Vec<Self>> {
        let weights = blocks.iter().map(|b| affine(artifact, b.output()));
        let weights: Vec<Matrix> = weights.collect::<Result<_>>()?;
        let mut sums: Vec<Sums> = weights.iter().map(|w| Sums::new(w.rows, 0)).collect();
        passes.each(
            streams,
            1,
            |batch, stream| inputs(engine, batch, stream, blocks),
            |all| {
                let pairs = sums.iter_mut().zip(&all);
                pairs.for_each(|(sums, x)| sums.add(x, &Matrix::zeros(x.rows, 0)));
            },
        )?;
        let all = sums.into_iter().zip(weights).zip(blocks);
        let finish = |((sums, weights), &block): ((Sums, Matrix), &Block)| {
            let mut moments = sums.means(block)?;
            moments.cross = Matrix::zeros(weights.rows, weights.columns);
            passes.install(|| moments.cross.add_product(&moments.gram, &weights));
            let pairs = moments.cross.data.iter().zip(&weights.data);
            moments.energy = pairs.map(|(c, w)| c * w).sum();
            Ok(moments)
        };
        all.map(finish).collect()
    }

    /// Of a block's input in a pruned version of a model, both given as what they are and the
    /// streams before the block's layer; the target brings the residual stream behind the block back
    /// to what it is in the original (Kwon et al. 2022, section 4.4).
    pub fn between(
        original: (&Engine, &[Stream]),
        current: (&Engine, &[Stream]),
        weights: &Matrix,
        block: Block,
        passes: &Passes<'_>,
    ) -> Result<Self> {
        let (count, size) = block.structures(&current.0.plan().layers);
        let mut sums = Sums::new(1 + count * size, weights.columns);
        let mut pairs: Vec<_> = original.1.iter().zip(current.1).collect();
        passes.each(
            &mut pairs,
            2,
            |batch, (before, now)| {
                let (wanted, mut target) = observe(original.0, batch, before, block)?;
                target.add_product(&wanted, weights);
                let (x, stream) = observe(current.0, batch, now, block)?;
                let pairs = target.data.iter_mut().zip(&stream.data);
                pairs.for_each(|(t, s)| *t -= s);
                Ok((x, target))
            },
            |(x, target)| sums.add(&x, &target),
        )?;
        sums.means(block)
    }

    /// Mean square of `W̃ᵀx - t` for weights of the shape of [`affine`].
    #[cfg(test)]
    pub fn error(&self, weights: &Matrix) -> f64 {
        let mut product = Matrix::zeros(weights.rows, weights.columns);
        product.add_product(&self.gram, weights);
        let terms = product.data.iter().zip(&self.cross.data).zip(&weights.data);
        let sum: f64 = terms.map(|((gw, c), w)| w * (gw - 2.0 * c)).sum();
        (sum + self.energy).max(0.0)
    }

    /// The moments of some inputs alone, by index into [`affine`]'s rows.
    pub fn select(&self, inputs: &[usize]) -> Self {
        Self {
            gram: self.gram.select(inputs),
            cross: self.cross.select_rows(inputs),
            energy: self.energy,
        }
    }

    /// Mean square of the columns, without the leading 1.
    pub fn mean_square(&self) -> f64 {
        let n = self.gram.rows - 1;
        (1..=n).map(|i| self.gram.at(i, i)).sum::<f64>() / n.max(1) as f64
    }
}

/// What a block adds to the residual stream on average, the best constant in its place, as
/// [`affine`] has a bias alone; `weights` are its output projection's.
pub fn mean_output(
    engine: &Engine,
    streams: &mut [Stream],
    weights: &Matrix,
    block: Block,
    passes: &Passes<'_>,
) -> Result<Matrix> {
    let mut sum = Matrix::zeros(1, weights.rows);
    let mut rows = 0;
    passes.each(
        streams,
        1,
        |batch, stream| Ok(observe(engine, batch, stream, block)?.0),
        |x| {
            x.data
                .chunks_exact(x.columns)
                .for_each(|x| subtract(&mut sum.data, -1.0, x));
            rows += x.rows;
        },
    )?;
    sum.data.iter_mut().for_each(|x| *x /= rows as f64);
    let mut mean = Matrix::zeros(1, weights.columns);
    mean.add_product(&sum, weights);
    Ok(mean)
}

/// [`Moments`] before the division by the number of rows.
struct Sums {
    gram: Matrix,
    cross: Matrix,
    energy: f64,
    rows: usize,
}

impl Sums {
    fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            gram: Matrix::zeros(inputs, inputs),
            cross: Matrix::zeros(inputs, outputs),
            energy: 0.0,
            rows: 0,
        }
    }

    fn add(&mut self, x: &Matrix, target: &Matrix) {
        self.gram.add_lower_gram(x);
        self.cross.add_transposed_product(x, target);
        self.energy += target.data.iter().map(|t| t * t).sum::<f64>();
        self.rows += x.rows;
    }

    /// Errors: values that never change.
    fn means(mut self, block: Block) -> Result<Moments> {
        let rows = self.rows as f64;
        self.gram.mirror_lower();
        for sums in [&mut self.gram, &mut self.cross] {
            sums.data.iter_mut().for_each(|v| *v /= rows);
        }
        let gram = &self.gram;
        // Relative to the square: what rounding leaves of the variance of a constant.
        let varies = |i: usize| gram.at(i, i) - gram.at(0, i).powi(2) > 1e-9 * gram.at(i, i);
        if !(1..gram.rows).any(varies) {
            return Err(Error::failed(format!(
                "the values in {block} are the same for every calibration example: there is \
                 nothing to fit; is the model trained, and are the examples real and several?"
            )));
        }
        Ok(Moments {
            gram: self.gram,
            cross: self.cross,
            energy: self.energy / rows,
        })
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use act_core::Seed;
    use rand::Rng;

    use super::*;

    /// Inputs with a leading 1 and targets, row by row.
    pub(crate) struct Rows {
        pub(crate) x: Matrix,
        pub(crate) target: Matrix,
    }

    impl Rows {
        pub(crate) fn random(seed: u64, inputs: usize, rows: usize, outputs: usize) -> Self {
            let mut rng = Seed(seed).stream("rows");
            let mut number = || 2.0 * rng.random::<f64>() - 1.0;
            let mut x = Matrix::zeros(rows, 1 + inputs);
            let mut target = Matrix::zeros(rows, outputs);
            x.data.fill_with(&mut number);
            target.data.fill_with(&mut number);
            (0..rows).for_each(|r| x.row_mut(r)[0] = 1.0);
            Self { x, target }
        }

        pub(crate) fn weights(&self, seed: u64) -> Matrix {
            let mut rng = Seed(seed).stream("weights");
            let mut weights = Matrix::zeros(self.x.columns, self.target.columns);
            weights.data.fill_with(|| 2.0 * rng.random::<f64>() - 1.0);
            weights
        }

        pub(crate) fn pairs(&self) -> impl Iterator<Item = (&[f64], &[f64])> {
            (0..self.x.rows).map(|r| (self.x.row(r), self.target.row(r)))
        }

        pub(crate) fn moments(&self) -> Moments {
            let mut sums = Sums::new(self.x.columns, self.target.columns);
            sums.add(&self.x, &self.target);
            sums.means(Block::Attention(0)).unwrap()
        }
    }

    #[test]
    fn the_error_is_that_of_the_rows() {
        let rows = Rows::random(1, 4, 30, 3);
        let weights = rows.weights(2);
        let mut sum = 0.0;
        for (x, t) in rows.pairs() {
            for (o, t) in t.iter().enumerate() {
                let y: f64 = (0..x.len()).map(|i| x[i] * weights.at(i, o)).sum();
                sum += (y - t).powi(2);
            }
        }
        let error = rows.moments().error(&weights);
        assert!((error - sum / 30.0).abs() < 1e-9);
    }
}
