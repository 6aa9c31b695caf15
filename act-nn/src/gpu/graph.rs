//! The operations with their backward passes.

use act_core::Activation;
use burn::tensor::Tensor;
use burn_cubecl::CubeRuntime;
use burn_cubecl::tensor::CubeTensor;

use super::kernels::dropout::Masks;
use super::kernels::{activation, affine, dropout, norm, rows, size, sums};
use super::{Attention, Gpu, Graph, tensor};
use crate::backend::{Ops, padded};
use crate::dropout::Dropout;
use crate::quantize::ops::QuantizeOps;
use crate::recorded::{Parents, Rule, primitive, record};
use crate::shapes::AttentionShape;

#[derive(Debug, Clone)]
struct Affine<R: CubeRuntime> {
    /// In the type of the product, as the weight.
    x: CubeTensor<R>,
    weight: CubeTensor<R>,
}

impl<R: CubeRuntime> Rule<Gpu<R>, 3> for Affine<R> {
    fn backward(self, dy: CubeTensor<R>, parents: &mut Parents<'_, Gpu<R>, 3>) {
        parents.give(2, || sums::columns(dy.clone()));
        let dy = affine::cast(dy, self.weight.dtype);
        parents.give(0, || affine::product(dy.clone(), self.weight));
        parents.give(1, || affine::product(affine::transposed(dy), self.x));
    }
}

#[derive(Debug, Clone)]
struct Activate<R: CubeRuntime> {
    x: CubeTensor<R>,
    activation: Activation,
}

impl<R: CubeRuntime> Rule<Gpu<R>, 1> for Activate<R> {
    fn backward(self, dy: CubeTensor<R>, parents: &mut Parents<'_, Gpu<R>, 1>) {
        parents.give(0, || activation::gradient(self.x, dy, self.activation));
    }
}

#[derive(Debug, Clone)]
struct Drop<R: CubeRuntime>(Masks<R>);

impl<R: CubeRuntime> Rule<Gpu<R>, 1> for Drop<R> {
    fn backward(self, dy: CubeTensor<R>, parents: &mut Parents<'_, Gpu<R>, 1>) {
        parents.give(0, || dropout::masked(dy, &self.0));
    }
}

#[derive(Debug, Clone)]
struct AddNorm<R: CubeRuntime> {
    saved: norm::Saved<R>,
    gamma: CubeTensor<R>,
    masks: Masks<R>,
}

impl<R: CubeRuntime> Rule<Gpu<R>, 4> for AddNorm<R> {
    fn backward(self, dy: CubeTensor<R>, parents: &mut Parents<'_, Gpu<R>, 4>) {
        let [of_beta, of_gamma] = sums::columns_and_product(dy.clone(), self.saved.normal.clone());
        parents.give(2, || of_gamma);
        parents.give(3, || of_beta);
        let [of_branch, of_residual] = norm::backward(dy, &self.saved, self.gamma, &self.masks);
        parents.give(0, || of_branch);
        parents.give(1, || of_residual);
    }
}

impl<R: CubeRuntime> Rule<Gpu<R>, 3> for Attention<R> {
    fn backward(self, dy: CubeTensor<R>, parents: &mut Parents<'_, Gpu<R>, 3>) {
        for (parent, gradient) in Attention::backward(self, dy).into_iter().enumerate() {
            parents.give(parent, || gradient);
        }
    }
}

#[derive(Debug, Clone)]
struct Rows {
    indices: Vec<u32>,
    shape: [usize; 2],
}

impl<R: CubeRuntime> Rule<Gpu<R>, 1> for Rows {
    fn backward(self, dy: CubeTensor<R>, parents: &mut Parents<'_, Gpu<R>, 1>) {
        parents.give(0, || {
            let zeros = Tensor::<Gpu<R>, 2>::zeros(self.shape, &dy.device);
            rows::add(primitive(zeros), &self.indices, dy)
        });
    }
}

impl<R: CubeRuntime> QuantizeOps for Graph<R> {}

impl<R: CubeRuntime> Ops for Graph<R> {
    fn affine(x: Tensor<Self, 2>, w: Tensor<Self, 2>, b: Tensor<Self, 2>) -> Tensor<Self, 2> {
        let [x, w, b] = [x, w, b].map(primitive);
        record([&x, &w, &b], || {
            let weight = w.primitive.clone();
            let (y, x) = super::affine(x.primitive.clone(), weight.clone(), b.primitive.clone());
            (y, Affine { x, weight })
        })
    }

    fn activate(x: Tensor<Self, 2>, activation: Activation) -> Tensor<Self, 2> {
        let x = primitive(x);
        record([&x], || {
            let x = x.primitive.clone();
            let y = activation::activate(x.clone(), activation);
            (y, Activate { x, activation })
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
            let masks = Masks::new(&dropout, &x.primitive);
            let [x, r, gamma, b] = [&x, &r, &g, &b].map(|t| t.primitive.clone());
            let (y, saved) = norm::forward([x, r], [gamma.clone(), b], eps, &masks);
            let rule = AddNorm {
                saved,
                gamma,
                masks,
            };
            (y, rule)
        })
    }

    fn dropout(x: Tensor<Self, 2>, dropout: Dropout) -> Tensor<Self, 2> {
        if dropout.is_off() {
            return x;
        }
        let x = primitive(x);
        record([&x], || {
            let masks = Masks::new(&dropout, &x.primitive);
            (dropout::masked(x.primitive.clone(), &masks), Drop(masks))
        })
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
        let [q, k, v] = [q, k, v].map(primitive);
        record([&q, &k, &v], || {
            let inputs = [&q, &k, &v].map(|t| t.primitive.clone());
            Attention::new(inputs, shape, &dropout)
        })
    }

    fn rows(x: Tensor<Self, 2>, indices: &[u32]) -> Tensor<Self, 2> {
        let x = primitive(x);
        record([&x], || {
            let shape = size(&x.primitive);
            let y = Gpu::<R>::rows(tensor(x.primitive.clone()), indices);
            let rule = Rows {
                indices: indices.to_vec(),
                shape,
            };
            (primitive(y), rule)
        })
    }
}
