//! The CPU backend's operations: fused kernels on slices, each one node of the autodiff graph.
//!
//! The same operations as [`crate::backend`]'s default bodies, with a hand-written backward pass
//! where burn would chain many elementary ones, each with a pass over memory and an allocation.

use std::borrow::Cow;
use std::sync::Arc;

use act_core::Activation;
use burn::backend::NdArray;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops as Node, OpsKind};
use burn::backend::autodiff::{Autodiff, NodeId, checkpoint::strategy::NoCheckpointing};
use burn::backend::ndarray::{NdArrayTensor, SharedArray};
use burn::tensor::{Tensor, TensorMetadata, TensorPrimitive};

use crate::backend::{ActBackend, AttentionShape, Ops, Slot};
use crate::dropout::Dropout;
use crate::kernels::{adamw, attention, gelu, linear, norm, sum};
use crate::optim::AdamWStep;

type Cpu = NdArray;
type Graph = Autodiff<Cpu>;

/// The numbers of a tensor; copied only if they do not lie row by row.
fn slice(tensor: &NdArrayTensor) -> Cow<'_, [f32]> {
    let NdArrayTensor::F32(storage) = tensor else {
        unreachable!("the encoder computes in f32 only");
    };
    let view = storage.view();
    match view.to_slice() {
        Some(slice) => Cow::Borrowed(slice),
        None => Cow::Owned(view.iter().copied().collect()),
    }
}

/// The numbers of a tensor row by row, to be changed in place; copied if somebody else holds them.
fn owned(tensor: NdArrayTensor) -> SharedArray<f32> {
    let NdArrayTensor::F32(storage) = tensor else {
        unreachable!("the encoder computes in f32 only");
    };
    let array = storage.into_owned();
    match array.is_standard_layout() {
        true => array,
        false => array.as_standard_layout().into_owned().into_shared(),
    }
}

fn slice_mut(array: &mut SharedArray<f32>) -> &mut [f32] {
    array
        .as_slice_mut()
        .expect("`owned` gives the standard layout")
}

/// A tensor of `[values / columns, columns]`.
fn matrix(values: Vec<f32>, columns: usize) -> NdArrayTensor {
    let rows = values.len() / columns;
    SharedArray::from_shape_vec(vec![rows, columns], values)
        .expect("rows * columns is the number of values")
        .into()
}

fn columns(tensor: &NdArrayTensor) -> usize {
    tensor.shape()[1]
}

/// A plain tensor from its primitive.
fn plain(primitive: NdArrayTensor) -> Tensor<Cpu, 2> {
    Tensor::from_primitive(TensorPrimitive::Float(primitive))
}

/// The primitive of a plain or recorded tensor.
fn primitive<B: burn::tensor::backend::Backend>(tensor: Tensor<B, 2>) -> B::FloatTensorPrimitive {
    tensor.into_primitive().tensor()
}

/// Records an operation: `outcome` gives the result and what the backward pass needs. An
/// operation none of whose inputs is tracked forgets the latter.
macro_rules! record {
    ($backward:expr, [$($parent:ident),+], $outcome:expr) => {{
        let nodes = [$($parent.node.clone()),+];
        let output = match $backward.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (output, state) = $outcome;
                prep.finish(state, output)
            }
            OpsKind::UnTracked(prep) => {
                let (output, _) = $outcome;
                prep.finish(output)
            }
        };
        Tensor::from_primitive(TensorPrimitive::Float(output))
    }};
}

/// Adds to the gradient of a parent, if it wants one.
fn give(grads: &mut Gradients, parent: Option<NodeId>, gradient: impl FnOnce() -> NdArrayTensor) {
    if let Some(id) = parent {
        grads.register::<Cpu>(id, gradient());
    }
}

