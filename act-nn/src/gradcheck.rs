//! Gradients against finite differences, fused operations against their default bodies.
//!
//! The reference is the default bodies on burn's ndarray backend in `f64`: its gradients are
//! checked by central differences, and the fused `f32` kernels are then compared with it,
//! operation by operation and for whole encoders.

use std::sync::Arc;

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Activation, Artifact, Encoding, Family, LayerPlan, Linear, Result, Seed, Site};
use burn::backend::{Autodiff, NdArray};
use burn::tensor::Tensor;
use rand::Rng;

use crate::Examples;
use crate::backend::{ActBackend, AttentionShape, Ops, Queries, RelationShape, tensor};
use crate::dropout::{Dropout, Noise};
use crate::encoder;
use crate::gradient::{ShardGradients, Sum};
use crate::loss::objective::{Hidden, LayerPair, Objective, Relations, Rows, SoftLabels, Teacher};
use crate::loss::{self, Shard};
use crate::taps::{Collect, Identity, Taps};
use crate::weights::Weights;

/// Default bodies in double precision.
pub(crate) type Reference = NdArray<f64>;
type Fused = NdArray<f32>;

impl Ops for Reference {}
impl Ops for Autodiff<Reference> {}
impl ActBackend for Reference {
    type Graph = Autodiff<Reference>;
    const THREADS: bool = true;
}

/// The numbers of a tensor in double precision.
pub(crate) fn to_f64<B: Ops>(tensor: &Tensor<B, 2>) -> Vec<f64> {
    tensor.to_data().convert::<f64>().into_vec().unwrap()
}

