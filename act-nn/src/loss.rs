//! The training objective: the checks of what it needs, its value on a shard of a batch, and the
//! backward pass from it. One file a loss; each sums over examples, so that the losses and
//! gradients of shards add up to those of the whole batch.

mod hidden;
mod labels;
mod logits;
#[cfg(all(test, feature = "ndarray"))]
mod recorded;
mod shard;

use act_core::{Artifact, Error, ProblemKind, Result, Site, Target};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use crate::backend::{ActBackend, Ops};
use crate::dropout::Noise;
use crate::encoder::{self, Embedded};
use crate::examples::Examples;
use crate::objective::{Comparison, Emphasis, Objective, Rows};
use crate::ragged;
use crate::shapes::RelationShape;
use crate::taps::{Collect, Taps};
use crate::tensors::tensor;
use crate::weights::Weights;
pub(crate) use shard::Shard;

/// Checks examples against a model and what the objective needs of them.
pub(crate) fn check(
    artifact: &Artifact,
    examples: &Examples<'_>,
    objective: &Objective,
) -> Result<()> {
    let n = examples.encodings.len();
    let classes = artifact.plan.num_labels;
    if examples.labels.len() != n {
        let labels = examples.labels.len();
        return Err(Error::usage(format!("{labels} labels for {n} encodings")));
    }
    check_targets(artifact, examples.labels)?;
    let weights = objective.emphasis.weights.len();
    if weights != 0 && weights != classes {
        return Err(Error::usage(format!(
            "{weights} weights of classes, the model has {classes} classes"
        )));
    }
    check_teacher_logits(examples, classes, objective)?;
    check_comparisons(artifact, examples, objective)?;
    ragged::check(artifact, examples.encodings)
}

fn check_targets(artifact: &Artifact, targets: &[Target]) -> Result<()> {
    let (classes, kind) = (artifact.plan.num_labels, artifact.task.problem.kind());
    for (i, target) in targets.iter().enumerate() {
        if target.kind() != kind {
            return Err(Error::usage(format!(
                "example {i} has a {} answer, the model gives {kind} ones",
                target.kind()
            )));
        }
        if let Some(class) = target.classes().iter().find(|&&c| c as usize >= classes) {
            return Err(Error::usage(format!(
                "example {i} has class {class}, the model has {classes} classes"
            )));
        }
    }
    Ok(())
}

fn check_teacher_logits(
    examples: &Examples<'_>,
    classes: usize,
    objective: &Objective,
) -> Result<()> {
    let score = examples
        .labels
        .iter()
        .any(|target| target.score().is_some());
    if score && objective.soft_labels.weight != 0.0 {
        return Err(Error::usage(
            "a score has no probabilities for the loss soft_labels: learn the teacher's score, logits",
        ));
    }
    let Some(rows) = examples.teacher_logits else {
        if objective.wants_logits() {
            return Err(Error::usage("the logit loss needs a teacher's logits"));
        }
        return Ok(());
    };
    let n = examples.encodings.len();
    if rows.len() != n {
        let rows = rows.len();
        return Err(Error::usage(format!(
            "{rows} rows of teacher logits for {n} encodings"
        )));
    }
    match rows.iter().find(|row| row.len() != classes) {
        Some(row) => Err(Error::usage(format!(
            "the teacher has {} classes, the model has {classes}",
            row.len()
        ))),
        None => Ok(()),
    }
}

fn check_comparisons(
    artifact: &Artifact,
    examples: &Examples<'_>,
    objective: &Objective,
) -> Result<()> {
    let comparisons = objective.comparisons();
    if !comparisons.is_empty() && examples.teacher.is_none() {
        return Err(Error::usage(
            "losses on hidden states, relations or the pooled output need a teacher's inner values",
        ));
    }
    for comparison in &comparisons {
        let site = comparison.student;
        if !encoder::exists(artifact, site) {
            return Err(Error::usage(format!(
                "a loss looks at {site}, which the model does not have"
            )));
        }
    }
    if objective.relations.weight != 0.0 {
        let heads = objective.relations.heads;
        for (student, _) in &objective.relations.pairs {
            let width = width_at(artifact, Site::Projection(*student));
            if heads == 0 || !width.is_multiple_of(heads) {
                return Err(Error::usage(format!(
                    "{heads} relation heads do not divide {student} of width {width}"
                )));
            }
        }
    }
    let temperature = objective.soft_labels.temperature;
    if !(temperature.is_finite() && temperature > 0.0) {
        return Err(Error::usage(format!(
            "temperature {temperature} is not a number above 0"
        )));
    }
    Ok(())
}

/// Columns of the values at a site that losses compare.
fn width_at(artifact: &Artifact, site: Site) -> usize {
    match site {
        Site::Projection(linear) => artifact.plan.linear_shape(linear)[0],
        _ => artifact.plan.hidden_size,
    }
}

