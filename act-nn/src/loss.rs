//! Training losses, the examples they are taken on, and the backward pass from them.

use act_core::{Error, Plan, Result};
use burn::tensor::activation::log_softmax;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{ElementConversion, Tensor};

use crate::Examples;
use crate::backend::{ActBackend, tensor};
use crate::dropout::Noise;
use crate::encoder::{self, Embedded};
use crate::ragged::{self, Ragged};
use crate::taps::Taps;
use crate::weights::Weights;

/// Losses and their weights; the total is their weighted sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// Cross-entropy with the labels.
    pub labels: f64,
    /// Mean squared error with the teacher's logits (PaddleSlim's distillation loss).
    pub logits: f64,
}

/// Checks examples against a model and what the objective needs of them.
pub(crate) fn check(
    artifact: &act_core::Artifact,
    examples: &Examples<'_>,
    objective: Objective,
) -> Result<()> {
    let n = examples.encodings.len();
    let classes = artifact.plan.num_labels;
    if examples.labels.len() != n {
        let labels = examples.labels.len();
        return Err(Error::usage(format!("{labels} labels for {n} encodings")));
    }
    if let Some(i) = examples.labels.iter().position(|&l| l as usize >= classes) {
        let label = examples.labels[i];
        return Err(Error::usage(format!(
            "example {i} has class {label}, the model has {classes} classes"
        )));
    }
    match examples.teacher_logits {
        None if objective.logits != 0.0 => {
            return Err(Error::usage("the logit loss needs a teacher's logits"));
        }
        Some(rows) if rows.len() != n => {
            let rows = rows.len();
            return Err(Error::usage(format!(
                "{rows} rows of teacher logits for {n} encodings"
            )));
        }
        Some(rows) => {
            if let Some(row) = rows.iter().find(|r| r.len() != classes) {
                return Err(Error::usage(format!(
                    "the teacher has {} classes, the model has {classes}",
                    row.len()
                )));
            }
        }
        None => {}
    }
    ragged::check(artifact, examples.encodings)
}

/// Some of the examples, ready for the encoder.
pub(crate) struct Shard {
    pub(crate) batch: Ragged,
    /// One-hot classes, `[sequences, classes]`.
    classes: Vec<f32>,
    /// The teacher's logits, likewise.
    teacher: Option<Vec<f32>>,
}

impl Shard {
    /// The examples with the given indices.
    pub(crate) fn new(
        examples: &Examples<'_>,
        indices: &[usize],
        plan: &Plan,
        pad_id: u32,
    ) -> Self {
        let mut classes = vec![0.0; indices.len() * plan.num_labels];
        for (row, &i) in classes.chunks_exact_mut(plan.num_labels).zip(indices) {
            row[examples.labels[i] as usize] = 1.0;
        }
        let teacher = examples.teacher_logits.map(|rows| {
            indices
                .iter()
                .flat_map(|&i| rows[i].iter().copied())
                .collect()
        });
        let sequences = indices.iter().map(|&i| &examples.encodings[i]);
        Self {
            batch: Ragged::new(sequences, pad_id),
            classes,
            teacher,
        }
    }
}

/// The weighted losses of a shard's logits, summed over its examples and divided by `examples`,
/// the size of the whole batch: losses and gradients of shards add up to those of the batch.
pub(crate) fn loss<B: Backend>(
    logits: Tensor<B, 2>,
    shard: &Shard,
    objective: Objective,
    examples: usize,
) -> Tensor<B, 1> {
    let [rows, classes] = logits.dims();
    let device = logits.device();
    let like_logits = |values: &[f32]| tensor::<B, 2>(values.to_vec(), [rows, classes], &device);
    let mut total = tensor(vec![0f32], [1], &device);
    if objective.labels != 0.0 {
        let likelihood = log_softmax(logits.clone(), 1) * like_logits(&shard.classes);
        total = total - likelihood.sum() * (objective.labels / examples as f64);
    }
    if let (Some(teacher), true) = (&shard.teacher, objective.logits != 0.0) {
        let difference = logits - like_logits(teacher);
        let squares = (difference.clone() * difference).sum();
        total = total + squares * (objective.logits / (examples * classes) as f64);
    }
    total
}

/// Runs one shard forward and backward in a graph of its own, whose leaves the caller has made.
/// Returns the loss and all gradients.
pub(crate) fn backward<B: ActBackend>(
    leaves: &Weights<B::Graph>,
    embedded: Embedded<B::Graph>,
    shard: &Shard,
    (objective, examples): (Objective, usize),
    taps: &mut dyn Taps<B::Graph>,
    mut noise: Noise,
) -> (f64, <B::Graph as AutodiffBackend>::Gradients) {
    let logits = encoder::logits(leaves, embedded, &shard.batch, taps, &mut noise);
    let loss = loss(logits, shard, objective, examples);
    let value = loss.clone().inner().into_scalar().elem();
    (value, loss.backward())
}
