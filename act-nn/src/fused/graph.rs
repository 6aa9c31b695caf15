//! The operations as nodes of burn's autodiff graph.
//!
//! Each has a rule, the state that its forward pass keeps and the gradients it gives to the
//! operation's inputs (its parents, counted from 0 in the order of the arguments).

mod quantize;

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use act_core::Activation;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops as Node, OpsKind};
use burn::backend::ndarray::NdArrayTensor;
use burn::tensor::backend::BackendTypes;
use burn::tensor::{Tensor, TensorMetadata, TensorPrimitive};

use super::{Cpu, Graph, add_rows, columns, matrix, owned, pick_rows, primitive, slice, slice_mut};
use crate::backend::Ops;
use crate::dropout::Dropout;
use crate::kernels::{attention, gelu, linear, norm, relations, sum};
use crate::shapes::{AttentionShape, RelationShape};

/// A tensor of the graph.
type Recorded = <Graph as BackendTypes>::FloatTensorPrimitive;

/// The backward pass of an operation with `N` inputs.
trait Rule<const N: usize>: Clone + Debug + Send + 'static {
    /// Gives every parent its gradient, from that of the result.
    fn backward(self, dy: &[f32], parents: &mut Parents<'_, N>);
}

/// Makes a node of a [`Rule`].
#[derive(Debug)]
struct Fused<R>(PhantomData<R>);

impl<R: Rule<N>, const N: usize> Backward<Cpu, N> for Fused<R> {
    type State = R;

    fn backward(self, node: Node<R, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Cpu>(&node.node);
        let parents = node.parents.map(|parent| {
            parent.map(|node| Recorded {
                rc: Arc::new(node.id),
                primitive: gradient.clone(),
                node,
            })
        });
        let mut parents = Parents { parents, gradients };
        node.state.backward(&slice(&gradient), &mut parents);
    }
}

/// Records an operation: `compute` gives the result and the rule. Without a tracked input the
/// rule is forgotten.
fn record<R: Rule<N>, const N: usize>(
    inputs: [&Recorded; N],
    compute: impl FnOnce() -> (NdArrayTensor, R),
) -> Tensor<Graph, 2> {
    let nodes = inputs.map(|input| input.node.clone());
    let operation = Fused(PhantomData).prepare::<NoCheckpointing>(nodes);
    let (output, rule) = compute();
    let output = match operation.compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(rule, output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Tensor::from_primitive(TensorPrimitive::Float(output))
}

/// The inputs of an operation, as takers of gradients.
struct Parents<'a, const N: usize> {
    /// `None`: wants no gradient. (Only the nodes matter, not the tensors' values.)
    parents: [Option<Recorded>; N],
    gradients: &'a mut Gradients,
}

impl<const N: usize> Parents<'_, N> {
    /// Adds to the gradient of a parent, if it wants one. `Gradients::register` would add with
    /// burn's own operation; this adds in place.
    fn give(&mut self, parent: usize, columns: usize, gradient: impl FnOnce() -> Vec<f32>) {
        self.give_tensor(parent, || matrix(gradient(), columns));
    }

    fn give_tensor(&mut self, parent: usize, gradient: impl FnOnce() -> NdArrayTensor) {
        let Some(parent) = &self.parents[parent] else {
            return;
        };
        let gradient = gradient();
        let sum = match self.gradients.remove::<Cpu>(parent) {
            None => gradient,
            Some(other) => {
                let mut sum = owned(other);
                sum::add_to(slice_mut(&mut sum), &slice(&gradient));
                sum.into()
            }
        };
        self.gradients.register::<Cpu>(parent.node.id, sum);
    }
}

#[derive(Debug, Clone)]
struct Affine {
    x: NdArrayTensor,
    weight: NdArrayTensor,
}

impl Rule<3> for Affine {
    fn backward(self, dy: &[f32], parents: &mut Parents<'_, 3>) {
        let [outputs, inputs] = [self.weight.shape()[0], self.weight.shape()[1]];
        let (x, weight) = (slice(&self.x), slice(&self.weight));
        parents.give(0, inputs, || linear::input_gradient(dy, &weight, outputs));
        parents.give(1, inputs, || linear::weight_gradient(dy, &x, outputs));
        parents.give(2, outputs, || linear::bias_gradient(dy, outputs));
    }
}

#[derive(Debug, Clone)]
struct Activate {
    derivative: Arc<Vec<f32>>,
    columns: usize,
}

impl Rule<1> for Activate {
    fn backward(self, dy: &[f32], parents: &mut Parents<'_, 1>) {
        parents.give(0, self.columns, || gelu::multiply(dy, &self.derivative));
    }
}

#[derive(Debug, Clone)]
struct Drop {
    dropout: Dropout,
    columns: usize,
}

impl Rule<1> for Drop {
    fn backward(self, dy: &[f32], parents: &mut Parents<'_, 1>) {
        parents.give(0, self.columns, || {
            norm::masked(dy, self.columns, &self.dropout)
        });
    }
}

#[derive(Debug, Clone)]
struct AddNorm {
    saved: Arc<norm::Saved>,
    gamma: NdArrayTensor,
    dropout: Dropout,
}

impl Rule<4> for AddNorm {
    fn backward(self, dy: &[f32], parents: &mut Parents<'_, 4>) {
        let gamma = slice(&self.gamma);
        let width = gamma.len();
        let (dx, dgamma, dbeta) = norm::backward(dy, &self.saved, &gamma);
        parents.give(2, width, || dgamma);
        parents.give(3, width, || dbeta);
        let dx = matrix(dx, width);
        parents.give_tensor(0, || {
            if self.dropout.is_off() {
                return dx.clone();
            }
            matrix(norm::masked(&slice(&dx), width, &self.dropout), width)
        });
        parents.give_tensor(1, || dx);
    }
}

