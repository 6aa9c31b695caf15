//! What flows into the output projections of a model on the calibration examples, and its second
//! moments: all that least squares need, whatever the number of examples.
//!
//! A block is attention or feed-forward; its structures are heads or neurons, groups of columns of
//! its output projection. Values come from act-infer's float engine, so of the last layer's only
//! those at the classified positions count, as when the model serves.

use std::fmt;
use std::ops::Range;

use act_core::{Artifact, Batch, Encoding, Error, LayerPlan, Linear, Result, Site, Tensor};
use act_infer::{Engine, Observer};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::matrix::Matrix;

/// Sequences computed at once: bounds memory.
const BATCH: usize = 16;

/// One of the two blocks of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// Heads and their output projection.
    Attention(usize),
    /// Neurons and their output projection.
    FeedForward(usize),
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Block::Attention(l) => write!(f, "the attention of layer {l}"),
            Block::FeedForward(l) => write!(f, "the feed-forward block of layer {l}"),
        }
    }
}

impl Block {
    /// The blocks of a model in forward order.
    pub fn all(layers: usize) -> impl Iterator<Item = Block> {
        (0..layers).flat_map(|l| [Block::Attention(l), Block::FeedForward(l)])
    }

    /// Its layer.
    pub fn layer(self) -> usize {
        match self {
            Block::Attention(l) | Block::FeedForward(l) => l,
        }
    }

    /// The projection that adds the block to the residual stream.
    pub fn output(self) -> Linear {
        match self {
            Block::Attention(l) => Linear::AttentionOutput(l),
            Block::FeedForward(l) => Linear::Output(l),
        }
    }

    /// Number of structures and columns of each.
    pub fn structures(self, layers: &[LayerPlan]) -> (usize, usize) {
        let layer = &layers[self.layer()];
        match self {
            Block::Attention(_) if layer.head_dim == 0 => (0, 0),
            Block::Attention(_) => (layer.heads(), layer.head_dim),
            Block::FeedForward(_) => (layer.intermediate_size, 1),
        }
    }

    /// Where the residual stream can be seen that the block is added to.
    fn residual(self) -> Site {
        match self {
            Block::Attention(0) => Site::EmbeddingsOutput,
            Block::Attention(l) => Site::Hidden(l - 1),
            Block::FeedForward(l) => Site::Input(Linear::Intermediate(l)),
        }
    }
}

/// Bias and weight of a linear as one matrix `[1 + inputs, outputs]` for inputs with a leading 1.
pub fn affine(artifact: &Artifact, linear: Linear) -> Result<Matrix> {
    let bias = artifact.params.f32(&linear.bias())?;
    let mut matrix = Matrix::zeros(1, bias.len());
    let to = matrix.data.iter_mut().zip(bias);
    to.for_each(|(to, &b)| *to = f64::from(b));
    if let Ok(weight) = artifact.params.f32(&linear.weight()) {
        let columns = weight.len() / bias.len();
        let weight = Matrix::transposed(weight, bias.len(), columns);
        matrix.rows += weight.rows;
        matrix.data.extend(weight.data);
    }
    Ok(matrix)
}

/// The opposite of [`affine`].
pub fn set_affine(artifact: &mut Artifact, linear: Linear, matrix: &Matrix) {
    let outputs = matrix.columns;
    let bias: Vec<f32> = matrix.row(0).iter().map(|&b| b as f32).collect();
    let inputs: Vec<usize> = (1..matrix.rows).collect();
    let params = &mut artifact.params;
    params.insert(linear.bias(), Tensor::f32([outputs], bias));
    if !inputs.is_empty() {
        let weight = matrix.select_rows(&inputs).to_transposed_f32();
        params.insert(
            linear.weight(),
            Tensor::f32([outputs, inputs.len()], weight),
        );
    }
}

/// Rows of [`affine`] that belong to a structure.
pub fn rows_of(structure: usize, size: usize) -> Range<usize> {
    1 + structure * size..1 + (structure + 1) * size
}

/// Passes over the calibration examples, on threads of their own.
pub struct Passes<'a> {
    encodings: &'a [Encoding],
    pool: ThreadPool,
    /// Told how many batches are done; stops everything by `false`.
    on_batch: &'a mut dyn FnMut(usize) -> bool,
    done: usize,
}

impl<'a> Passes<'a> {
    /// Errors: no example.
    pub fn new(
        encodings: &'a [Encoding],
        threads: usize,
        on_batch: &'a mut dyn FnMut(usize) -> bool,
    ) -> Result<Self> {
        if encodings.is_empty() {
            return Err(Error::usage("there is no example to calibrate on"));
        }
        let pool = ThreadPoolBuilder::new().num_threads(threads.max(1)).build();
        Ok(Self {
            encodings,
            pool: pool
                .map_err(|e| Error::failed(format!("cannot start {threads} threads: {e}")))?,
            on_batch,
            done: 0,
        })
    }

    /// Runs `compute` on every batch, several at once, and `take` on the results in order.
    /// Errors: those of `compute`; interrupted.
    pub fn each_batch<T: Send>(
        &mut self,
        compute: impl Fn(&Batch) -> Result<T> + Sync,
        take: impl FnMut(T) + Send,
    ) -> Result<()> {
        self.each_batch_of(self.encodings.len(), compute, take)
    }

