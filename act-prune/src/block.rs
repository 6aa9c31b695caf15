//! The blocks that pruning shrinks: attention and feed-forward of each layer. Their structures are
//! heads and neurons, groups of columns of the block's output projection, which is read and written
//! here as one matrix with its bias.

use std::fmt;
use std::ops::Range;

use act_core::{Artifact, LayerPlan, Linear, Result, Tensor};

use crate::matrix::Matrix;

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
    /// The blocks of a layer in forward order.
    pub fn of_layer(layer: usize) -> [Block; 2] {
        [Block::Attention(layer), Block::FeedForward(layer)]
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
}

/// Bias, zeros where there is none, and weight of a linear as one matrix `[1 + inputs, outputs]` for inputs
/// with a leading 1.
pub fn affine(artifact: &Artifact, linear: Linear) -> Result<Matrix> {
    let none = vec![0.0; artifact.plan.linear_shape(linear)[0]];
    let bias = if artifact.plan.has_bias(linear) {
        artifact.params.f32(&linear.bias())?
    } else {
        &none
    };
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

/// The opposite of [`affine`]. A model without biases gets them.
pub fn set_affine(artifact: &mut Artifact, linear: Linear, matrix: &Matrix) {
    if !artifact.plan.has_bias(linear) {
        artifact.add_biases();
    }
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