#[derive(Debug, Clone)]
struct Attend {
    inputs: [NdArrayTensor; 3],
    probabilities: Arc<Vec<f32>>,
    shape: AttentionShape,
    dropout: Dropout,
}

impl Rule<3> for Attend {
    fn backward(self, dy: &[f32], parents: &mut Parents<'_, 3>) {
        let [q, k, v] = &self.inputs;
        let inputs = (&*slice(q), &*slice(k), &*slice(v));
        let (shape, probabilities) = (&self.shape, &self.probabilities);
        let gradients = attention::backward(dy, inputs, probabilities, shape, &self.dropout);
        for (parent, gradient) in gradients.into_iter().enumerate() {
            parents.give(parent, shape.width(), || gradient);
        }
    }
}

/// The gradient is known with the value; only its scale comes from behind.
#[derive(Debug, Clone)]
struct Relate {
    gradient: Arc<Vec<f32>>,
    columns: usize,
}

impl Rule<1> for Relate {
    fn backward(self, dy: &[f32], parents: &mut Parents<'_, 1>) {
        parents.give(0, self.columns, || {
            self.gradient.iter().map(|g| g * dy[0]).collect()
        });
    }
}

#[derive(Debug, Clone)]
struct Rows {
    indices: Arc<[u32]>,
    shape: [usize; 2],
}

impl Rule<1> for Rows {
    fn backward(self, dy: &[f32], parents: &mut Parents<'_, 1>) {
        let [rows, columns] = self.shape;
        parents.give(0, columns, || {
            let mut dx = vec![0.0; rows * columns];
            add_rows(&mut dx, &self.indices, dy, columns);
            dx
        });
    }
}

impl Ops for Graph {
    fn affine(x: Tensor<Self, 2>, w: Tensor<Self, 2>, b: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let [x, w, b] = [x, w, b].map(primitive);
        record([&x, &w, &b], || {
            let bias = slice(&b.primitive);
            let y = linear::forward(&slice(&x.primitive), &slice(&w.primitive), &bias);
            let (x, weight) = (x.primitive.clone(), w.primitive.clone());
            (matrix(y, bias.len()), Affine { x, weight })
        })
    }

    fn activate(x: Tensor<Self, 2>, activation: Activation) -> Tensor<Self, 2> {
        let x = primitive(x);
        let columns = columns(&x.primitive);
        record([&x], || {
            let (y, derivative) = match activation {
                Activation::Gelu => gelu::gelu_and_derivative(&slice(&x.primitive)),
                Activation::Relu => gelu::relu_and_derivative(&slice(&x.primitive)),
                Activation::GeluTanh => gelu::gelu_tanh_and_derivative(&slice(&x.primitive)),
            };
            let derivative = Arc::new(derivative);
            (
                matrix(y, columns),
                Activate {
                    derivative,
                    columns,
                },
            )
        })
    }

    fn tanh(x: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let x = primitive(x);
        let columns = columns(&x.primitive);
        record([&x], || {
            let (y, derivative) = gelu::tanh_and_derivative(&slice(&x.primitive));
            let derivative = Arc::new(derivative);
            let rule = Activate {
                derivative,
                columns,
            };
            (matrix(y, columns), rule)
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
        record([&x, &r, &g, &b], || {
            let gamma = g.primitive.clone();
            let [x, r, g, b] = [&x, &r, &g, &b].map(|t| slice(&t.primitive));
            let (y, saved) = norm::forward(&x, &r, &g, &b, eps, &dropout);
            let saved = Arc::new(saved);
            (
                matrix(y, g.len()),
                AddNorm {
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
        record([&x], || {
            let y = norm::masked(&slice(&x.primitive), columns, &dropout);
            (matrix(y, columns), Drop { dropout, columns })
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
        record([&q, &k, &v], || {
            let inputs = [&q, &k, &v].map(|t| t.primitive.clone());
            let [q, k, v] = [&q, &k, &v].map(|t| slice(&t.primitive));
            let (y, probabilities) = attention::forward(&q, &k, &v, shape, &dropout);
            let probabilities = Arc::new(probabilities);
            let y = matrix(y, shape.width());
            let shape = shape.clone();
            (
                y,
                Attend {
                    inputs,
                    probabilities,
                    shape,
                    dropout,
                },
            )
        })
    }

    fn relations(
        student: Tensor<Self, 2>,
        teacher: Tensor<Self, 2>,
        shape: &RelationShape,
    ) -> Tensor<Self, 2> {
        let [student, teacher] = [student, teacher].map(primitive);
        let columns = columns(&student.primitive);
        record([&student], || {
            let (student, teacher) = (slice(&student.primitive), slice(&teacher.primitive));
            let (divergence, gradient) = relations::divergence(&student, &teacher, shape);
            let gradient = Arc::new(gradient);
            (matrix(vec![divergence], 1), Relate { gradient, columns })
        })
    }

    fn rows(x: Tensor<Self, 2>, indices: &[u32]) -> Tensor<Self, 2> {
        let x = primitive(x);
        let shape = [x.primitive.shape()[0], columns(&x.primitive)];
        record([&x], || {
            let y = pick_rows(&x.primitive, indices);
            (
                y,
                Rows {
                    indices: indices.into(),
                    shape,
                },
            )
        })
    }
}
