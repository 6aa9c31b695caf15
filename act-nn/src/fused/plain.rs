//! The operations without gradients, and those that change values in place.

mod quantize;

use act_core::Activation;
use burn::backend::ndarray::NdArrayTensor;
use burn::tensor::{Tensor, TensorPrimitive};

use super::{Cpu, add_rows, columns, matrix, owned, pick_rows, slice, slice_mut};
use crate::backend::Ops;
use crate::dropout::Dropout;
use crate::kernels::{attention, gelu, linear, norm, relations, rotary, sum, update};
use crate::recorded::primitive;
use crate::shapes::{AttentionShape, RelationShape, Turns};
use crate::update::{Slot, Update};

fn tensor(primitive: NdArrayTensor) -> Tensor<Cpu, 2> {
    Tensor::from_primitive(TensorPrimitive::Float(primitive))
}

impl Ops for Cpu {
    fn affine(x: Tensor<Self, 2>, w: Tensor<Self, 2>, b: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let [x, w, b] = [x, w, b].map(primitive);
        tensor(matrix(
            linear::forward(&slice(&x), &slice(&w), &slice(&b)),
            columns(&b),
        ))
    }

    fn activate(x: Tensor<Self, 2>, activation: Activation) -> Tensor<Self, 2> {
        let x = primitive(x);
        let y = match activation {
            Activation::Gelu => gelu::gelu(&slice(&x)),
            Activation::Relu => gelu::relu(&slice(&x)),
            Activation::GeluTanh => gelu::gelu_tanh(&slice(&x)),
        };
        tensor(matrix(y, columns(&x)))
    }

    fn tanh(x: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let x = primitive(x);
        tensor(matrix(gelu::tanh(&slice(&x)), columns(&x)))
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
        let (y, _) = norm::forward(
            &slice(&x),
            &slice(&r),
            &slice(&g),
            &slice(&b),
            eps,
            &dropout,
        );
        tensor(matrix(y, columns(&g)))
    }

    fn dropout(x: Tensor<Self, 2>, dropout: Dropout) -> Tensor<Self, 2> {
        if dropout.is_off() {
            return x;
        }
        let x = primitive(x);
        let columns = columns(&x);
        tensor(matrix(norm::masked(&slice(&x), columns, &dropout), columns))
    }

    fn turn(x: Tensor<Self, 2>, turns: &Turns) -> Tensor<Self, 2> {
        let x = primitive(x);
        let y = rotary::turned(&slice(&x), &turns.rows, turns.head_dim, 1.0);
        tensor(matrix(y, columns(&x)))
    }

    fn attend(
        q: Tensor<Self, 2>,
        k: Tensor<Self, 2>,
        v: Tensor<Self, 2>,
        shape: &AttentionShape,
        dropout: Dropout,
    ) -> Tensor<Self, 2> {
        let [q, k, v] = [q, k, v].map(primitive);
        let (y, _) = attention::forward(&slice(&q), &slice(&k), &slice(&v), shape, &dropout);
        tensor(matrix(y, shape.width()))
    }

    fn relations(
        student: Tensor<Self, 2>,
        teacher: Tensor<Self, 2>,
        shape: &RelationShape,
    ) -> Tensor<Self, 2> {
        let [student, teacher] = [student, teacher].map(primitive);
        let (divergence, _) = relations::divergence(&slice(&student), &slice(&teacher), shape);
        tensor(matrix(vec![divergence], 1))
    }

    fn rows(x: Tensor<Self, 2>, indices: &[u32]) -> Tensor<Self, 2> {
        tensor(pick_rows(&primitive(x), indices))
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
        tensor(total.expect("an embedding has at least one table"))
    }

    fn add_rows(table: Tensor<Self, 2>, ids: &[u32], rows: &Tensor<Self, 2>) -> Tensor<Self, 2> {
        let rows = primitive(rows.clone());
        let width = columns(&rows);
        let mut table = owned(primitive(table));
        add_rows(slice_mut(&mut table), ids, &slice(&rows), width);
        tensor(table.into())
    }

    fn add_to(a: Tensor<Self, 2>, b: &Tensor<Self, 2>) -> Tensor<Self, 2> {
        let (mut a, b) = (owned(primitive(a)), primitive(b.clone()));
        sum::add_to(slice_mut(&mut a), &slice(&b));
        tensor(a.into())
    }

    fn sum_of_squares(x: &Tensor<Self, 2>) -> f64 {
        let x = primitive(x.clone());
        sum::squares(&slice(&x))
    }

    fn update(slot: Slot<Self>, gradient: &Tensor<Self, 2>, update: &Update) -> Slot<Self> {
        let gradient = primitive(gradient.clone());
        let g = slice(&gradient);
        let mut value = owned(primitive(slot.value));
        let moments = slot.moments.into_iter().map(|t| owned(primitive(t)));
        let mut moments: Vec<_> = moments.collect();
        let mut state: Vec<&mut [f32]> = moments.iter_mut().map(slice_mut).collect();
        update::update(slice_mut(&mut value), &g, &mut state, update);
        Slot {
            value: tensor(value.into()),
            moments: moments.into_iter().map(|m| tensor(m.into())).collect(),
        }
    }
}