/// The weighted losses of a shard, summed over its examples and divided by `examples`, the size
/// of the whole batch. `taken` holds the student's values at the compared sites.
pub(crate) fn loss<B: Ops>(
    logits: Tensor<B, 2>,
    taken: &Collect<B>,
    shard: &Shard,
    objective: &Objective,
    examples: usize,
) -> Result<Tensor<B, 1>> {
    let shape = logits.dims();
    let device = logits.device();
    let like_logits = |values: &[f32]| tensor::<B, 2>(values.to_vec(), shape, &device);
    let several = shard.kind == ProblemKind::MultiLabel;
    // Of several labels each is a choice of two by itself, and the loss their mean.
    let share = if several { 1.0 / shape[1] as f64 } else { 1.0 };
    let mut total = tensor(vec![0f32], [1], &device);
    let mut add = |weight: f64, loss: Tensor<B, 1>| {
        total = total.clone() + loss * (weight / examples as f64);
    };
    if objective.labels != 0.0 {
        let loss = of_targets(logits.clone(), shard, &objective.emphasis);
        add(objective.labels * share, loss);
    }
    if let Some(teacher) = &shard.teacher_logits {
        let teacher = like_logits(teacher);
        if objective.logits != 0.0 {
            let loss = logits::squared_error(logits.clone(), teacher.clone());
            add(objective.logits, loss);
        }
        let soft = objective.soft_labels;
        if soft.weight != 0.0 {
            let (student, teacher) = if several {
                (labels::each_alone(logits), labels::each_alone(teacher))
            } else {
                (logits, teacher)
            };
            let loss = logits::divergence(student, teacher, soft.temperature);
            add(soft.weight * share, loss);
        }
    }
    for (comparison, values) in shard.comparisons.iter().zip(&shard.teacher_values) {
        let (student, teacher) = pair(taken, *comparison, values, shard, objective)?;
        match comparison.student {
            Site::Projection(_) => {
                let shape = RelationShape {
                    lengths: shard.batch.lengths.clone(),
                    key_bias: shard.batch.key_bias.clone(),
                    heads: objective.relations.heads,
                };
                let weight = objective.relations.weight / objective.relations.pairs.len() as f64;
                let divergence = B::relations(student, teacher, &shape);
                add(weight, divergence.reshape([1]));
            }
            site => {
                let weight = match site {
                    Site::Hidden(_) => {
                        objective.hidden.weight / objective.hidden.pairs.len() as f64
                    }
                    _ => objective.pooled,
                };
                let lengths = &shard.batch.lengths;
                let rows = comparison.rows;
                add(
                    weight,
                    hidden::squared_error(student, teacher, rows, lengths),
                );
            }
        }
    }
    Ok(total)
}

/// The loss with the right answers, summed over the shard's examples and, of several, over labels.
fn of_targets<B: Ops>(logits: Tensor<B, 2>, shard: &Shard, emphasis: &Emphasis) -> Tensor<B, 1> {
    let (shape, device) = (logits.dims(), logits.device());
    let weight = |i: usize| {
        let weights = &emphasis.weights;
        weights
            .get(i % shape[1])
            .map_or(1.0, |&weight| weight as f32)
    };
    let targets = shard.targets.iter().enumerate();
    match shard.kind {
        ProblemKind::Regression => {
            let right = tensor(shard.targets.clone(), shape, &device);
            logits::squared_error(logits, right)
        }
        ProblemKind::MultiLabel => {
            let pairs = targets.flat_map(|(i, &yes)| [yes * weight(i), 1.0 - yes]);
            let pairs = tensor(pairs.collect(), [shape[0] * shape[1], 2], &device);
            entropy(labels::each_alone(logits), pairs, emphasis.focal)
        }
        ProblemKind::SingleLabel => {
            let classes: Vec<f32> = targets.map(|(i, &yes)| yes * weight(i)).collect();
            entropy(logits, tensor(classes, shape, &device), emphasis.focal)
        }
    }
}

fn entropy<B: Ops>(logits: Tensor<B, 2>, classes: Tensor<B, 2>, focal: f64) -> Tensor<B, 1> {
    if focal == 0.0 {
        labels::cross_entropy(logits, classes)
    } else {
        labels::focal(logits, classes, focal)
    }
}

/// Student's and teacher's values of a comparison, the same rows of both.
fn pair<B: Ops>(
    taken: &Collect<B>,
    comparison: Comparison,
    teacher: &[f32],
    shard: &Shard,
    objective: &Objective,
) -> Result<(Tensor<B, 2>, Tensor<B, 2>)> {
    let site = comparison.student;
    let missing = || Error::failed(format!("the forward pass did not come through {site}"));
    let mut student = taken.values.get(&site).cloned().ok_or_else(missing)?;
    let count = shard.batch.lengths.len();
    if comparison.rows == Rows::First && student.dims()[0] != count {
        student = B::rows(student, &shard.batch.starts);
    }
    let [rows, width] = student.dims();
    let columns = teacher.len() / rows;
    let fits = match site {
        // Relations compare rows with rows of the same side: widths may differ.
        Site::Projection(_) => columns.is_multiple_of(objective.relations.heads),
        _ => columns == width,
    };
    if !fits || columns * rows != teacher.len() || columns == 0 {
        return Err(Error::usage(format!(
            "the teacher's {} has {} values for {rows} rows; the student's {site} is {width} wide",
            comparison.teacher,
            teacher.len()
        )));
    }
    let device = student.device();
    Ok((student, tensor(teacher.to_vec(), [rows, columns], &device)))
}

/// Runs one shard forward and backward in a graph of its own, whose leaves the caller has made.
/// Returns the loss, `[1]`, which nobody has waited for yet, and all gradients.
pub(crate) fn backward<B: ActBackend>(
    leaves: &Weights<B::Graph>,
    embedded: Embedded<B::Graph>,
    shard: &Shard,
    (objective, examples): (&Objective, usize),
    taps: &mut dyn Taps<B::Graph>,
    mut noise: Noise,
) -> Result<(Tensor<B, 1>, <B::Graph as AutodiffBackend>::Gradients)> {
    let mut taken = Collect::new(&shard.comparisons, taps);
    let logits = encoder::logits(leaves, embedded, &shard.batch, &mut taken, &mut noise);
    let loss = loss(logits, &taken, shard, objective, examples)?;
    Ok((loss.clone().inner(), loss.backward()))
}