/// Implements the backward pass of an operation: takes the gradient of its result and gives those
/// of its parents.
macro_rules! backward {
    (
        $op:ident, $n:literal, $state:ty,
        |$s:ident, $dy:ident, $parents:ident, $grads:ident| $body:block
    ) => {
        #[derive(Debug)]
        struct $op;

        impl Backward<Cpu, $n> for $op {
            type State = $state;

            fn backward(
                self,
                node: Node<$state, $n>,
                $grads: &mut Gradients,
                _: &mut Checkpointer,
            ) {
                let gradient = $grads.consume::<Cpu>(&node.node);
                let $dy = slice(&gradient);
                let $parents = node.parents.map(|p| p.map(|p| p.id));
                let $s = node.state;
                $body
            }
        }
    };
}

backward!(
    LinearNode,
    3,
    [NdArrayTensor; 2],
    |state, dy, parents, grads| {
        let [x, weight] = &state;
        let [outputs, inputs] = [weight.shape()[0], weight.shape()[1]];
        let [to_x, to_weight, to_bias] = parents;
        give(grads, to_x, || {
            matrix(linear::input_gradient(&dy, &slice(weight), outputs), inputs)
        });
        give(grads, to_weight, || {
            matrix(linear::weight_gradient(&dy, &slice(x), outputs), inputs)
        });
        give(grads, to_bias, || {
            matrix(linear::bias_gradient(&dy, outputs), outputs)
        });
    }
);

backward!(
    ActivateNode,
    1,
    (Arc<Vec<f32>>, usize),
    |state, dy, parents, grads| {
        let (derivative, columns) = state;
        let [to_x] = parents;
        give(grads, to_x, || {
            matrix(gelu::multiply(&dy, &derivative), columns)
        });
    }
);

backward!(
    DropoutNode,
    1,
    (Dropout, usize),
    |state, dy, parents, grads| {
        let (dropout, columns) = state;
        let [to_x] = parents;
        give(grads, to_x, || matrix(norm::masked(&dy, dropout), columns));
    }
);

#[derive(Debug, Clone)]
struct NormState {
    saved: Arc<norm::Saved>,
    gamma: NdArrayTensor,
    dropout: Dropout,
}

backward!(NormNode, 4, NormState, |state, dy, parents, grads| {
    let gamma = slice(&state.gamma);
    let width = gamma.len();
    let (dx, dgamma, dbeta) = norm::backward(&dy, &state.saved, &gamma);
    let [to_branch, to_residual, to_gamma, to_beta] = parents;
    let dx = matrix(dx, width);
    give(grads, to_branch, || match state.dropout.is_off() {
        true => dx.clone(),
        false => matrix(norm::masked(&slice(&dx), state.dropout), width),
    });
    give(grads, to_residual, || dx.clone());
    give(grads, to_gamma, || matrix(dgamma, width));
    give(grads, to_beta, || matrix(dbeta, width));
});

#[derive(Debug, Clone)]
struct AttentionState {
    inputs: [NdArrayTensor; 3],
    probabilities: Arc<Vec<f32>>,
    shape: AttentionShape,
    dropout: Dropout,
}

backward!(
    AttentionNode,
    3,
    AttentionState,
    |state, dy, parents, grads| {
        let [q, k, v] = &state.inputs;
        let inputs = (&*slice(q), &*slice(k), &*slice(v));
        let probabilities = &state.probabilities;
        let gradients =
            attention::backward(&dy, inputs, probabilities, &state.shape, state.dropout);
        for (parent, gradient) in parents.into_iter().zip(gradients) {
            give(grads, parent, || matrix(gradient, state.shape.width()));
        }
    }
);

backward!(
    RowsNode,
    1,
    (Arc<[u32]>, [usize; 2]),
    |state, dy, parents, grads| {
        let (indices, [rows, columns]) = state;
        let [to_x] = parents;
        give(grads, to_x, || {
            let mut dx = vec![0.0; rows * columns];
            add_rows(&mut dx, &indices, &dy, columns);
            matrix(dx, columns)
        });
    }
);

fn pick_rows(x: &NdArrayTensor, indices: &[u32]) -> NdArrayTensor {
    let columns = columns(x);
    let x = slice(x);
    let mut y = Vec::with_capacity(indices.len() * columns);
    for &i in indices {
        y.extend_from_slice(&x[i as usize * columns..][..columns]);
    }
    matrix(y, columns)
}

