//! The losses against PyTorch's, as tests/peers/losses_record.py has recorded them.

use std::sync::Arc;

use burn::backend::Autodiff;
use burn::tensor::Tensor;

use super::{hidden, labels, logits};
use crate::backend::Ops;
use crate::gradcheck::{Reference, to_f64};
use crate::objective::Rows;
use crate::shapes::RelationShape;
use crate::tensors::tensor;

type Graph = Autodiff<Reference>;

/// Name, value, and the gradient's product with `sin(0.9 i)`.
const RECORDED: &[(&str, f64, f64)] = &[
    ("labels", 5.28439673312, 0.067960228824),
    ("logits", 5.07241180368, 0.463453737209),
    ("soft labels", 2.18123619527, 0.266192429827),
    ("hidden", 5.56141667398, -0.47464529273),
    ("hidden, first tokens", 16.1264022669, -1.96388932009),
    ("relations", 3.99121014793, 0.284844128133),
];

fn values(seed: f64, shape: [usize; 2]) -> Tensor<Graph, 2> {
    let numbers: Vec<f64> = (0..shape[0] * shape[1])
        .map(|i| 2.0 * (1.7 * i as f64 + seed).sin())
        .collect();
    tensor(numbers, shape, &Default::default())
}

#[test]
fn losses_equal_those_recorded_from_pytorch() {
    let lengths = [3usize, 1, 2];
    let one_hot = |class: usize| (0..4).map(move |c| f64::from(u8::from(c == class)));
    let classes: Vec<f64> = [2, 0, 3].into_iter().flat_map(one_hot).collect();
    for &(name, value, slope) in RECORDED {
        let student = match name {
            "relations" => values(5.0, [6, 6]),
            "hidden" | "hidden, first tokens" => values(3.0, [6, 5]),
            _ => values(1.0, [3, 4]),
        };
        let student = student.require_grad();
        let (x, teacher) = (student.clone(), values(2.0, [3, 4]));
        let loss = match name {
            "labels" => {
                labels::cross_entropy(x, tensor(classes.clone(), [3, 4], &Default::default()))
            }
            "logits" => logits::squared_error(x, teacher),
            "soft labels" => logits::divergence(x, teacher, 2.5),
            "hidden" => hidden::squared_error(x, values(4.0, [6, 5]), Rows::All, &lengths),
            "relations" => {
                let shape = RelationShape {
                    lengths: Arc::from(lengths),
                    key_bias: None,
                    heads: 2,
                };
                Graph::relations(x, values(6.0, [6, 4]), &shape).reshape([1])
            }
            _ => {
                let first = Graph::rows(x, &[0, 3, 4]);
                hidden::squared_error(first, values(4.0, [3, 5]), Rows::First, &lengths)
            }
        };
        let got = to_f64(&loss.clone().inner().reshape([1, 1]))[0];
        assert!((got - value).abs() < 1e-6 * value, "{name}: {got}");
        let gradient = to_f64(&student.grad(&loss.backward()).unwrap());
        let product = gradient.iter().enumerate();
        let product: f64 = product.map(|(i, g)| g * (0.9 * i as f64).sin()).sum();
        assert!((product - slope).abs() < 1e-6, "{name}: gradient {product}");
    }
}
