//! Gradients against finite differences, fused operations against their default bodies.
//!
//! The reference is the default bodies on burn's ndarray backend in `f64`: its gradients are
//! checked by central differences, and the fused `f32` kernels are then compared with it,
//! operation by operation and for whole encoders.

mod encoders;

use std::sync::Arc;

use act_core::testing::{FAMILIES, TinyOptions, tiny_artifact};
use act_core::{Activation, Artifact, Encoding, Family, LayerPlan, Seed};
use burn::backend::{Autodiff, NdArray};
use burn::tensor::Tensor;
use rand::Rng;

use crate::backend::{ActBackend, Ops};
use crate::dropout::{Dropout, Noise, Queries};
use crate::kernels::quantize::Levels;
use crate::quantize::ops::QuantizeOps;
use crate::shapes::{AttentionShape, RelationShape, Turns};
use crate::tensors::tensor;

/// Default bodies in double precision.
pub(crate) type Reference = NdArray<f64>;
type Fused = NdArray<f32>;

/// A GPU's backend under test.
#[cfg(feature = "gpu")]
pub(crate) trait Card: ActBackend {
    const NAME: &str;
    const TOLERANCE: f64;
}
#[cfg(feature = "vulkan")]
impl Card for burn::backend::Vulkan {
    const NAME: &str = "vulkan";
    const TOLERANCE: f64 = 1e-5;
}
/// Tensor cores round products to TF32.
#[cfg(feature = "cuda")]
impl Card for burn::backend::Cuda {
    const NAME: &str = "cuda";
    const TOLERANCE: f64 = 2e-3;
}

/// True if there is such a card; loudly not where there is none.
#[cfg(feature = "gpu")]
pub(crate) fn usable<B: Card>() -> bool {
    crate::device::usable::<B>(B::Device::default(), B::NAME, "a card of it")
        .inspect_err(|error| println!("SKIPPED: {error}"))
        .is_ok()
}

/// Does something with every card's backend that is compiled in and can be used.
macro_rules! on_cards {
    ($backend:ident => $body:expr) => {
        #[cfg(feature = "vulkan")]
        {
            type $backend = burn::backend::Vulkan;
            if $crate::gradcheck::usable::<$backend>() {
                $body;
            }
        }
        #[cfg(feature = "cuda")]
        {
            type $backend = burn::backend::Cuda;
            if $crate::gradcheck::usable::<$backend>() {
                $body;
            }
        }
    };
}
pub(crate) use on_cards;

impl QuantizeOps for Reference {}
impl QuantizeOps for Autodiff<Reference> {}
impl Ops for Reference {}
impl Ops for Autodiff<Reference> {}
impl ActBackend for Reference {
    type Graph = Autodiff<Reference>;
    const THREADS: bool = true;
    const MICRO_BATCH: usize = 8;
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
    Norm,
    Turn(Turns),
    Dropout(Dropout),
    Attend(AttentionShape, Dropout),
    Rows(Vec<u32>),
    FakeQuantize(Levels),
    FakeQuantizeRows(Levels),
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
            Op::AddNorm(dropout) => {
                B::add_norm(next(), next(), next(), next(), 1e-5, dropout.clone())
            }
            Op::Norm => B::norm(next(), next(), next(), 1e-5),
            Op::Turn(turns) => B::turn(next(), turns),
            Op::Dropout(dropout) => B::dropout(next(), dropout.clone()),
            Op::Attend(shape, dropout) => B::attend(next(), next(), next(), shape, dropout.clone()),
            Op::Rows(indices) => B::rows(next(), indices),
            Op::FakeQuantize(levels) => {
                // A random step near 0.1, with its gradient.
                let (x, step) = (next(), next() * 0.01 + 0.1);
                B::fake_quantize(x, step, *levels)
            }
            Op::FakeQuantizeRows(levels) => B::fake_quantize_rows(next(), *levels),
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
    on_cards!(B => {
        for (i, (got, want)) in op.run::<B>(&inputs).iter().zip(&reference).enumerate() {
            assert_close(&format!("{}, {i}", B::NAME), got, want, B::TOLERANCE);
        }
    });
}

