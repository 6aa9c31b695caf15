//! What flows into the output projections of a model on the calibration examples.
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
pub const BATCH: usize = 16;

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
    let mut seen = Seen::at(vec![Site::Input(block.output()), block.residual()]);
    engine.forward_observed(batch, &mut seen)?;
    let [input, residual] = &seen.finite()?[..] else {
        return Err(Error::failed("two sites give two sets of values"));
    };
    let x = with_leading_one(input, block, &engine.plan().layers);
    let rows = x.rows;
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

/// What goes into the output projections of several blocks, with a leading 1, in their order.
/// Errors: values not finite.
pub fn inputs(engine: &Engine, batch: &Batch, blocks: &[Block]) -> Result<Vec<Matrix>> {
    let sites = blocks.iter().map(|b| Site::Input(b.output()));
    let mut seen = Seen::at(sites.collect());
    engine.forward_observed(batch, &mut seen)?;
    let layers = &engine.plan().layers;
    let values = seen.finite()?;
    let pairs = values.iter().zip(blocks);
    Ok(pairs
        .map(|(v, &b)| with_leading_one(v, b, layers))
        .collect())
}

/// A block's input as a matrix, `[rows, 1 + columns]`.
fn with_leading_one(input: &[f32], block: Block, layers: &[LayerPlan]) -> Matrix {
    let (count, size) = block.structures(layers);
    let columns = count * size;
    let mut x = Matrix::zeros(input.len() / columns.max(1), 1 + columns);
    for (row, values) in x.rows_mut().zip(input.chunks_exact(columns.max(1))) {
        row[0] = 1.0;
        let to = row[1..].iter_mut().zip(values);
        to.for_each(|(to, &v)| *to = f64::from(v));
    }
    x
}

/// Copies the values at some sites.
struct Seen {
    sites: Vec<Site>,
    values: Vec<Vec<f32>>,
}

impl Seen {
    fn at(sites: Vec<Site>) -> Self {
        let values = vec![Vec::new(); sites.len()];
        Self { sites, values }
    }

    /// What was copied. Errors: values not finite.
    fn finite(self) -> Result<Vec<Vec<f32>>> {
        for (site, values) in self.sites.iter().zip(&self.values) {
            if !values.iter().all(|v| v.is_finite()) {
                return Err(Error::rejected(format!(
                    "activations at {site} are not finite: the model is damaged or its training \
                     diverged"
                )));
            }
        }
        Ok(self.values)
    }
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
