//! First-order importance of the residual stream's units, and of the head's dense outputs.
//!
//! A unit is one place of the hidden vector, the same in every layer. Whoever reads it reads what a norm
//! gives, so that a mask of ones on a unit behind every norm is the mask whose zero takes the unit out; its
//! gradient is `sum gamma dgamma + beta dbeta` over the norms (the Taylor criterion of Molchanov et al.
//! 2017, eq. 7, on a group; masks shared by all layers are CoFi's, Xia et al. 2022, section 3.1). That the
//! norms take mean and variance over what is left is not in it. Absolute, batch by batch, summed.

use act_core::{Artifact, Device, Linear, Norm, Plan, Progress, Result};
use burn::tensor::Tensor;

use super::pass::Pass;
use crate::backend::ActBackend;
use crate::device::dispatch;
use crate::dropout::Noise;
use crate::encoder;
use crate::examples::Examples;
use crate::loss::{self, Shard};
use crate::objective::Objective;
use crate::taps::Identity;
use crate::tensors::to_vec;
use crate::weights::Weights;

/// What removing each would cost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WidthScores {
    /// One a unit of the residual stream.
    pub units: Vec<f64>,
    /// One an output of the head's dense layer; none where it has no such layer.
    pub pooled: Vec<f64>,
}

/// Importance of units on labelled examples, dropout off. `progress` advances by batches of the piece of
/// work that the caller has begun.
///
/// # Errors
/// Usage: no example, or one that the model cannot take. Interrupted.
pub fn width_importance(
    device: Device,
    artifact: &Artifact,
    examples: Examples<'_>,
    batch_size: usize,
    threads: usize,
    progress: &dyn Progress,
) -> Result<WidthScores> {
    let pass = &Pass {
        artifact,
        examples,
        batch_size,
        threads,
        progress,
    };
    dispatch!(device, width_importance_on(pass))
}

fn width_importance_on<B: ActBackend>(device: &B::Device, pass: &Pass<'_>) -> Result<WidthScores> {
    let plan = &pass.artifact.plan;
    let pooled = plan.head.dense.map_or(0, |_| plan.hidden_size);
    let mut total = WidthScores {
        units: vec![0.0; plan.hidden_size],
        pooled: vec![0.0; pooled],
    };
    pass.each_batch::<B, _>(device, of_batch, |batch: WidthScores| {
        add(&mut total.units, &batch.units);
        add(&mut total.pooled, &batch.pooled);
    })?;
    Ok(total)
}

fn add(sum: &mut [f64], of: &[f64]) {
    sum.iter_mut().zip(of).for_each(|(s, x)| *s += x);
}

/// The norms that units are read behind: not that of tables of another width, nor the head's, whose outputs
/// are scored for themselves, nor that of a table of positions.
fn norms(plan: &Plan) -> Vec<Norm> {
    let narrow = plan.embeddings.width != plan.hidden_size;
    let mut norms = plan.norms();
    norms.retain(|norm| match norm {
        Norm::Embeddings => !narrow,
        Norm::Head | Norm::RelativeEmbeddings => false,
        Norm::Attention(_) | Norm::Output(_) | Norm::Final => true,
    });
    norms
}

/// The absolute scores of one batch.
fn of_batch<B: ActBackend>(
    weights: &Weights<B>,
    shard: &Shard,
    examples: usize,
) -> Result<WidthScores> {
    let plan = &weights.layout.plan;
    let of_units = norms(plan).into_iter().flat_map(|n| [n.weight(), n.bias()]);
    let of_units: Vec<String> = of_units.collect();
    let classifier = Linear::Classifier.weight();
    let leaves = weights.leaves(|name| name == classifier || of_units.iter().any(|n| n == name));
    let embedded = encoder::embed(weights, &shard.batch).untracked();
    let objective = (&Objective::LABELS, examples);
    let (_, mut gradients) = loss::backward::<B>(
        &leaves,
        embedded,
        shard,
        objective,
        &mut Identity,
        Noise::OFF,
    )?;
    // Parameter times gradient; nothing of a name that the plan does not have.
    let mut product = |name: &str| -> Option<Tensor<B, 2>> {
        let place = weights.layout.position(name)?;
        let gradient = leaves.tensors[place].grad_remove(&mut gradients)?;
        Some(weights.tensors[place].clone() * gradient)
    };
    let mut units = vec![0.0; plan.hidden_size];
    for name in &of_units {
        if let Some(products) = product(name) {
            let products: Vec<f64> = to_vec(products).into_iter().map(f64::from).collect();
            add(&mut units, &products);
        }
    }
    let mut pooled = vec![0.0; plan.head.dense.map_or(0, |_| plan.hidden_size)];
    if let Some(products) = product(&classifier) {
        for row in to_vec(products).chunks_exact(plan.hidden_size) {
            pooled
                .iter_mut()
                .zip(row)
                .for_each(|(sum, &x)| *sum += f64::from(x));
        }
    }
    let absolute = |sums: Vec<f64>| sums.into_iter().map(f64::abs).collect();
    Ok(WidthScores {
        units: absolute(units),
        pooled: absolute(pooled),
    })
}

