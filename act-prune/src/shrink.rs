//! The cut itself: weights and plan of an artifact reduced to the heads and neurons that stay.
//!
//! A head is `head_dim` rows of the query, key and value projections with their biases, and as
//! many columns of the attention output; a neuron is a row of the intermediate projection and of its gate,
//! if it has one, with their biases, and a column of the feed-forward output. All weights are
//! `[out, in]`. What stays keeps its order. A block of which nothing stays loses its weights but for its
//! output bias.

use act_core::{Artifact, Error, Linear, Params, Result, Tensor};

use crate::select::Kept;

/// Reduces a float artifact to `kept`, one entry a layer; provenance and tokenizer stay. Errors: a
/// number of layers or an index that is not the plan's, indices that do not rise, int8 weights.
pub fn shrink(mut artifact: Artifact, kept: &[Kept]) -> Result<Artifact> {
    if kept.len() != artifact.plan.layers.len() {
        return Err(Error::usage(format!(
            "kept heads and neurons of {} layers, the model has {}",
            kept.len(),
            artifact.plan.layers.len()
        )));
    }
    for (index, (layer, kept)) in artifact.plan.layers.iter_mut().zip(kept).enumerate() {
        let params = &mut artifact.params;
        check(&kept.heads, layer.heads())
            .and_then(|()| check(&kept.neurons, layer.intermediate_size))
            .map_err(|e| e.context(format!("layer {index}")))?;
        if kept.heads.len() < layer.heads() {
            cut_heads(params, index, &channels(&kept.heads, layer.head_dim))?;
            layer.kept_heads = kept.heads.iter().map(|&h| layer.kept_heads[h]).collect();
        }
        if kept.neurons.len() < layer.intermediate_size {
            cut_neurons(params, index, &kept.neurons)?;
            layer.intermediate_size = kept.neurons.len();
        }
    }
    Ok(artifact)
}

/// Indices must rise and lie below `limit`.
fn check(indices: &[usize], limit: usize) -> Result<()> {
    if indices.windows(2).any(|w| w[0] >= w[1]) {
        return Err(Error::usage("kept heads or neurons do not rise"));
    }
    match indices.last() {
        Some(&last) if last >= limit => Err(Error::usage(format!(
            "head or neuron {last} is kept, there are {limit}"
        ))),
        _ => Ok(()),
    }
}

/// The rows or columns that whole heads stand for.
fn channels(heads: &[usize], head_dim: usize) -> Vec<usize> {
    heads
        .iter()
        .flat_map(|h| h * head_dim..(h + 1) * head_dim)
        .collect()
}

fn cut_heads(params: &mut Params, layer: usize, channels: &[usize]) -> Result<()> {
    for linear in [
        Linear::Query(layer),
        Linear::Key(layer),
        Linear::Value(layer),
    ] {
        keep_outputs(params, linear, channels)?;
    }
    keep_inputs(params, Linear::AttentionOutput(layer), channels)
}

fn cut_neurons(params: &mut Params, layer: usize, neurons: &[usize]) -> Result<()> {
    keep_outputs(params, Linear::Intermediate(layer), neurons)?;
    if params.get(&Linear::Gate(layer).weight()).is_ok() {
        keep_outputs(params, Linear::Gate(layer), neurons)?;
    }
    keep_inputs(params, Linear::Output(layer), neurons)
}

/// Keeps some outputs of a linear: rows of its weight, elements of its bias if it has one.
pub(crate) fn keep_outputs(params: &mut Params, linear: Linear, outputs: &[usize]) -> Result<()> {
    if outputs.is_empty() {
        params.remove(&linear.weight());
        params.remove(&linear.bias());
        return Ok(());
    }
    let (weight, columns) = matrix(params, &linear.weight())?;
    let mut rows = Vec::with_capacity(outputs.len() * columns);
    for &row in outputs {
        rows.extend_from_slice(&weight[row * columns..(row + 1) * columns]);
    }
    params.insert(linear.weight(), Tensor::f32([outputs.len(), columns], rows));
    keep_elements(params, &linear.bias(), outputs)
}

/// Keeps some elements of a vector; nothing where the plan has no such vector.
pub(crate) fn keep_elements(params: &mut Params, name: &str, kept: &[usize]) -> Result<()> {
    if params.get(name).is_err() {
        return Ok(());
    }
    let old = params.f32(name)?;
    let values: Vec<f32> = kept.iter().map(|&element| old[element]).collect();
    params.insert(name, Tensor::f32([kept.len()], values));
    Ok(())
}

/// Keeps some inputs of a linear: columns of its weight; its bias is untouched.
pub(crate) fn keep_inputs(params: &mut Params, linear: Linear, inputs: &[usize]) -> Result<()> {
    if inputs.is_empty() {
        params.remove(&linear.weight());
        return Ok(());
    }
    keep_columns(params, &linear.weight(), inputs)
}

/// Keeps some columns of a matrix.
pub(crate) fn keep_columns(params: &mut Params, name: &str, kept: &[usize]) -> Result<()> {
    let (values, columns) = matrix(params, name)?;
    let rows = values.len() / columns;
    let mut cut = Vec::with_capacity(rows * kept.len());
    for row in values.chunks_exact(columns) {
        cut.extend(kept.iter().map(|&column| row[column]));
    }
    params.insert(name, Tensor::f32([rows, kept.len()], cut));
    Ok(())
}

/// A weight's numbers and its number of columns.
fn matrix<'a>(params: &'a Params, name: &str) -> Result<(&'a [f32], usize)> {
    match *params.get(name)?.shape() {
        [_, columns] if columns > 0 => Ok((params.f32(name)?, columns)),
        ref shape => Err(Error::rejected(format!(
            "tensor {name} has shape {shape:?}, a weight is a matrix"
        ))),
    }
}
