//! Gradients of all parameters: of one micro-batch, in a graph of its own, and their sum.

use act_core::Result;
use burn::tensor::{ElementConversion, FloatDType, Tensor};
use rayon::prelude::*;

use crate::backend::ActBackend;
use crate::dropout::Noise;
use crate::encoder;
use crate::loss::{self, Shard};
use crate::objective::Objective;
use crate::quantize::{FakeQuantizer, Observed};
use crate::taps::Identity;
use crate::weights::Weights;

/// What one micro-batch adds to the gradient of a parameter.
enum Contribution<B: ActBackend> {
    /// The parameter took no part.
    Nothing,
    /// A tensor of the parameter's shape.
    Whole(Tensor<B, 2>),
    /// Row `i` of the tensor is added to row `ids[i]` of an embedding table's gradient.
    Rows { ids: Vec<u32>, rows: Tensor<B, 2> },
}

/// Loss of one micro-batch and its gradients, in the weights' order.
pub(crate) struct ShardGradients<B: ActBackend> {
    loss: Tensor<B, 1>,
    parts: Vec<Contribution<B>>,
    /// What fake quantisation saw, if there is any.
    observed: Option<Observed>,
}

/// What the shards of a batch have in common.
pub(crate) struct Batch<'a> {
    pub(crate) objective: &'a Objective,
    /// Examples of the whole batch.
    pub(crate) examples: usize,
    /// Products of matrices in bfloat16.
    pub(crate) mixed_precision: bool,
    /// Rounds what linears read; the weights are rounded already.
    pub(crate) quantizer: Option<&'a FakeQuantizer>,
}

impl<B: ActBackend> ShardGradients<B> {
    /// Runs a shard forward and backward. Errors: values of the teacher that do not fit the
    /// student's.
    pub(crate) fn new(
        weights: &Weights<B>,
        shard: &Shard,
        batch: &Batch<'_>,
        noise: Noise,
    ) -> Result<Self> {
        let tables = weights.layout.tables();
        let leaves = weights.leaves(|name| !tables.iter().any(|t| t == name));
        let mut embedded = encoder::embed(weights, &shard.batch).untracked();
        embedded.words = embedded.words.require_grad();
        let words = embedded.words.clone();
        let computed = if batch.mixed_precision {
            &leaves.lowered(FloatDType::BF16)
        } else {
            &leaves
        };
        let of_batch = (batch.objective, batch.examples);
        let (loss, mut gradients, observed) = match batch.quantizer {
            None => {
                let taps = &mut Identity;
                let (loss, gradients) =
                    loss::backward::<B>(computed, embedded, shard, of_batch, taps, noise)?;
                (loss, gradients, None)
            }
            Some(quantizer) => {
                let mut taps = quantizer.taps(&words.device()).recorded();
                let (loss, mut gradients) =
                    loss::backward::<B>(computed, embedded, shard, of_batch, &mut taps, noise)?;
                let observed = taps.observed(&mut gradients);
                (loss, gradients, Some(observed))
            }
        };
        let mut of_leaf = |leaf: &Tensor<B::Graph, 2>| leaf.grad_remove(&mut gradients);
        let rows = of_leaf(&words);
        let leaves = leaves.tensors.iter().map(of_leaf);
        let mut parts: Vec<Contribution<B>> = leaves
            .map(|gradient| gradient.map_or(Contribution::Nothing, Contribution::Whole))
            .collect();
        for (table, ids) in encoder::tables(&weights.layout.plan, &shard.batch) {
            let place = weights.layout.position(&table.weight());
            if let (Some(place), Some(rows)) = (place, rows.clone()) {
                parts[place] = Contribution::Rows { ids, rows };
            }
        }
        Ok(Self {
            loss,
            parts,
            observed,
        })
    }
}

/// Losses of micro-batches, each `[1]`. A GPU may still be computing them: reading them waits for it.
pub(crate) struct Losses<B: ActBackend>(Vec<Tensor<B, 1>>);

impl<B: ActBackend> Losses<B> {
    /// Their sum, one after the other.
    pub(crate) fn sum(self) -> f64 {
        let values = self
            .0
            .into_iter()
            .map(|loss| loss.into_scalar().elem::<f64>());
        values.fold(0.0, |sum, value| sum + value)
    }
}

/// The sum over micro-batches.
pub(crate) struct Sum<B: ActBackend> {
    losses: Losses<B>,
    pub(crate) observed: Observed,
    tensors: Vec<Option<Tensor<B, 2>>>,
}

impl<B: ActBackend> Sum<B> {
    /// Zero.
    pub(crate) fn new(weights: &Weights<B>) -> Self {
        Self {
            losses: Losses(Vec::new()),
            observed: Observed::default(),
            tensors: vec![None; weights.tensors.len()],
        }
    }

    /// Adds shards one after the other, parameter by parameter on the current rayon pool.
    pub(crate) fn add(&mut self, weights: &Weights<B>, mut shards: Vec<ShardGradients<B>>) {
        for observed in shards.iter_mut().filter_map(|s| s.observed.take()) {
            self.observed.add(observed);
        }
        let shards = shards.into_iter().map(|shard| {
            self.losses.0.push(shard.loss);
            shard.parts.into_iter()
        });
        let mut shards: Vec<_> = shards.collect();
        let mut next = || shards.iter_mut().filter_map(Iterator::next).collect();
        let parts: Vec<Vec<Contribution<B>>> = weights.tensors.iter().map(|_| next()).collect();
        let sums = self.tensors.par_iter_mut().zip(parts);
        sums.zip(&weights.tensors)
            .for_each(|((sum, parts), value)| {
                for part in parts {
                    *sum = match (sum.take(), part) {
                        (sum, Contribution::Nothing) => sum,
                        (None, Contribution::Whole(gradient)) => Some(gradient),
                        (Some(sum), Contribution::Whole(gradient)) => {
                            Some(B::add_to(sum, &gradient))
                        }
                        (sum, Contribution::Rows { ids, rows }) => {
                            let sum = sum.unwrap_or_else(|| value.zeros_like());
                            Some(B::add_rows(sum, &ids, &rows))
                        }
                    };
                }
            });
    }

    /// The losses, and the gradients in the weights' order.
    pub(crate) fn into_parts(self, weights: &Weights<B>) -> (Losses<B>, Vec<Tensor<B, 2>>) {
        let sums = self.tensors.into_iter().zip(&weights.tensors);
        let sums = sums.map(|(sum, value)| sum.unwrap_or_else(|| value.zeros_like()));
        (self.losses, sums.collect())
    }
}