fn assert_close(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    let size = want.iter().fold(1e-2, |m: f64, v| m.max(v.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!(
            (g - w).abs() <= tolerance * size,
            "{what}[{i}]: {g} is not {w} (size {size})"
        );
    }
}

/// One operation with everything but its tensors.
enum Op {
    Affine,
    Activate(Activation),
    AddNorm(Dropout),
    Dropout(Dropout),
    Attend(AttentionShape, Dropout),
    Rows(Vec<u32>),
    /// Against a teacher of this width.
    Relations(RelationShape, usize),
}

impl Op {
    fn apply<B: Ops>(&self, inputs: Vec<Tensor<B, 2>>) -> Tensor<B, 2> {
        let mut inputs = inputs.into_iter();
        let mut next = || inputs.next().unwrap();
        match self {
            Op::Affine => B::affine(next(), next(), next()),
            Op::Activate(activation) => B::activate(next(), *activation),
            Op::AddNorm(dropout) => B::add_norm(next(), next(), next(), next(), 1e-5, *dropout),
            Op::Dropout(dropout) => B::dropout(next(), *dropout),
            Op::Attend(shape, dropout) => B::attend(next(), next(), next(), shape, *dropout),
            Op::Rows(indices) => B::rows(next(), indices),
            Op::Relations(shape, width) => {
                let rows = shape.lengths.iter().sum();
                let teacher = random(7, rows * width);
                let teacher = tensor(teacher, [rows, *width], &Default::default());
                B::relations(next(), teacher, shape)
            }
        }
    }

    /// The result and the gradient of each input, for a fixed random gradient of the result.
    fn run<B: ActBackend>(&self, inputs: &[(Vec<f32>, [usize; 2])]) -> Vec<Vec<f64>> {
        let device = Default::default();
        let leaf = |(values, shape): &(Vec<f32>, [usize; 2])| {
            tensor::<B::Graph, 2>(values.clone(), *shape, &device).require_grad()
        };
        let leaves: Vec<_> = inputs.iter().map(leaf).collect();
        let plain: Vec<_> = leaves.iter().map(|l| l.clone().inner()).collect();
        let y = self.apply::<B::Graph>(leaves.clone());
        let output = to_f64(&y.clone().inner());
        assert_eq!(
            output,
            to_f64(&self.apply::<B>(plain)),
            "with and without recording"
        );
        let shape = y.dims();
        let weights = random(99, shape[0] * shape[1]);
        let weights = tensor(weights, shape, &device);
        let mut gradients = (y * weights).sum().backward();
        let of_leaf =
            |leaf: &Tensor<B::Graph, 2>| to_f64(&leaf.grad_remove(&mut gradients).unwrap());
        std::iter::once(output)
            .chain(leaves.iter().map(of_leaf))
            .collect()
    }
}

pub(crate) fn random(seed: u64, n: usize) -> Vec<f32> {
    let mut rng = Seed(seed).stream("test values");
    (0..n).map(|_| 4.0 * rng.random::<f32>() - 2.0).collect()
}

fn check(op: Op, shapes: &[[usize; 2]]) {
    let inputs: Vec<_> = shapes
        .iter()
        .enumerate()
        .map(|(i, &shape)| (random(i as u64, shape[0] * shape[1]), shape))
        .collect();
    let (fused, reference) = (op.run::<Fused>(&inputs), op.run::<Reference>(&inputs));
    for (i, (fused, reference)) in fused.iter().zip(&reference).enumerate() {
        let what = if i == 0 {
            "result".into()
        } else {
            format!("gradient of input {}", i - 1)
        };
        assert_close(&what, fused, reference, 1e-5);
    }
}

fn some_dropout() -> Dropout {
    Noise::new(0.3, Seed(5), 1, 0).next_site()
}

#[test]
fn affine() {
    check(Op::Affine, &[[7, 5], [3, 5], [1, 3]]);
    check(Op::Affine, &[[1, 33], [18, 33], [1, 18]]);
}

#[test]
fn activations() {
    check(Op::Activate(Activation::Gelu), &[[9, 11]]);
    check(Op::Activate(Activation::Relu), &[[9, 11]]);
}

#[test]
fn add_norm() {
    for dropout in [Dropout::OFF, some_dropout()] {
        check(Op::AddNorm(dropout), &[[6, 13], [6, 13], [1, 13], [1, 13]]);
    }
}

#[test]
fn dropout() {
    check(Op::Dropout(some_dropout()), &[[6, 13]]);
}

#[test]
fn rows() {
    check(Op::Rows(vec![3, 0, 3, 5]), &[[6, 4]]);
}

#[test]
fn relations() {
    for masked in [false, true] {
        let bias = |i| if i % 4 == 3 { -1e4 } else { 0.0 };
        let shape = RelationShape {
            lengths: Arc::from([4, 1, 5]),
            key_bias: masked.then(|| (0..10).map(bias).collect()),
            heads: 3,
        };
        check(Op::Relations(shape, 9), &[[10, 15]]);
    }
}

#[test]
fn attention() {
    for (queries, asking) in [(Queries::All, 10), (Queries::First, 3)] {
        for masked in [false, true] {
            for dropout in [Dropout::OFF, some_dropout()] {
                let bias = |i| if i % 4 == 3 { -1e4 } else { 0.0 };
                let shape = AttentionShape {
                    lengths: Arc::from([4, 1, 5]),
                    key_bias: masked.then(|| (0..10).map(bias).collect()),
                    queries,
                    heads: 3,
                    head_dim: 5,
                };
                check(
                    Op::Attend(shape, dropout),
                    &[[asking, 15], [10, 15], [10, 15]],
                );
            }
        }
    }
}

/// Encoders of both families and of shapes that pruning leaves, with examples for them.
pub(crate) fn models() -> Vec<Artifact> {
    let pruned = vec![
        LayerPlan {
            head_dim: 4,
            kept_heads: vec![1, 3],
            intermediate_size: 5,
        },
        LayerPlan::full(0, 4, 9),
        LayerPlan::full(1, 4, 0),
    ];
    let bert = TinyOptions::default();
    let ernie = TinyOptions {
        family: Family::Ernie,
        hidden_act: Activation::Relu,
        layers: pruned.clone(),
        ..TinyOptions::default()
    };
    let empty = TinyOptions {
        layers: vec![LayerPlan::full(0, 4, 0)],
        ..TinyOptions::default()
    };
    let none = TinyOptions {
        layers: Vec::new(),
        ..TinyOptions::default()
    };
    [bert, ernie, empty, none]
        .iter()
        .map(|options| tiny_artifact(3, options))
        .collect()
}

/// Encodings of several lengths; one has padding inside.
pub(crate) fn encodings() -> Vec<Encoding> {
    let mut rng = Seed(8).stream("test encodings");
    [5usize, 1, 9, 3]
        .into_iter()
        .enumerate()
        .map(|(i, n)| Encoding {
            input_ids: (0..n)
                .map(|t| {
                    if i == 2 && t > 5 {
                        0
                    } else {
                        rng.random_range(1..100)
                    }
                })
                .collect(),
            token_type_ids: (0..n).map(|t| u32::from(t > n / 2)).collect(),
        })
        .collect()
}

/// Every loss that this model can have, against a teacher with twice its attention width.
fn everything(artifact: &Artifact) -> Objective {
    let layers = &artifact.plan.layers;
    let pairs = (0..layers.len()).map(|l| LayerPair {
        student: l,
        teacher: l,
        rows: match l + 1 == layers.len() {
            true => Rows::First,
            false => Rows::All,
        },
    });
    let pairs: Vec<_> = pairs.collect();
    let attending = layers.iter().position(|l| l.attention_width() > 0);
    let relations = attending.map_or(Vec::new(), |l| {
        let projections = [Linear::Query(l), Linear::Key(l), Linear::Value(l)];
        let computed = projections.iter().skip(usize::from(l + 1 == layers.len()));
        computed.map(|&p| (p, p)).collect()
    });
    Objective {
        labels: 0.7,
        logits: 0.4,
        soft_labels: SoftLabels {
            weight: 0.6,
            temperature: 2.0,
        },
        pooled: 0.3,
        hidden: Hidden {
            weight: if pairs.is_empty() { 0.0 } else { 0.5 },
            pairs,
        },
        relations: Relations {
            weight: if relations.is_empty() { 0.0 } else { 0.8 },
            heads: 2,
            pairs: relations,
        },
    }
}

/// Random values of the right shapes.
struct RandomTeacher<'a> {
    artifact: &'a Artifact,
    encodings: &'a [Encoding],
    objective: &'a Objective,
}