    /// The same on at most `count` examples.
    pub fn each_batch_of<T: Send>(
        &mut self,
        count: usize,
        compute: impl Fn(&Batch) -> Result<T> + Sync,
        mut take: impl FnMut(T) + Send,
    ) -> Result<()> {
        let encodings = &self.encodings[..count.min(self.encodings.len())];
        let batches: Vec<Batch> = encodings.chunks(BATCH).map(Batch::new).collect();
        for round in batches.chunks(self.pool.current_num_threads()) {
            self.pool.install(|| {
                let results: Vec<Result<T>> = round.par_iter().map(&compute).collect();
                results
                    .into_iter()
                    .try_for_each(|result| result.map(&mut take))
            })?;
            self.done += round.len();
            if !(self.on_batch)(self.done) {
                return Err(Error::interrupted());
            }
        }
        Ok(())
    }

    /// Runs other work on the same threads.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.pool.install(work)
    }
}

/// What goes into a block's output projection, with a leading 1, `[rows, 1 + columns]`, and the
/// residual stream that the block is added to, `[rows, hidden]`. Errors: values not finite.
pub fn observe(engine: &Engine, batch: &Batch, block: Block) -> Result<(Matrix, Matrix)> {
    let mut seen = Seen {
        sites: [Site::Input(block.output()), block.residual()],
        values: Default::default(),
    };
    engine.forward_observed(batch, &mut seen)?;
    let [input, residual] = seen.values;
    for (site, values) in seen.sites.iter().zip([&input, &residual]) {
        if !values.iter().all(|v| v.is_finite()) {
            return Err(Error::rejected(format!(
                "activations at {site} are not finite: the model is damaged or its training diverged"
            )));
        }
    }
    let (count, size) = block.structures(&engine.plan().layers);
    let columns = count * size;
    let rows = input.len() / columns;
    let mut x = Matrix::zeros(rows, 1 + columns);
    for (row, values) in input.chunks_exact(columns).enumerate() {
        let row = x.row_mut(row);
        row[0] = 1.0;
        let to = row[1..].iter_mut().zip(values);
        to.for_each(|(to, &v)| *to = f64::from(v));
    }
    let hidden = engine.plan().hidden_size;
    let mut stream = Matrix::zeros(rows, hidden);
    // The last layer's block is computed for first tokens only; what comes before, for all.
    let firsts = rows < residual.len() / hidden;
    let mut start = 0;
    for row in 0..rows {
        let from = if firsts { start } else { row };
        let values = &residual[from * hidden..(from + 1) * hidden];
        let to = stream.row_mut(row).iter_mut().zip(values);
        to.for_each(|(to, &v)| *to = f64::from(v));
        if firsts {
            start += batch.lengths[row];
        }
    }
    Ok((x, stream))
}

/// Copies the values at two sites.
struct Seen {
    sites: [Site; 2],
    values: [Vec<f32>; 2],
}

impl Observer for Seen {
    fn observe(&mut self, site: Site, values: &[f32], _columns: usize) {
        for (wanted, copy) in self.sites.iter().zip(&mut self.values) {
            if *wanted == site {
                copy.extend_from_slice(values);
            }
        }
    }
}

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
    /// Of a block's input in one model, with its own output as the target.
    pub fn of_block(
        artifact: &Artifact,
        engine: &Engine,
        block: Block,
        passes: &mut Passes<'_>,
    ) -> Result<Self> {
        let weights = affine(artifact, block.output())?;
        let mut sums = Sums::new(weights.rows, 0);
        passes.each_batch(
            |batch| observe(engine, batch, block),
            |(x, _)| sums.add(&x, &Matrix::zeros(x.rows, 0)),
        )?;
        let mut moments = sums.means(block)?;
        moments.cross = Matrix::zeros(weights.rows, weights.columns);
        moments.cross.add_product(&moments.gram, &weights);
        let pairs = moments.cross.data.iter().zip(&weights.data);
        moments.energy = pairs.map(|(c, w)| c * w).sum();
        Ok(moments)
    }

    /// Of a block's input in `current`, a pruned version of `original`; the target brings the
    /// residual stream behind the block back to what it is in the original (Kwon et al. 2022,
    /// section 4.4).
    pub fn between(
        original: (&Artifact, &Engine),
        current: &Artifact,
        block: Block,
        passes: &mut Passes<'_>,
    ) -> Result<Self> {
        let (original, reference) = original;
        let weights = affine(original, block.output())?;
        let engine = Engine::new(current.clone())?;
        let (count, size) = block.structures(&current.plan.layers);
        let mut sums = Sums::new(1 + count * size, weights.columns);
        passes.each_batch(
            |batch| {
                let (wanted, mut target) = observe(reference, batch, block)?;
                target.add_product(&wanted, &weights);
                let (x, stream) = observe(&engine, batch, block)?;
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
        self.gram.add_transposed_product(x, x);
        self.cross.add_transposed_product(x, target);
        self.energy += target.data.iter().map(|t| t * t).sum::<f64>();
        self.rows += x.rows;
    }

    /// Errors: values that never change.
    fn means(mut self, block: Block) -> Result<Moments> {
        let rows = self.rows as f64;
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
