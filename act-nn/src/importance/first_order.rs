//! First-order importance of attention heads and feed-forward neurons.
//!
//! Heads: the gradient of a mask of ones on each head's context (Michel et al. 2019, section 4.1).
//! Neurons: the first-order change of the loss when a neuron's weights go to zero (Molchanov et
//! al. 2017, eq. 7), as PaddleSlim's transformer_pruner. Both absolute, batch by batch, summed.

use act_core::{Artifact, Device, Linear, Progress, Result};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::pass::Pass;
use crate::backend::ActBackend;
use crate::device::dispatch;
use crate::dropout::Noise;
use crate::encoder;
use crate::examples::Examples;
use crate::loss::{self, Shard};
use crate::objective::Objective;
use crate::taps::HeadMasks;
use crate::tensors::{tensor, to_vec};
use crate::weights::Weights;

/// Scores of one layer's structures: what removing each costs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LayerScores {
    /// One a head.
    pub heads: Vec<f64>,
    /// One a feed-forward neuron.
    pub neurons: Vec<f64>,
}

impl LayerScores {
    fn add(&mut self, other: &LayerScores) {
        let add = |sum: &mut [f64], x: &[f64]| sum.iter_mut().zip(x).for_each(|(s, x)| *s += x);
        add(&mut self.heads, &other.heads);
        add(&mut self.neurons, &other.neurons);
    }
}