impl Teacher for RandomTeacher<'_> {
    fn values(&self, examples: &[usize]) -> Result<Vec<Vec<f32>>> {
        let plan = &self.artifact.plan;
        let of_site = |(number, comparison): (usize, crate::Comparison)| {
            let width = match comparison.teacher {
                Site::Projection(Linear::Query(l) | Linear::Key(l) | Linear::Value(l)) => {
                    2 * plan.layers[l].attention_width()
                }
                _ => plan.hidden_size,
            };
            let of_example = |&i: &usize| {
                let rows = match comparison.rows {
                    Rows::All => self.encodings[i].len(),
                    Rows::First => 1,
                };
                random((100 * number + i) as u64, rows * width)
            };
            examples.iter().flat_map(of_example).collect()
        };
        let comparisons = self.objective.comparisons().into_iter();
        Ok(comparisons.enumerate().map(of_site).collect())
    }
}

fn shard_of(
    artifact: &Artifact,
    encodings: &[Encoding],
    objective: &Objective,
    indices: &[usize],
) -> Shard {
    let logits: Vec<Vec<f32>> = random(4, 12).chunks(3).map(<[f32]>::to_vec).collect();
    let teacher = RandomTeacher {
        artifact,
        encodings,
        objective,
    };
    let examples = Examples {
        encodings,
        labels: &[0, 2, 1, 1],
        teacher_logits: Some(&logits),
        teacher: Some(&teacher),
    };
    loss::check(artifact, &examples, objective).unwrap();
    Shard::new(&examples, indices, objective, &artifact.plan, 0).unwrap()
}

fn shard(artifact: &Artifact, encodings: &[Encoding], objective: &Objective) -> Shard {
    shard_of(artifact, encodings, objective, &[0, 1, 2, 3])
}

/// Loss and gradients of all parameters.
fn model_gradients<B: ActBackend>(
    weights: &Weights<B>,
    shards: &[Shard],
    objective: &Objective,
    noise: &Noise,
) -> (f64, Vec<Tensor<B, 2>>) {
    let mut sum = Sum::new(weights);
    for shard in shards {
        let gradients = ShardGradients::new(weights, shard, objective, 4, noise.clone());
        sum.add(weights, vec![gradients.unwrap()]);
    }
    (sum.loss, sum.into_tensors(weights))
}

fn loss_alone(
    weights: &Weights<Reference>,
    shard: &Shard,
    objective: &Objective,
    noise: &Noise,
) -> f64 {
    let embedded = encoder::embed(weights, &shard.batch);
    let mut noise = noise.clone();
    let (comparisons, mut identity) = (objective.comparisons(), Identity);
    let mut taken = Collect::new(&comparisons, &mut identity);
    let logits = encoder::logits(weights, embedded, &shard.batch, &mut taken, &mut noise);
    let loss = loss::loss(logits, &taken, shard, objective, 4).unwrap();
    to_f64(&loss.reshape([1, 1]))[0]
}

