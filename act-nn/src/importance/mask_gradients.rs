//! Gradients of the loss by masks on heads and neurons, example by example: what Fisher information
//! is made of (Kwon et al. 2022, section 4.1).
//!
//! A mask of ones multiplies each head's context and each neuron's activation, token by token; its
//! gradient, summed over an example's tokens, is activation times gradient. Weights get none.

use act_core::{Artifact, Device, Progress, Result, Site};
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
use crate::taps::Taps;
use crate::tensors::{tensor, to_vec};
use crate::weights::Weights;

/// Gradients of each example's loss by the masks of one layer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MaskGradients {
    /// `[examples, heads]`, row-major.
    pub heads: Vec<f32>,
    /// `[examples, neurons]`, row-major.
    pub neurons: Vec<f32>,
}

/// Gradients of each example's loss by masks of ones on every head's context and every neuron's
/// activation, dropout off (Kwon et al. 2022, section 4.1); one entry a layer. `progress` and errors
/// as in [`importance()`](super::importance()). Memory: `examples * (heads + neurons)` floats a layer.
pub fn mask_gradients(
    device: Device,
    artifact: &Artifact,
    examples: Examples<'_>,
    batch_size: usize,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Vec<MaskGradients>> {
    let pass = &Pass {
        artifact,
        examples,
        batch_size,
        threads,
        progress,
    };
    dispatch!(device, mask_gradients_on(pass))
}

fn mask_gradients_on<B: ActBackend>(
    device: &B::Device,
    pass: &Pass<'_>,
) -> Result<Vec<MaskGradients>> {
    let mut all = vec![MaskGradients::default(); pass.artifact.plan.layers.len()];
    pass.each_batch::<B, _>(device, of_batch, |batch: Vec<MaskGradients>| {
        for (layer, batch) in all.iter_mut().zip(batch) {
            layer.heads.extend(batch.heads);
            layer.neurons.extend(batch.neurons);
        }
    })?;
    Ok(all)
}

/// The gradients of one batch.
fn of_batch<B: ActBackend>(
    weights: &Weights<B>,
    shard: &Shard,
    _examples: usize,
) -> Result<Vec<MaskGradients>> {
    let layers = &weights.layout.plan.layers;
    let mut taps = TokenMasks::<B::Graph> {
        heads: layers.iter().map(|layer| layer.heads()).collect(),
        of_heads: vec![None; layers.len()],
        of_neurons: vec![None; layers.len()],
    };
    let leaves = weights.leaves(|_| false);
    let embedded = encoder::embed(weights, &shard.batch).untracked();
    // Divided by 1: the sum over examples, so that each has the gradient of its own loss.
    let objective = (&Objective::LABELS, 1);
    let (_, mut gradients) =
        loss::backward::<B>(&leaves, embedded, shard, objective, &mut taps, Noise::OFF)?;
    let lengths = &shard.batch.lengths;
    let mut by_example = |mask: Option<Tensor<B::Graph, 2>>| {
        let gradient = mask.and_then(|mask| mask.grad_remove(&mut gradients));
        gradient.map_or(Vec::new(), |g| sum_by_example(g, lengths))
    };
    let masks = taps.of_heads.into_iter().zip(taps.of_neurons);
    Ok(masks
        .map(|(heads, neurons)| MaskGradients {
            heads: by_example(heads),
            neurons: by_example(neurons),
        })
        .collect())
}

/// Sums the rows of each example; in the last layer there is one row an example already.
fn sum_by_example<B: Backend>(rows: Tensor<B, 2>, lengths: &[usize]) -> Vec<f32> {
    let [count, width] = rows.dims();
    let rows = to_vec(rows);
    if count == lengths.len() {
        return rows;
    }
    let mut rows = rows.chunks_exact(width);
    let mut sums = vec![0.0; lengths.len() * width];
    for (sum, &length) in sums.chunks_exact_mut(width).zip(lengths) {
        for row in rows.by_ref().take(length) {
            sum.iter_mut().zip(row).for_each(|(s, r)| *s += r);
        }
    }
    sums
}

/// Multiplies every token's heads and neurons with ones that record their gradients.
struct TokenMasks<B: Backend> {
    /// Heads of each layer.
    heads: Vec<usize>,
    /// `[rows, heads]` a layer, from the forward pass.
    of_heads: Vec<Option<Tensor<B, 2>>>,
    /// `[rows, neurons]` a layer, likewise.
    of_neurons: Vec<Option<Tensor<B, 2>>>,
}

impl<B: burn::tensor::backend::AutodiffBackend> Taps<B> for TokenMasks<B> {
    fn at(&mut self, site: Site, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let [rows, width] = x.dims();
        let ones = |columns| {
            tensor::<B, 2>(vec![1f32; rows * columns], [rows, columns], &x.device()).require_grad()
        };
        match site {
            Site::Heads(l) => {
                let heads = self.heads[l];
                let mask = ones(heads);
                self.of_heads[l] = Some(mask.clone());
                let x = x.reshape([rows, heads, width / heads]);
                (x * mask.reshape([rows, heads, 1])).reshape([rows, width])
            }
            Site::Intermediate(l) => {
                let mask = ones(width);
                self.of_neurons[l] = Some(mask.clone());
                x * mask
            }
            _ => x,
        }
    }
}

#[cfg(all(test, feature = "ndarray"))]
mod tests {
    use act_core::Silent;

    use super::*;
    use crate::gradcheck::{Reference, encodings, models, to_f64};
    use crate::taps::Collect;

    static LABELS: [act_core::Target; 4] = [
        act_core::Target::Class(0),
        act_core::Target::Class(2),
        act_core::Target::Class(1),
        act_core::Target::Class(1),
    ];
    const STEP: f64 = 1e-4;

    /// One structure's values times a number.
    struct Scaled {
        site: Site,
        columns: std::ops::Range<usize>,
        factor: f64,
    }

    impl Taps<Reference> for Scaled {
        fn at(&mut self, site: Site, x: Tensor<Reference, 2>) -> Tensor<Reference, 2> {
            if site != self.site {
                return x;
            }
            let dims = x.dims();
            let mut values = to_f64(&x);
            for row in values.chunks_exact_mut(dims[1]) {
                row[self.columns.clone()]
                    .iter_mut()
                    .for_each(|v| *v *= self.factor);
            }
            tensor(values, dims, &Default::default())
        }
    }

    #[test]
    fn gradients_of_each_example_equal_finite_differences() {
        let encodings = encodings();
        let mut checked = 0;
        for artifact in models() {
            let weights = Weights::<Reference>::load(&artifact, &Default::default()).unwrap();
            let examples = Examples {
                encodings: &encodings,
                labels: &LABELS,
                teacher_logits: None,
                teacher: None,
            };
            let shard = |indices: &[usize]| {
                Shard::new(&examples, indices, &Objective::LABELS, &artifact.plan, 0).unwrap()
            };
            let together = of_batch(&weights, &shard(&[0, 1, 2, 3]), 4).unwrap();
            let slope = |example: usize, site: Site, columns: std::ops::Range<usize>| {
                let shard = shard(&[example]);
                let loss_at = |factor| {
                    let columns = columns.clone();
                    let taps = &mut Scaled {
                        site,
                        columns,
                        factor,
                    };
                    let embedded = encoder::embed(&weights, &shard.batch);
                    let noise = &mut Noise::OFF.clone();
                    let mut taken = Collect::new(&[], taps);
                    let logits =
                        encoder::logits(&weights, embedded, &shard.batch, &mut taken, noise);
                    let loss = loss::loss(logits, &taken, &shard, &Objective::LABELS, 1);
                    to_f64(&loss.unwrap().reshape([1, 1]))[0]
                };
                (loss_at(1.0 + STEP) - loss_at(1.0 - STEP)) / (2.0 * STEP)
            };
            let mut check = |what: String, gradient: f32, slope: f64| {
                let difference = (f64::from(gradient) - slope).abs();
                assert!(
                    difference < 1e-6 + 1e-4 * slope.abs(),
                    "{what}: {gradient} is not {slope}"
                );
                checked += 1;
            };
            for (l, (gradients, plan)) in together.iter().zip(&artifact.plan.layers).enumerate() {
                let (heads, neurons) = (plan.heads(), plan.intermediate_size);
                assert_eq!(gradients.heads.len(), 4 * heads);
                assert_eq!(gradients.neurons.len(), 4 * neurons);
                for e in 0..4 {
                    for h in 0..heads {
                        let columns = h * plan.head_dim..(h + 1) * plan.head_dim;
                        let want = slope(e, Site::Heads(l), columns);
                        check(
                            format!("layer {l} head {h}"),
                            gradients.heads[e * heads + h],
                            want,
                        );
                    }
                    for j in 0..neurons {
                        let want = slope(e, Site::Intermediate(l), j..j + 1);
                        let got = gradients.neurons[e * neurons + j];
                        check(format!("layer {l} neuron {j}"), got, want);
                    }
                }
            }
        }
        assert!(checked > 100, "{checked}");
    }

    #[test]
    fn examples_stay_in_order_whatever_the_batches_and_threads() {
        let encodings = encodings();
        let examples = Examples {
            encodings: &encodings,
            labels: &LABELS,
            teacher_logits: None,
            teacher: None,
        };
        let artifact = &models()[0];
        let gradients = |batch_size, threads| {
            let device = Device::NdArray;
            mask_gradients(device, artifact, examples, batch_size, threads, &Silent).unwrap()
        };
        assert_eq!(gradients(1, 1), gradients(1, 3));
        for (a, b) in gradients(1, 2).iter().zip(gradients(4, 1)) {
            let close = |a: &[f32], b: &[f32]| {
                assert_eq!(a.len(), b.len());
                a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
            };
            assert!(close(&a.heads, &b.heads) && close(&a.neurons, &b.neurons));
        }
    }
}
