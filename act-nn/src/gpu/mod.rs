//! The operations of a GPU: kernels of its own where burn would chain many elementary ones, each with
//! a backward pass of its own, as [`crate::fused`] has them for the CPU.
//!
//! One code for CUDA and Vulkan: what a software Vulkan driver shows to be right is what a card runs.
//! Products of matrices are cubek's, which burn has too; which of its kernels is said in one place
//! (`kernels::affine`), not tried out. Nothing here waits for the device, except that an optimiser's step reads
//! the gradient's norm once all of it is queued.

mod graph;
pub(crate) mod kept;
mod kernels;

use act_core::Activation;
use burn::backend::Autodiff;
use burn::tensor::{DType, ElementConversion, Tensor, TensorPrimitive};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, CubeRuntime};

use crate::backend::{ActBackend, Ops, padded};
use crate::dropout::{Dropout, Queries};
use crate::quantize::ops::QuantizeOps;
use crate::recorded::primitive;
use crate::shapes::AttentionShape;
use crate::update::{Slot, WholeStep};
use kernels::dropout::Masks;
use kernels::heads::Spans;
use kernels::optimizer::Parameter;
use kernels::{activation, affine, attention, dropout, heads, norm, optimizer, rows, squares};

/// burn's backend of a GPU.
type Gpu<R> = CubeBackend<R, f32, i32, u8>;
type Graph<R> = Autodiff<Gpu<R>>;

/// Places of a padded sequence are a multiple of this: few shapes, so that few kernels are compiled.
const LENGTHS: usize = 16;

macro_rules! trains_on {
    ($feature:literal, $backend:ident { $($constant:item)* }) => {
        #[cfg(feature = $feature)]
        impl ActBackend for burn::backend::$backend {
            type Graph = Autodiff<Self>;
            const THREADS: bool = false;
            const MICRO_BATCH: usize = 64;
            $($constant)*
        }
    };
}

trains_on!("cuda", Cuda { const MIXED: bool = true; });
trains_on!("vulkan", Vulkan {});

fn tensor<R: CubeRuntime>(primitive: CubeTensor<R>) -> Tensor<Gpu<R>, 2> {
    Tensor::from_primitive(TensorPrimitive::Float(primitive))
}

/// `x Wᵀ + b`, and `x` in the type of the product.
fn affine<R: CubeRuntime>(
    x: CubeTensor<R>,
    weight: CubeTensor<R>,
    bias: CubeTensor<R>,
) -> (CubeTensor<R>, CubeTensor<R>) {
    let x = affine::cast(x, weight.dtype);
    let y = affine::product(x.clone(), affine::transposed(weight));
    (affine::add_bias(y, bias), x)
}

/// One attention, with what its backward pass needs.
#[derive(Clone, Debug)]
struct Attention<R: CubeRuntime> {
    /// Queries, keys and values as padded heads, in the type of the products.
    inputs: [CubeTensor<R>; 3],
    /// Before dropout.
    probabilities: CubeTensor<R>,
    asking: Spans<R>,
    answering: Spans<R>,
    masks: Masks<R>,
    scale: f32,
}

impl<R: CubeRuntime> Attention<R> {
    /// The context, `[queries, width]`.
    fn new(
        [q, k, v]: [CubeTensor<R>; 3],
        shape: &AttentionShape,
        dropout: &Dropout,
    ) -> (CubeTensor<R>, Self) {
        let lengths = shape.lengths.iter().copied();
        let longest = lengths.clone().max().unwrap_or(0).next_multiple_of(LENGTHS);
        let answering = Spans::new(lengths, longest, &k);
        let asking = match shape.queries {
            Queries::All => answering.clone(),
            Queries::First => Spans::new(shape.lengths.iter().map(|_| 1), 1, &q),
        };
        let bias = shape.key_bias.as_deref().map(|bias| {
            let bias = Tensor::<Gpu<R>, 1>::from_data(bias, &k.device);
            bias.into_primitive().tensor()
        });
        let products = shape.products.unwrap_or(DType::F32);
        let split = |x, spans: &Spans<R>| heads::split(x, spans, shape.heads, products);
        let inputs = [
            split(q, &asking),
            split(k, &answering),
            split(v, &answering),
        ];
        let [q, k, v] = inputs.clone();
        let masks = Masks::new(dropout, &q);
        let scale = 1.0 / (shape.head_dim as f32).sqrt();
        let scores = affine::product(q, affine::transposed(k));
        let scaled = (&masks, scale);
        let [probabilities, dropped] =
            attention::softmax(scores, bias.as_ref(), &answering, scaled, products);
        let context = heads::merge(affine::product(dropped, v), &asking);
        let attention = Self {
            inputs,
            probabilities,
            asking,
            answering,
            masks,
            scale,
        };
        (context, attention)
    }