#[test]
fn encoder_gradients_equal_finite_differences() {
    const STEP: f64 = 1e-5;
    let encodings = encodings();
    for artifact in models() {
        let objective = everything(&artifact);
        let shard = shard(&artifact, &encodings, &objective);
        let mut weights = Weights::<Reference>::load(&artifact, &Default::default()).unwrap();
        let noise = Noise::new(0.2, Seed(6), 3, 1);
        let shards = std::slice::from_ref(&shard);
        let (_, gradients) = model_gradients(&weights, shards, &objective, &noise);
        let mut rng = Seed(2).stream("test elements");
        for (i, gradient) in gradients.iter().enumerate() {
            let value = weights.tensors[i].clone();
            let shape = value.dims();
            let gradient = to_f64(gradient);
            for _ in 0..6 {
                let place = match i {
                    // Most rows of the word table have no token.
                    0 => shard.batch.input_ids[rng.random_range(0..18)] as usize * shape[1],
                    _ => rng.random_range(0..gradient.len()),
                };
                let mut loss_at = |step: f64| {
                    let mut moved = to_f64(&value);
                    moved[place] += step;
                    weights.tensors[i] = tensor(moved, shape, &Default::default());
                    loss_alone(&weights, &shard, &objective, &noise)
                };
                let slope = (loss_at(STEP) - loss_at(-STEP)) / (2.0 * STEP);
                let name = &weights.layout.specs[i].name;
                let difference = (slope - gradient[place]).abs();
                assert!(
                    difference < 1e-7 + 1e-6 * slope.abs(),
                    "{name}[{place}]: {} is not {slope}",
                    gradient[place]
                );
            }
            weights.tensors[i] = value;
        }
    }
}

#[test]
fn fused_encoders_equal_the_reference() {
    let encodings = encodings();
    for artifact in models() {
        let objective = everything(&artifact);
        let shard = shard(&artifact, &encodings, &objective);
        for dropout in [0.0, 0.2] {
            let noise = Noise::new(dropout, Seed(6), 3, 1);
            let fused = Weights::<Fused>::load(&artifact, &Default::default()).unwrap();
            let reference = Weights::<Reference>::load(&artifact, &Default::default()).unwrap();
            let shards = std::slice::from_ref(&shard);
            let (loss, gradients) = model_gradients(&fused, shards, &objective, &noise);
            let (want_loss, want) = model_gradients(&reference, shards, &objective, &noise);
            assert_close("loss", &[loss], &[want_loss], 1e-5);
            for ((spec, got), want) in fused.layout.specs.iter().zip(&gradients).zip(&want) {
                assert_close(&spec.name, &to_f64(got), &to_f64(want), 2e-5);
            }
        }
    }
}

#[test]
fn micro_batches_add_up_to_the_batch() {
    let encodings = encodings();
    for artifact in models() {
        let objective = everything(&artifact);
        let weights = Weights::<Reference>::load(&artifact, &Default::default()).unwrap();
        let gradients = |parts: &[&[usize]]| {
            let of_part = |part: &&[usize]| shard_of(&artifact, &encodings, &objective, part);
            let shards: Vec<_> = parts.iter().map(of_part).collect();
            model_gradients(&weights, &shards, &objective, &Noise::OFF)
        };
        let (loss, whole) = gradients(&[&[0, 1, 2, 3]]);
        let (parts_loss, parts) = gradients(&[&[2], &[3, 0, 1]]);
        assert_close("loss", &[parts_loss], &[loss], 1e-6);
        for (got, want) in parts.iter().zip(&whole) {
            assert_close("gradient", &to_f64(got), &to_f64(want), 1e-10);
        }
    }
}

/// Wants all tokens, changes nothing.
struct AllTokens;

impl<B: Ops> Taps<B> for AllTokens {
    fn at(&mut self, _: Site, x: Tensor<B, 2>) -> Tensor<B, 2> {
        x
    }

    fn all_tokens(&self) -> bool {
        true
    }
}

#[test]
fn skipping_what_is_not_classified_changes_nothing() {
    let encodings = encodings();
    for artifact in models() {
        let shard = shard(&artifact, &encodings, &Objective::LABELS);
        let weights = Weights::<Reference>::load(&artifact, &Default::default()).unwrap();
        let logits = |taps: &mut dyn Taps<Reference>| {
            let embedded = encoder::embed(&weights, &shard.batch);
            let noise = &mut Noise::OFF.clone();
            to_f64(&encoder::logits(
                &weights,
                embedded,
                &shard.batch,
                taps,
                noise,
            ))
        };
        assert_close(
            "logits",
            &logits(&mut Identity),
            &logits(&mut AllTokens),
            1e-12,
        );
    }
}