/// Of three sequences of 10 tokens in all.
fn some_dropout(rows: Queries) -> Dropout {
    Noise::new(0.3, Seed(5), 1, &[2, 0, 7], &[4, 1, 5]).next_site(rows)
}

#[test]
fn affine() {
    check(Op::Affine, &[[7, 5], [3, 5], [1, 3]]);
    check(Op::Affine, &[[1, 33], [18, 33], [1, 18]]);
    // More than one tile of a GPU's, in every direction.
    check(Op::Affine, &[[260, 64], [160, 64], [1, 160]]);
}

#[test]
fn activations() {
    check(Op::Activate(Activation::Gelu), &[[9, 11]]);
    check(Op::Activate(Activation::Relu), &[[9, 11]]);
    check(Op::Activate(Activation::GeluTanh), &[[9, 11]]);
}

#[test]
fn add_norm() {
    for dropout in [Dropout::OFF, some_dropout(Queries::All)] {
        let shapes = [[10, 13], [10, 13], [1, 13], [1, 13]];
        check(Op::AddNorm(dropout), &shapes);
    }
}

#[test]
fn norm() {
    check(Op::Norm, &[[10, 13], [1, 13], [1, 13]]);
}

#[test]
fn turns() {
    let turns = Turns::new(100.0, 6, &[4, 1, 5]);
    check(Op::Turn(turns), &[[10, 18]]);
}

#[test]
fn dropout() {
    check(Op::Dropout(some_dropout(Queries::All)), &[[10, 13]]);
    check(Op::Dropout(some_dropout(Queries::First)), &[[3, 13]]);
}

#[test]
fn rows() {
    check(Op::Rows(vec![3, 0, 3, 5]), &[[6, 4]]);
}

/// Some of the numbers are clipped at 12 levels, none at 127.
#[test]
fn fake_quantisation() {
    for high in [12.0, 127.0] {
        let levels = Levels { low: -high, high };
        check(Op::FakeQuantize(levels), &[[9, 11], [1, 1]]);
        check(Op::FakeQuantize(levels), &[[9, 11], [1, 11]]);
        check(Op::FakeQuantizeRows(levels), &[[9, 11]]);
    }
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
        for (masked, window) in [
            (false, None),
            (true, None),
            (false, Some(1)),
            (true, Some(2)),
        ] {
            for dropout in [Dropout::OFF, some_dropout(queries)] {
                let bias = |i| if i % 4 == 3 { -1e4 } else { 0.0 };
                let shape = AttentionShape {
                    window,
                    lengths: Arc::from([4, 1, 5]),
                    key_bias: masked.then(|| (0..10).map(bias).collect()),
                    queries,
                    heads: 3,
                    head_dim: 5,
                    products: None,
                };
                check(
                    Op::Attend(shape, dropout),
                    &[[asking, 15], [10, 15], [10, 15]],
                );
            }
        }
    }
}

/// Encoders of all families and of shapes that pruning leaves, with examples for them.
pub(crate) fn models() -> Vec<Artifact> {
    let pruned = vec![
        LayerPlan {
            head_dim: 4,
            kept_heads: vec![1, 3],
            intermediate_size: 5,
            window: None,
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
    let families = FAMILIES.iter().skip(2).map(|&family| TinyOptions {
        family,
        hidden_act: match family {
            Family::Albert => Activation::GeluTanh,
            _ => Activation::Gelu,
        },
        ..TinyOptions::default()
    });
    let mut models: Vec<Artifact> = [bert, ernie, empty, none]
        .into_iter()
        .chain(families)
        .map(|options| tiny_artifact(3, &options))
        .collect();
    // An even seed: the first token's row, of a last layer with heads taken out.
    let pruned_modern = TinyOptions {
        family: Family::ModernBert,
        layers: vec![
            LayerPlan::full(2, 4, 6),
            LayerPlan::full(0, 4, 5),
            LayerPlan::full(1, 6, 0),
        ]
        .into_iter()
        .chain([LayerPlan::full(1, 2, 7)])
        .collect(),
        ..TinyOptions::default()
    };
    models.push(tiny_artifact(4, &pruned_modern));
    let mut headless = models[0].clone();
    headless.plan.head.dense = None;
    models.push(headless);
    models
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