#[cfg(all(test, feature = "ndarray"))]
mod tests {
    use super::*;
    use crate::gradcheck::{Reference, encodings, models, to_f64};
    use crate::taps::Collect;
    use crate::tensors::tensor;

    static LABELS: [act_core::Target; 4] = [
        act_core::Target::Class(0),
        act_core::Target::Class(2),
        act_core::Target::Class(1),
        act_core::Target::Class(1),
    ];
    const STEP: f64 = 1e-4;

    fn loss_of(weights: &Weights<Reference>, shard: &Shard) -> f64 {
        let embedded = encoder::embed(weights, &shard.batch);
        let noise = &mut Noise::OFF.clone();
        let mut identity = Identity;
        let mut taken = Collect::new(&[], &mut identity);
        let logits = encoder::logits(weights, embedded, &shard.batch, &mut taken, noise);
        let loss = loss::loss(logits, &taken, shard, &Objective::LABELS, 4).unwrap();
        to_f64(&loss.reshape([1, 1]))[0]
    }

    /// The slope of the loss by a factor on these elements.
    fn slope(weights: &Weights<Reference>, shard: &Shard, of: &[(String, Vec<usize>)]) -> f64 {
        let at = |factor: f64| {
            let mut weights = weights.clone();
            for (name, elements) in of {
                let Some(place) = weights.layout.position(name) else {
                    continue;
                };
                let old = &weights.tensors[place];
                let mut values = to_f64(old);
                elements.iter().for_each(|&e| values[e] *= factor);
                weights.tensors[place] = tensor(values, old.dims(), &Default::default());
            }
            loss_of(&weights, shard)
        };
        (at(1.0 + STEP) - at(1.0 - STEP)) / (2.0 * STEP)
    }

    #[test]
    fn scores_equal_brute_force() {
        let encodings = encodings();
        let mut checked = 0;
        for artifact in models() {
            let examples = Examples {
                encodings: &encodings,
                labels: &LABELS,
                teacher_logits: None,
                teacher: None,
            };
            let plan = &artifact.plan;
            let pad = artifact.tokenizer.pad_id();
            let shard =
                Shard::new(&examples, &[0, 1, 2, 3], &Objective::LABELS, plan, pad).unwrap();
            let weights = Weights::<Reference>::load(&artifact, &Default::default()).unwrap();
            let scores = of_batch(&weights, &shard, 4).unwrap();
            let all = norms(plan).into_iter().flat_map(|n| [n.weight(), n.bias()]);
            let all: Vec<String> = all.collect();
            for (unit, &score) in scores.units.iter().enumerate() {
                let of: Vec<_> = all.iter().map(|name| (name.clone(), vec![unit])).collect();
                let want = slope(&weights, &shard, &of).abs();
                assert!(
                    (score - want).abs() < 1e-6 + 1e-4 * want,
                    "unit {unit}: {score}, {want}"
                );
                checked += 1;
            }
            for (output, &score) in scores.pooled.iter().enumerate() {
                let column = (0..plan.num_labels).map(|label| label * plan.hidden_size + output);
                let of = [(Linear::Classifier.weight(), column.collect())];
                let want = slope(&weights, &shard, &of).abs();
                assert!(
                    (score - want).abs() < 1e-6 + 1e-4 * want,
                    "output {output}: {score}"
                );
            }
        }
        assert!(checked > 8, "{checked}");
    }
}