fn add_rows(x: &mut [f32], indices: &[u32], rows: &[f32], columns: usize) {
    for (&i, row) in indices.iter().zip(rows.chunks_exact(columns)) {
        let place = &mut x[i as usize * columns..][..columns];
        place.iter_mut().zip(row).for_each(|(p, r)| *p += r);
    }
}

impl Ops for Cpu {
    fn affine(x: Tensor<Self, 2>, w: Tensor<Self, 2>, b: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let [x, w, b] = [x, w, b].map(primitive);
        plain(matrix(
            linear::forward(&slice(&x), &slice(&w), &slice(&b)),
            columns(&b),
        ))
    }

    fn activate(x: Tensor<Self, 2>, activation: Activation) -> Tensor<Self, 2> {
        let x = primitive(x);
        let y = match activation {
            Activation::Gelu => gelu::gelu(&slice(&x)),
            Activation::Relu => gelu::relu(&slice(&x)),
        };
        plain(matrix(y, columns(&x)))
    }

    fn add_norm(
        branch: Tensor<Self, 2>,
        residual: Tensor<Self, 2>,
        gamma: Tensor<Self, 2>,
        beta: Tensor<Self, 2>,
        eps: f32,
        dropout: Dropout,
    ) -> Tensor<Self, 2> {
        let [x, r, g, b] = [branch, residual, gamma, beta].map(primitive);
        let (y, _) = norm::forward(&slice(&x), &slice(&r), &slice(&g), &slice(&b), eps, dropout);
        plain(matrix(y, columns(&g)))
    }

    fn dropout(x: Tensor<Self, 2>, dropout: Dropout) -> Tensor<Self, 2> {
        if dropout.is_off() {
            return x;
        }
        let x = primitive(x);
        plain(matrix(norm::masked(&slice(&x), dropout), columns(&x)))
    }

    fn attend(
        q: Tensor<Self, 2>,
        k: Tensor<Self, 2>,
        v: Tensor<Self, 2>,
        shape: &AttentionShape,
        dropout: Dropout,
    ) -> Tensor<Self, 2> {
        let [q, k, v] = [q, k, v].map(primitive);
        let (y, _) = attention::forward(&slice(&q), &slice(&k), &slice(&v), shape, dropout);
        plain(matrix(y, shape.width()))
    }

    fn rows(x: Tensor<Self, 2>, indices: &[u32]) -> Tensor<Self, 2> {
        plain(pick_rows(&primitive(x), indices))
    }

    fn embed(tables: &[(&Tensor<Self, 2>, &[u32])]) -> Tensor<Self, 2> {
        let parts = tables
            .iter()
            .map(|(t, ids)| pick_rows(&primitive((*t).clone()), ids));
        let total = parts.reduce(|total, part| {
            let mut total = owned(total);
            sum::add_to(slice_mut(&mut total), &slice(&part));
            total.into()
        });
        plain(total.expect("an embedding has at least one table"))
    }

    fn add_rows(table: Tensor<Self, 2>, ids: &[u32], rows: &Tensor<Self, 2>) -> Tensor<Self, 2> {
        let rows = primitive(rows.clone());
        let width = columns(&rows);
        let mut table = owned(primitive(table));
        add_rows(slice_mut(&mut table), ids, &slice(&rows), width);
        plain(table.into())
    }

    fn add_to(a: Tensor<Self, 2>, b: &Tensor<Self, 2>) -> Tensor<Self, 2> {
        let (mut a, b) = (owned(primitive(a)), primitive(b.clone()));
        sum::add_to(slice_mut(&mut a), &slice(&b));
        plain(a.into())
    }

    fn sum_of_squares(x: &Tensor<Self, 2>) -> f64 {
        let x = primitive(x.clone());
        sum::squares(&slice(&x))
    }

