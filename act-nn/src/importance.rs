//! First-order importance of attention heads and feed-forward neurons.
//!
//! Heads: the gradient of a mask of ones on each head's context (Michel et al. 2019, section 4.1).
//! Neurons: the first-order change of the loss when a neuron's weights go to zero (Molchanov et
//! al. 2017, eq. 7), as PaddleSlim's transformer_pruner. Both absolute, batch by batch, summed.

use act_core::{Artifact, Error, Linear, Result};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use rayon::prelude::*;

use crate::Examples;
use crate::backend::{ActBackend, tensor};
use crate::dropout::Noise;
use crate::encoder;
use crate::loss::{self, Objective, Shard};
use crate::taps::HeadMasks;
use crate::weights::{Weights, to_vec};

const CROSS_ENTROPY: Objective = Objective {
    labels: 1.0,
    logits: 0.0,
};

/// First-order importance of one layer's heads and neurons.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerImportance {
    /// One score a head: sum over batches of |dL/d mask|.
    pub heads: Vec<f64>,
    /// One score a neuron: sum over batches of |sum w dw| of its incoming weights with bias, plus
    /// the same of its outgoing weights.
    pub neurons: Vec<f64>,
}

impl LayerImportance {
    fn add(&mut self, other: &LayerImportance) {
        let add = |sum: &mut [f64], x: &[f64]| sum.iter_mut().zip(x).for_each(|(s, x)| *s += x);
        add(&mut self.heads, &other.heads);
        add(&mut self.neurons, &other.neurons);
    }
}

/// See [`crate::importance`].
pub(crate) fn importance_on<B: ActBackend>(
    device: &B::Device,
    artifact: &Artifact,
    examples: Examples<'_>,
    batch_size: usize,
    threads: usize,
    on_batch: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<LayerImportance>> {
    loss::check(artifact, &examples, CROSS_ENTROPY)?;
    let n = examples.encodings.len();
    if n == 0 || batch_size == 0 {
        return Err(Error::usage(
            "importance needs at least one example and a batch size of 1",
        ));
    }
    let weights = Weights::<B>::load(artifact, device)?;
    let plan = &artifact.plan;
    let pad_id = artifact.tokenizer.pad_id;
    let mut total: Vec<LayerImportance> = plan
        .layers
        .iter()
        .map(|layer| LayerImportance {
            heads: vec![0.0; layer.heads()],
            neurons: vec![0.0; layer.intermediate_size],
        })
        .collect();
    let threads = if B::THREADS { threads.max(1) } else { 1 };
    let pool = crate::pool(threads)?;
    let indices: Vec<usize> = (0..n).collect();
    let batches: Vec<&[usize]> = indices.chunks(batch_size).collect();
    let mut done = 0;
    for round in batches.chunks(threads) {
        let scores_of = |batch: &&[usize]| {
            let shard = Shard::new(&examples, batch, plan, pad_id);
            of_batch(&weights, &shard, batch.len())
        };
        let scores: Vec<_> = pool.install(|| round.par_iter().map(scores_of).collect());
        for layers in scores {
            total
                .iter_mut()
                .zip(&layers)
                .for_each(|(sum, layer)| sum.add(layer));
            done += 1;
            if !on_batch(done) {
                return Err(Error::interrupted());
            }
        }
    }
    Ok(total)
}

/// The absolute scores of one batch.
fn of_batch<B: ActBackend>(
    weights: &Weights<B>,
    shard: &Shard,
    examples: usize,
) -> Vec<LayerImportance> {
    let layers = &weights.layout.plan.layers;
    let device = weights.tensors[0].device();
    let mask = |heads| tensor::<B::Graph, 2>(vec![1f32; heads], [1, heads], &device).require_grad();
    let mut taps = HeadMasks {
        masks: layers
            .iter()
            .map(|l| (l.attention_width() > 0).then(|| mask(l.heads())))
            .collect(),
    };
    let wanted: Vec<String> = (0..layers.len()).flat_map(neuron_parameters).collect();
    let leaves = weights.leaves(|name| wanted.iter().any(|w| w == name));
    let embedded = encoder::embed(weights, &shard.batch).untracked();
    let objective = (CROSS_ENTROPY, examples);
    let (_, mut gradients) =
        loss::backward::<B>(&leaves, embedded, shard, objective, &mut taps, Noise::OFF);
    let mut of_layer = |(l, mask): (usize, &Option<Tensor<B::Graph, 2>>)| {
        let mask = mask.as_ref().and_then(|m| m.grad_remove(&mut gradients));
        let heads = mask.map(to_vec).unwrap_or_default();
        let [up, bias, down] = neuron_parameters(l).map(|name| {
            let place = weights.layout.position(&name)?;
            let gradient = leaves.tensors[place].grad_remove(&mut gradients)?;
            Some(weights.tensors[place].clone() * gradient)
        });
        LayerImportance {
            heads: heads.into_iter().map(|g| f64::from(g.abs())).collect(),
            neurons: match (up, bias, down) {
                (Some(up), Some(bias), Some(down)) => neuron_scores(up, bias, down),
                _ => Vec::new(),
            },
        }
    };
    taps.masks.iter().enumerate().map(&mut of_layer).collect()
}

/// Incoming weights with their bias and outgoing weights of a layer's neurons.
fn neuron_parameters(layer: usize) -> [String; 3] {
    let (up, down) = (Linear::Intermediate(layer), Linear::Output(layer));
    [up.weight(), up.bias(), down.weight()]
}

/// `|sum w dw + b db| + |sum w dw|` from the products of parameters and gradients: incoming
/// `[neurons, hidden]`, bias `[1, neurons]`, outgoing `[hidden, neurons]`.
fn neuron_scores<B: Backend>(up: Tensor<B, 2>, bias: Tensor<B, 2>, down: Tensor<B, 2>) -> Vec<f64> {
    let [neurons, hidden] = up.dims();
    let [up, bias, down] = [up, bias, down].map(to_vec);
    let rows = up.chunks_exact(hidden).zip(bias);
    let incoming =
        rows.map(|(row, b)| f64::from(b) + row.iter().map(|&v| f64::from(v)).sum::<f64>());
    let mut outgoing = vec![0.0; neurons];
    for row in down.chunks_exact(neurons) {
        outgoing
            .iter_mut()
            .zip(row)
            .for_each(|(sum, &v)| *sum += f64::from(v));
    }
    incoming
        .zip(outgoing)
        .map(|(i, o)| i.abs() + o.abs())
        .collect()
}