/// Importance of heads and neurons on labelled examples, dropout off (Michel et al. 2019, section
/// 4.1; as PaddleSlim's transformer_pruner, which however measures on dev with dropout on).
/// `progress` advances by batches of the piece of work that the caller has begun.
///
/// # Errors
/// Usage: no example, or one that the model cannot take. Interrupted.
pub fn importance(
    device: Device,
    artifact: &Artifact,
    examples: Examples<'_>,
    batch_size: usize,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Vec<LayerScores>> {
    let pass = &Pass {
        artifact,
        examples,
        batch_size,
        threads,
        progress,
    };
    dispatch!(device, importance_on(pass))
}

fn importance_on<B: ActBackend>(device: &B::Device, pass: &Pass<'_>) -> Result<Vec<LayerScores>> {
    let layers = pass.artifact.plan.layers.iter();
    let mut total: Vec<LayerScores> = layers
        .map(|layer| LayerScores {
            heads: vec![0.0; layer.heads()],
            neurons: vec![0.0; layer.intermediate_size],
        })
        .collect();
    pass.each_batch::<B, _>(device, of_batch, |batch: Vec<LayerScores>| {
        let layers = total.iter_mut().zip(&batch);
        layers.for_each(|(sum, layer)| sum.add(layer));
    })?;
    Ok(total)
}

/// The absolute scores of one batch.
fn of_batch<B: ActBackend>(
    weights: &Weights<B>,
    shard: &Shard,
    examples: usize,
) -> Result<Vec<LayerScores>> {
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
    let objective = (&Objective::LABELS, examples);
    let (_, mut gradients) =
        loss::backward::<B>(&leaves, embedded, shard, objective, &mut taps, Noise::OFF)?;
    let mut of_layer = |(l, mask): (usize, &Option<Tensor<B::Graph, 2>>)| {
        let mask = mask.as_ref().and_then(|m| m.grad_remove(&mut gradients));
        let heads = mask.map(to_vec).unwrap_or_default();
        let [up, bias, down] = neuron_parameters(l).map(|name| {
            let place = weights.layout.position(&name)?;
            let gradient = leaves.tensors[place].grad_remove(&mut gradients)?;
            Some(weights.tensors[place].clone() * gradient)
        });
        LayerScores {
            heads: heads.into_iter().map(|g| f64::from(g.abs())).collect(),
            neurons: match (up, down) {
                (Some(up), Some(down)) => neuron_scores(up, bias, down),
                _ => Vec::new(),
            },
        }
    };
    Ok(taps.masks.iter().enumerate().map(&mut of_layer).collect())
}

/// Incoming weights with their bias and outgoing weights of a layer's neurons.
fn neuron_parameters(layer: usize) -> [String; 3] {
    let (up, down) = (Linear::Intermediate(layer), Linear::Output(layer));
    [up.weight(), up.bias(), down.weight()]
}

/// `|sum w dw + b db| + |sum w dw|` from the products of parameters and gradients: incoming
/// `[neurons, hidden]`, bias `[1, neurons]` if there is one, outgoing `[hidden, neurons]`. (A gate scales its
/// neuron as outgoing weights do: its sum would be theirs again.)
fn neuron_scores<B: Backend>(
    up: Tensor<B, 2>,
    bias: Option<Tensor<B, 2>>,
    down: Tensor<B, 2>,
) -> Vec<f64> {
    let [neurons, hidden] = up.dims();
    let bias = bias.map_or(vec![0.0; neurons], to_vec);
    let [up, down] = [up, down].map(to_vec);
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

#[cfg(all(test, feature = "ndarray"))]
mod tests {
    use std::cell::Cell;

    use act_core::{Encoding, Error, ErrorKind, Silent};

    use super::*;
    use crate::gradcheck::{Reference, encodings, models, to_f64};
    use crate::taps::{Collect, Identity, Taps};

    static LABELS: [act_core::Target; 4] = [
        act_core::Target::Class(0),
        act_core::Target::Class(2),
        act_core::Target::Class(1),
        act_core::Target::Class(1),
    ];
    const STEP: f64 = 1e-4;

    fn shard(artifact: &Artifact, encodings: &[Encoding]) -> Shard {
        let examples = Examples {
            encodings,
            labels: &LABELS,
            teacher_logits: None,
            teacher: None,
        };
        let all = [0, 1, 2, 3];
        Shard::new(&examples, &all, &Objective::LABELS, &artifact.plan, 0).unwrap()
    }

    fn loss_with(
        weights: &Weights<Reference>,
        shard: &Shard,
        taps: &mut dyn Taps<Reference>,
    ) -> f64 {
        let embedded = encoder::embed(weights, &shard.batch);
        let noise = &mut Noise::OFF.clone();
        let mut taken = Collect::new(&[], taps);
        let logits = encoder::logits(weights, embedded, &shard.batch, &mut taken, noise);
        let loss = loss::loss(logits, &taken, shard, &Objective::LABELS, 4).unwrap();
        to_f64(&loss.reshape([1, 1]))[0]
    }

    /// Multiplies some elements of some parameters.
    fn scaled(
        weights: &Weights<Reference>,
        parts: &[(String, Vec<usize>)],
        factor: f64,
    ) -> Weights<Reference> {
        let mut weights = weights.clone();
        for (name, elements) in parts {
            let place = weights.layout.position(name).unwrap();
            let old = &weights.tensors[place];
            let mut values = to_f64(old);
            elements.iter().for_each(|&e| values[e] *= factor);
            weights.tensors[place] = tensor(values, old.dims(), &Default::default());
        }
        weights
    }

    fn assert_score(what: &str, score: f64, slope: f64) {
        let difference = (score - slope).abs();
        assert!(
            difference < 1e-6 + 1e-4 * slope,
            "{what}: {score} is not {slope}"
        );
    }

    #[test]
    fn scores_equal_brute_force() {
        let encodings = encodings();
        let mut checked = (0, 0);
        for artifact in models() {
            let shard = shard(&artifact, &encodings);
            let weights = Weights::<Reference>::load(&artifact, &Default::default()).unwrap();
            let scores = of_batch(&weights, &shard, 4).unwrap();
            let hidden = artifact.plan.hidden_size;
            for (l, (layer, plan)) in scores.iter().zip(&artifact.plan.layers).enumerate() {
                assert_eq!(layer.heads.len(), plan.heads());
                assert_eq!(layer.neurons.len(), plan.intermediate_size);
                for (h, &score) in layer.heads.iter().enumerate() {
                    let loss_at = |mask: f64| {
                        let mut values = vec![1.0; plan.heads()];
                        values[h] = mask;
                        let mask = tensor(values, [1, plan.heads()], &Default::default());
                        let mut masks = vec![None; artifact.plan.layers.len()];
                        masks[l] = Some(mask);
                        loss_with(&weights, &shard, &mut HeadMasks { masks })
                    };
                    let slope = (loss_at(1.0 + STEP) - loss_at(1.0 - STEP)) / (2.0 * STEP);
                    assert_score(&format!("layer {l} head {h}"), score, slope.abs());
                    checked.0 += 1;
                }
                // d/df of the loss with a neuron's weights times f is sum w dw.
                let neurons = plan.intermediate_size;
                for (j, &score) in layer.neurons.iter().enumerate() {
                    let [up, bias, down] = neuron_parameters(l);
                    let row = (j * hidden..(j + 1) * hidden).collect();
                    let column = (0..hidden).map(|o| o * neurons + j).collect();
                    let slope = |parts: &[(String, Vec<usize>)]| {
                        let loss_at = |factor| {
                            let moved = scaled(&weights, parts, factor);
                            loss_with(&moved, &shard, &mut Identity)
                        };
                        ((loss_at(1.0 + STEP) - loss_at(1.0 - STEP)) / (2.0 * STEP)).abs()
                    };
                    let mut incoming = vec![(up, row)];
                    if weights.layout.position(&bias).is_some() {
                        incoming.push((bias, vec![j]));
                    }
                    let want = slope(&incoming) + slope(&[(down, column)]);
                    assert_score(&format!("layer {l} neuron {j}"), score, want);
                    checked.1 += 1;
                }
            }
        }
        assert!(checked.0 >= 6 && checked.1 >= 30, "{checked:?}");
    }

    #[test]
    fn batches_add_up_whatever_the_threads() {
        let encodings = encodings();
        let artifact = &models()[0];
        let examples = |range: std::ops::Range<usize>| Examples {
            encodings: &encodings[range.clone()],
            labels: &LABELS[range],
            teacher_logits: None,
            teacher: None,
        };
        let score = |range, threads| {
            let device = Device::NdArray;
            importance(device, artifact, examples(range), 2, threads, &Silent).unwrap()
        };
        let whole = score(0..4, 1);
        assert_eq!(whole, score(0..4, 3));
        let mut parts = score(0..2, 1);
        parts
            .iter_mut()
            .zip(score(2..4, 1))
            .for_each(|(sum, layer)| sum.add(&layer));
        assert_eq!(whole, parts);
        assert!(whole.iter().flat_map(|l| &l.heads).all(|&s| s > 0.0));
    }

    /// Lets so many batches pass.
    struct StopsAt(Cell<usize>);

    impl Progress for StopsAt {
        fn begin(&self, _: &str, _: usize) {}

        fn advance(&self, batches: usize) -> Result<()> {
            self.0.set(self.0.get() - batches);
            if self.0.get() == 0 {
                return Err(Error::interrupted());
            }
            Ok(())
        }

        fn say(&self, _: &str) {}
    }

    #[test]
    fn stops_when_told() {
        let encodings = encodings();
        let examples = Examples {
            encodings: &encodings,
            labels: &LABELS,
            teacher_logits: None,
            teacher: None,
        };
        let stop = StopsAt(Cell::new(2));
        let error = importance(Device::NdArray, &models()[0], examples, 1, 2, &stop);
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!(stop.0.get(), 0, "nothing is done after the stop");
    }
}