    fn adamw(slot: Slot<Self>, gradient: &Tensor<Self, 2>, step: &AdamWStep) -> Slot<Self> {
        let gradient = primitive(gradient.clone());
        let arrays = [slot.value, slot.first, slot.second];
        let [mut value, mut first, mut second] = arrays.map(|t| owned(primitive(t)));
        let [v, m1, m2] = [&mut value, &mut first, &mut second].map(slice_mut);
        adamw::update(v, &slice(&gradient), m1, m2, step);
        let [value, first, second] = [value, first, second].map(|a| plain(a.into()));
        Slot {
            value,
            first,
            second,
        }
    }
}

impl Ops for Graph {
    fn affine(x: Tensor<Self, 2>, w: Tensor<Self, 2>, b: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let [x, w, b] = [x, w, b].map(primitive);
        record!(LinearNode, [x, w, b], {
            let bias = slice(&b.primitive);
            let y = linear::forward(&slice(&x.primitive), &slice(&w.primitive), &bias);
            (
                matrix(y, bias.len()),
                [x.primitive.clone(), w.primitive.clone()],
            )
        })
    }

    fn activate(x: Tensor<Self, 2>, activation: Activation) -> Tensor<Self, 2> {
        let x = primitive(x);
        let columns = columns(&x.primitive);
        record!(ActivateNode, [x], {
            let (y, derivative) = match activation {
                Activation::Gelu => gelu::gelu_and_derivative(&slice(&x.primitive)),
                Activation::Relu => gelu::relu_and_derivative(&slice(&x.primitive)),
            };
            (matrix(y, columns), (Arc::new(derivative), columns))
        })
    }

    fn add_norm(
        branch: Tensor<Self, 2>,
        residual: Tensor<Self, 2>,
        gamma: Tensor<Self, 2>,
        beta: Tensor<Self, 2>,
        eps: f32,
        dropout: Dropout,
    ) -> Tensor<Self, 2> {
        let [x, r, g, b] = [branch, residual, gamma, beta].map(primitive);
        record!(NormNode, [x, r, g, b], {
            let [x, r, g, b] = [&x, &r, &g, &b].map(|t| slice(&t.primitive));
            let (y, saved) = norm::forward(&x, &r, &g, &b, eps, dropout);
            let saved = Arc::new(saved);
            let gamma = matrix(g.to_vec(), g.len());
            (
                matrix(y, g.len()),
                NormState {
                    saved,
                    gamma,
                    dropout,
                },
            )
        })
    }

    fn dropout(x: Tensor<Self, 2>, dropout: Dropout) -> Tensor<Self, 2> {
        if dropout.is_off() {
            return x;
        }
        let x = primitive(x);
        let columns = columns(&x.primitive);
        record!(DropoutNode, [x], {
            let y = norm::masked(&slice(&x.primitive), dropout);
            (matrix(y, columns), (dropout, columns))
        })
    }

    fn attend(
        q: Tensor<Self, 2>,
        k: Tensor<Self, 2>,
        v: Tensor<Self, 2>,
        shape: &AttentionShape,
        dropout: Dropout,
    ) -> Tensor<Self, 2> {
        let [q, k, v] = [q, k, v].map(primitive);
        record!(AttentionNode, [q, k, v], {
            let inputs = [&q, &k, &v].map(|t| t.primitive.clone());
            let [q, k, v] = [&q, &k, &v].map(|t| slice(&t.primitive));
            let (y, probabilities) = attention::forward(&q, &k, &v, shape, dropout);
            let state = AttentionState {
                inputs,
                probabilities: Arc::new(probabilities),
                shape: shape.clone(),
                dropout,
            };
            (matrix(y, shape.width()), state)
        })
    }

    fn rows(x: Tensor<Self, 2>, indices: &[u32]) -> Tensor<Self, 2> {
        let x = primitive(x);
        let shape = [x.primitive.shape()[0], columns(&x.primitive)];
        record!(RowsNode, [x], {
            (
                pick_rows(&x.primitive, indices),
                (Arc::<[u32]>::from(indices), shape),
            )
        })
    }
}

impl ActBackend for Cpu {
    type Graph = Graph;
    const THREADS: bool = true;
}