    /// Gradients of queries, keys and values.
    fn backward(self, dy: CubeTensor<R>) -> [CubeTensor<R>; 3] {
        let [q, k, v] = self.inputs;
        let [_, heads, ..] = q.meta.shape().dims::<4>();
        let dy = heads::split(dy, &self.asking, heads, q.dtype);
        let of_probabilities = affine::product(dy.clone(), affine::transposed(v));
        let scaled = (&self.masks, self.scale);
        let spans = &self.answering;
        let [of_scores, dropped] =
            attention::softmax_backward(self.probabilities, of_probabilities, spans, scaled);
        let of_query = affine::product(of_scores.clone(), k);
        let of_key = affine::product(affine::transposed(of_scores), q);
        let of_value = affine::product(affine::transposed(dropped), dy);
        [
            heads::merge(of_query, &self.asking),
            heads::merge(of_key, spans),
            heads::merge(of_value, spans),
        ]
    }
}

impl<R: CubeRuntime> QuantizeOps for Gpu<R> {}

impl<R: CubeRuntime> Ops for Gpu<R> {
    fn affine(x: Tensor<Self, 2>, w: Tensor<Self, 2>, b: Tensor<Self, 2>) -> Tensor<Self, 2> {
        tensor(affine(primitive(x), primitive(w), primitive(b)).0)
    }

    fn activate(x: Tensor<Self, 2>, activation: Activation) -> Tensor<Self, 2> {
        tensor(activation::activate(primitive(x), activation))
    }

    fn add_norm(
        branch: Tensor<Self, 2>,
        residual: Tensor<Self, 2>,
        gamma: Tensor<Self, 2>,
        beta: Tensor<Self, 2>,
        eps: f32,
        dropout: Dropout,
    ) -> Tensor<Self, 2> {
        let inputs = [branch, residual].map(primitive);
        let masks = Masks::new(&dropout, &inputs[0]);
        let (y, _) = norm::forward(inputs, [gamma, beta].map(primitive), eps, &masks);
        tensor(y)
    }

    fn dropout(x: Tensor<Self, 2>, dropout: Dropout) -> Tensor<Self, 2> {
        let x = primitive(x);
        let masks = Masks::new(&dropout, &x);
        tensor(dropout::masked(x, &masks))
    }

    fn attend(
        q: Tensor<Self, 2>,
        k: Tensor<Self, 2>,
        v: Tensor<Self, 2>,
        shape: &AttentionShape,
        dropout: Dropout,
    ) -> Tensor<Self, 2> {
        if shape.window.is_some() {
            return padded::attention(q, k, v, shape, dropout);
        }
        tensor(Attention::new([q, k, v].map(primitive), shape, &dropout).0)
    }

    fn add_rows(table: Tensor<Self, 2>, ids: &[u32], added: &Tensor<Self, 2>) -> Tensor<Self, 2> {
        tensor(rows::add(primitive(table), ids, primitive(added.clone())))
    }

    fn add_to(a: Tensor<Self, 2>, b: &Tensor<Self, 2>) -> Tensor<Self, 2> {
        tensor(affine::add_to(primitive(a), primitive(b.clone())))
    }

    fn step(
        slots: Vec<Slot<Self>>,
        gradients: Vec<Tensor<Self, 2>>,
        step: &WholeStep<'_>,
    ) -> (Vec<Slot<Self>>, f64) {
        let gradients: Vec<_> = gradients.into_iter().map(primitive).collect();
        if gradients.is_empty() {
            return (slots, 0.0);
        }
        let squares = squares::sum_of_squares(&gradients);
        let slots = slots.into_iter().zip(gradients).zip(step.decayed);
        let parameters = slots.map(|((slot, gradient), decayed)| Parameter {
            value: primitive(slot.value),
            gradient,
            moments: slot.moments.into_iter().map(primitive).collect(),
            decayed: *decayed,
        });
        let (clip, updates) = (step.clip as f32, step.updates(1.0));
        let parameters = optimizer::step(parameters.collect(), (&squares, clip), &updates);
        let updated = parameters.into_iter().map(|parameter| Slot {
            value: tensor(parameter.value),
            moments: parameter.moments.into_iter().map(tensor).collect(),
        });
        let updated = updated.collect();
        let squares = Tensor::<Self, 1>::from_primitive(TensorPrimitive::Float(squares));
        (updated, squares.into_scalar().elem::<f64>().sqrt())
    }
}
