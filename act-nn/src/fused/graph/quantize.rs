//! Fake quantisation as nodes of the graph.

use super::*;
use crate::kernels::linear::InputUnits;
use crate::kernels::quantize::{self, Levels};
use crate::quantize::ops::QuantizeOps;

#[derive(Debug, Clone)]
struct FakeQuantize {
    x: NdArrayTensor,
    steps: Vec<f32>,
    levels: Levels,
}

impl Rule<Cpu, 2> for FakeQuantize {
    fn backward(self, dy: NdArrayTensor, parents: &mut Parents<'_, Cpu, 2>) {
        let dy = &*slice(&dy);
        let (x, columns) = (slice(&self.x), columns(&self.x));
        let (dx, dsteps) = quantize::static_gradients(&x, dy, columns, &self.steps, self.levels);
        give(parents, 0, columns, || dx);
        give(parents, 1, self.steps.len(), || dsteps);
    }
}

/// Gives the gradient on as it is.
#[derive(Debug, Clone)]
struct StraightThrough {
    columns: usize,
}

impl Rule<Cpu, 1> for StraightThrough {
    fn backward(self, dy: NdArrayTensor, parents: &mut Parents<'_, Cpu, 1>) {
        let dy = &*slice(&dy);
        give(parents, 0, self.columns, || dy.to_vec());
    }
}

impl QuantizeOps for Graph {
    const INTEGERS: bool = true;

    fn affine_in_integers(
        x: Tensor<Self, 2>,
        weight: Tensor<Self, 2>,
        bias: Tensor<Self, 2>,
        inputs: InputUnits<'_>,
        steps: &[f32],
    ) -> Tensor<Self, 2> {
        let [x, w, b] = [x, weight, bias].map(primitive);
        record([&x, &w, &b], || {
            let (x, weight) = (x.primitive.clone(), w.primitive.clone());
            let bias = slice(&b.primitive);
            let y = linear::forward_in_integers(&slice(&x), &slice(&weight), &bias, inputs, steps);
            (matrix(y, bias.len()), Affine { x, weight })
        })
    }

    fn row_peaks(x: &Tensor<Self, 2>) -> Vec<f32> {
        let x = primitive(x.clone()).primitive;
        quantize::row_peaks(&slice(&x), columns(&x))
    }

    fn fake_quantize(x: Tensor<Self, 2>, step: Tensor<Self, 2>, levels: Levels) -> Tensor<Self, 2> {
        let [x, step] = [x, step].map(primitive);
        record([&x, &step], || {
            let steps = slice(&step.primitive).to_vec();
            let x = x.primitive.clone();
            let y = quantize::static_steps(&slice(&x), columns(&x), &steps, levels);
            (matrix(y, columns(&x)), FakeQuantize { x, steps, levels })
        })
    }

    fn fake_quantize_rows(x: Tensor<Self, 2>, levels: Levels) -> Tensor<Self, 2> {
        let x = primitive(x);
        let columns = columns(&x.primitive);
        record([&x], || {
            let y = quantize::row_steps(&slice(&x.primitive), columns, levels);
            (matrix(y, columns), StraightThrough { columns })
        })
    }
}
