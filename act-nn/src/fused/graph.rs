//! The operations as nodes of burn's autodiff graph.

mod quantize;

use std::sync::Arc;

use act_core::Activation;
use burn::backend::ndarray::NdArrayTensor;
use burn::tensor::{Tensor, TensorMetadata};

use super::{Cpu, Graph, add_rows, columns, matrix, pick_rows, slice};
use crate::backend::Ops;
use crate::dropout::Dropout;
use crate::kernels::{attention, gelu, linear, norm, relations, rotary};
use crate::recorded::{Parents, Rule, primitive, record};
use crate::shapes::{AttentionShape, RelationShape, Turns};

/// Adds numbers to the gradient of a parent, if it wants one.
fn give<const N: usize>(
    parents: &mut Parents<'_, Cpu, N>,
    parent: usize,
    columns: usize,
    gradient: impl FnOnce() -> Vec<f32>,
) {
    parents.give(parent, || matrix(gradient(), columns));
}

#[derive(Debug, Clone)]
struct Affine {
    x: NdArrayTensor,
    weight: NdArrayTensor,
}

impl Rule<Cpu, 3> for Affine {
    fn backward(self, dy: NdArrayTensor, parents: &mut Parents<'_, Cpu, 3>) {
        let dy = &*slice(&dy);
        let [outputs, inputs] = [self.weight.shape()[0], self.weight.shape()[1]];
        let (x, weight) = (slice(&self.x), slice(&self.weight));
        give(parents, 0, inputs, || {
            linear::input_gradient(dy, &weight, outputs)
        });
        give(parents, 1, inputs, || {
            linear::weight_gradient(dy, &x, outputs)
        });
        give(parents, 2, outputs, || linear::bias_gradient(dy, outputs));
    }
}

#[derive(Debug, Clone)]
struct Activate {
    derivative: Arc<Vec<f32>>,
    columns: usize,
}

impl Rule<Cpu, 1> for Activate {
    fn backward(self, dy: NdArrayTensor, parents: &mut Parents<'_, Cpu, 1>) {
        let dy = &*slice(&dy);
        give(parents, 0, self.columns, || {
            gelu::multiply(dy, &self.derivative)
        });
    }
}

#[derive(Debug, Clone)]
struct Drop {
    dropout: Dropout,
    columns: usize,
}

impl Rule<Cpu, 1> for Drop {
    fn backward(self, dy: NdArrayTensor, parents: &mut Parents<'_, Cpu, 1>) {
        let dy = &*slice(&dy);
        give(parents, 0, self.columns, || {
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

impl Rule<Cpu, 4> for AddNorm {
    fn backward(self, dy: NdArrayTensor, parents: &mut Parents<'_, Cpu, 4>) {
        let dy = &*slice(&dy);
        let gamma = slice(&self.gamma);
        let width = gamma.len();
        let (dx, dgamma, dbeta) = norm::backward(dy, &self.saved, &gamma);
        give(parents, 2, width, || dgamma);
        give(parents, 3, width, || dbeta);
        let dx = matrix(dx, width);
        parents.give(0, || {
            if self.dropout.is_off() {
                return dx.clone();
            }
            matrix(norm::masked(&slice(&dx), width, &self.dropout), width)
        });
        parents.give(1, || dx);
    }
}

#[derive(Debug, Clone)]
struct Attend {
    inputs: [NdArrayTensor; 3],
    probabilities: Arc<Vec<f32>>,
    shape: AttentionShape,
    dropout: Dropout,
}

impl Rule<Cpu, 3> for Attend {
    fn backward(self, dy: NdArrayTensor, parents: &mut Parents<'_, Cpu, 3>) {
        let dy = &*slice(&dy);
        let [q, k, v] = &self.inputs;
        let inputs = (&*slice(q), &*slice(k), &*slice(v));
        let (shape, probabilities) = (&self.shape, &self.probabilities);
        let gradients = attention::backward(dy, inputs, probabilities, shape, &self.dropout);
        for (parent, gradient) in gradients.into_iter().enumerate() {
            give(parents, parent, shape.width(), || gradient);
        }
    }
}

#[derive(Debug, Clone)]
struct Turn {
    turns: Turns,
    columns: usize,
}

impl Rule<Cpu, 1> for Turn {
    fn backward(self, dy: NdArrayTensor, parents: &mut Parents<'_, Cpu, 1>) {
        let (dy, turns) = (&*slice(&dy), &self.turns);
        give(parents, 0, self.columns, || {
            rotary::turned(dy, &turns.rows, turns.head_dim, -1.0)
        });
    }
}

/// The gradient is known with the value; only its scale comes from behind.
#[derive(Debug, Clone)]
struct Relate {
    gradient: Arc<Vec<f32>>,
    columns: usize,
}

impl Rule<Cpu, 1> for Relate {
    fn backward(self, dy: NdArrayTensor, parents: &mut Parents<'_, Cpu, 1>) {
        let dy = &*slice(&dy);
        give(parents, 0, self.columns, || {
            self.gradient.iter().map(|g| g * dy[0]).collect()
        });
    }
}

#[derive(Debug, Clone)]
struct Rows {
    indices: Arc<[u32]>,
    shape: [usize; 2],
}

impl Rule<Cpu, 1> for Rows {
    fn backward(self, dy: NdArrayTensor, parents: &mut Parents<'_, Cpu, 1>) {
        let dy = &*slice(&dy);
        let [rows, columns] = self.shape;
        give(parents, 0, columns, || {
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

    fn turn(x: Tensor<Self, 2>, turns: &Turns) -> Tensor<Self, 2> {
        let x = primitive(x);
        let columns = columns(&x.primitive);
        record([&x], || {
            let turns = turns.clone();
            let y = rotary::turned(&slice(&x.primitive), &turns.rows, turns.head_dim, 1.0);
            (matrix(y, columns), Turn { turns, columns })
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
