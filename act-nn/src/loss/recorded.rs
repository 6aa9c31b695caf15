//! The losses against PyTorch's, as tests/peers/losses_record.py has recorded them.

use std::sync::Arc;

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Encoding, Target};
use burn::backend::Autodiff;
use burn::tensor::Tensor;

use super::{Shard, hidden, labels, logits, loss};
use crate::backend::Ops;
use crate::examples::Examples;
use crate::gradcheck::{Reference, to_f64};
use crate::objective::{Objective, Rows, SoftLabels};
use crate::shapes::RelationShape;
use crate::taps::{Collect, Identity};
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
    ("several labels", 3.27784931582, -0.316089299768),
    ("several labels, weighted", 4.0523100155, -0.624831071173),
    ("several labels, focal", 1.91494138539, -0.28903038644),
    ("several soft labels", 0.607921645148, 0.0536856076724),
    ("labels, weighted", 6.91264209351, 1.52740307673),
    ("labels, focal and weighted", 5.20065208297, 1.19022768638),
    ("score", 28.8808963873, -6.64418102352),
];

fn values(seed: f64, shape: [usize; 2]) -> Tensor<Graph, 2> {
    let numbers: Vec<f64> = (0..shape[0] * shape[1])
        .map(|i| 2.0 * (1.7 * i as f64 + seed).sin())
        .collect();
    tensor(numbers, shape, &Default::default())
}

/// Through the objective, as training computes them.
fn loss_of_targets(name: &str, logits: Tensor<Graph, 2>) -> Tensor<Graph, 1> {
    let weights = vec![0.5, 2.0, 1.0, 3.0];
    let targets = match name {
        "score" => [0.5, -1.0, 3.0].map(Target::Score).to_vec(),
        name if name.starts_with("several") => [vec![0, 3], vec![], vec![1, 2]]
            .map(Target::Classes)
            .to_vec(),
        _ => [2, 0, 3].map(Target::Class).to_vec(),
    };
    let mut objective = Objective::LABELS;
    if name.ends_with("weighted") {
        objective.emphasis.weights = weights;
    }
    if name.contains("focal") {
        let of_several = name.starts_with("several");
        objective.emphasis.focal = if of_several { 2.0 } else { 1.5 };
    }
    let soft = name == "several soft labels";
    if soft {
        objective.labels = 0.0;
        objective.soft_labels = SoftLabels {
            weight: 1.0,
            temperature: 2.5,
        };
    }
    let encodings = vec![
        Encoding {
            input_ids: vec![1],
            token_type_ids: vec![0]
        };
        3
    ];
    let [_, columns] = logits.dims();
    let teacher: Vec<f32> = values(2.0, [3, 4])
        .into_data()
        .convert::<f32>()
        .to_vec()
        .unwrap();
    let teacher: Vec<Vec<f32>> = teacher.chunks(4).map(<[f32]>::to_vec).collect();
    let examples = Examples {
        encodings: &encodings,
        labels: &targets,
        teacher_logits: soft.then_some(&teacher[..]),
        teacher: None,
    };
    let mut plan = tiny_artifact(1, &TinyOptions::default()).plan;
    plan.num_labels = columns;
    let shard = Shard::new(&examples, &[0, 1, 2], &objective, &plan, 0).unwrap();
    let mut others = Identity;
    let taken = Collect::new(&[], &mut others);
    loss(logits, &taken, &shard, &objective, 1).unwrap()
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
            "score" => values(1.0, [3, 1]),
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
            "hidden, first tokens" => {
                let first = Graph::rows(x, &[0, 3, 4]);
                hidden::squared_error(first, values(4.0, [3, 5]), Rows::First, &lengths)
            }
            _ => loss_of_targets(name, x),
        };
        let got = to_f64(&loss.clone().inner().reshape([1, 1]))[0];
        assert!((got - value).abs() < 1e-6 * value, "{name}: {got}");
        let gradient = to_f64(&student.grad(&loss.backward()).unwrap());
        let product = gradient.iter().enumerate();
        let product: f64 = product.map(|(i, g)| g * (0.9 * i as f64).sin()).sum();
        assert!((product - slope).abs() < 1e-6, "{name}: gradient {product}");
    }
}
