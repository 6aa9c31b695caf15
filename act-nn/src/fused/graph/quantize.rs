//! Fake quantisation as nodes of the graph.

use super::*;
use crate::kernels::quantize::{self, Levels};
use crate::quantize::ops::QuantizeOps;

#[derive(Debug, Clone)]
struct FakeQuantize {
    x: NdArrayTensor,
    step: f32,
    levels: Levels,
}

impl Rule<2> for FakeQuantize {
    fn backward(self, dy: &[f32], parents: &mut Parents<'_, 2>) {
        let (x, columns) = (slice(&self.x), columns(&self.x));
        let (dx, dstep) = quantize::static_gradients(&x, dy, columns, self.step, self.levels);
        parents.give(0, columns, || dx);
        parents.give(1, 1, || vec![dstep]);
    }
}

/// Gives the gradient on as it is.
#[derive(Debug, Clone)]
struct StraightThrough {
    columns: usize,
}

impl Rule<1> for StraightThrough {
    fn backward(self, dy: &[f32], parents: &mut Parents<'_, 1>) {
        parents.give(0, self.columns, || dy.to_vec());
    }
}

impl QuantizeOps for Graph {
    fn fake_quantize(x: Tensor<Self, 2>, step: Tensor<Self, 2>, levels: Levels) -> Tensor<Self, 2> {
        let [x, step] = [x, step].map(primitive);
        record([&x, &step], || {
            let step = slice(&step.primitive)[0];
            let x = x.primitive.clone();
            let y = quantize::static_steps(&slice(&x), step, levels);
            (matrix(y, columns(&x)), FakeQuantize { x, step, levels })
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
