//! What flows into the output projections of a model on a batch of calibration examples.
//!
//! Values come from act-infer's float engine, so of the last layer's only those at the classified
//! positions count, as when the model serves.

use act_core::{Batch, Error, LayerPlan, Linear, Result, Site};
use act_infer::{Engine, Observer, Stream};

use crate::block::Block;
use crate::matrix::Matrix;

/// What goes into the output projections of some blocks of the next layer, with a leading 1,
/// `[rows, 1 + columns]`, in their order; `stream` is taken through that layer. Errors: values not
/// finite.
pub fn inputs(
    engine: &Engine,
    batch: &Batch,
    stream: &mut Stream,
    blocks: &[Block],
) -> Result<Vec<Matrix>> {
    let sites = blocks.iter().map(|b| Site::Input(b.output()));
    let mut seen = Seen::at(sites.collect());
    engine.step(batch, stream, Some(&mut seen))?;
    let layers = &engine.plan().layers;
    let values = seen.finite()?;
    let pairs = values.iter().zip(blocks);
    Ok(pairs
        .map(|(v, &b)| with_leading_one(v, b, layers))
        .collect())
}

/// What goes into the output projection of one block of the next layer, as [`inputs`] has it, and
/// the residual stream that the block is added to, `[rows, hidden]`; `stream` stays where it is.
/// Errors: values not finite.
pub fn observe(
    engine: &Engine,
    batch: &Batch,
    stream: &Stream,
    block: Block,
) -> Result<(Matrix, Matrix)> {
    let mut sites = vec![Site::Input(block.output())];
    if let Block::FeedForward(l) = block {
        sites.push(if engine.plan().block.norms.before() {
            Site::Attended(l)
        } else {
            Site::Input(Linear::Intermediate(l))
        });
    }
    let mut seen = Seen::at(sites);
    engine.step(batch, &mut stream.clone(), Some(&mut seen))?;
    let values = seen.finite()?;
    let residual = values.get(1).map_or(stream.values(), |v| v);
    let x = with_leading_one(&values[0], block, &engine.plan().layers);
    let rows = x.rows;
    let hidden = engine.plan().hidden_size;
    let mut added_to = Matrix::zeros(rows, hidden);
    // The last layer's block is computed for first tokens only; what comes before, for all.
    let firsts = rows < residual.len() / hidden;
    let mut start = 0;
    for row in 0..rows {
        let from = if firsts { start } else { row };
        let values = &residual[from * hidden..(from + 1) * hidden];
        let to = added_to.row_mut(row).iter_mut().zip(values);
        to.for_each(|(to, &v)| *to = f64::from(v));
        if firsts {
            start += batch.lengths[row];
        }
    }
    Ok((x, added_to))
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
