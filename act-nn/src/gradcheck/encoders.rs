//! Whole encoders under every loss at once: gradients against finite differences, fused against
//! reference, micro-batches against the batch.

use act_core::{Artifact, Encoding, Linear, Result, Seed, Site};
use burn::tensor::Tensor;
use rand::Rng;

use super::{Fused, Reference, assert_close, encodings, models, random, to_f64};
use crate::backend::{ActBackend, Ops};
use crate::dropout::Noise;
use crate::encoder;
use crate::gradient::{Batch, ShardGradients, Sum};
use crate::loss::{self, Shard};
use crate::objective::{Hidden, LayerPair, Objective, Relations, Rows, SoftLabels};
use crate::taps::{Collect, Identity, Taps};
use crate::tensors::tensor;
use crate::weights::Weights;
use crate::{Comparison, Examples, TeacherFeatures};

/// Every loss that this model can have, against a teacher with twice its attention width.
fn everything(artifact: &Artifact) -> Objective {
    let layers = &artifact.plan.layers;
    let pairs = (0..layers.len()).map(|l| LayerPair {
        student: l,
        teacher: l,
        rows: if l + 1 == layers.len() {
            Rows::First
        } else {
            Rows::All
        },
    });
    let pairs: Vec<_> = pairs.collect();
    let attending = layers.iter().position(|l| l.attention_width() > 0);
    let relations = attending.map_or(Vec::new(), |l| {
        let projections = [Linear::Query(l), Linear::Key(l), Linear::Value(l)];
        let computed = projections.iter().skip(usize::from(l + 1 == layers.len()));
        computed.map(|&p| (p, p)).collect()
    });
    Objective {
        emphasis: crate::objective::Emphasis::NONE,
        labels: 0.7,
        logits: 0.4,
        soft_labels: SoftLabels {
            weight: 0.6,
            temperature: 2.0,
        },
        pooled: 0.3,
        hidden: Hidden {
            weight: if pairs.is_empty() { 0.0 } else { 0.5 },
            pairs,
        },
        relations: Relations {
            weight: if relations.is_empty() { 0.0 } else { 0.8 },
            heads: 2,
            pairs: relations,
        },
    }
}

/// Random values of the right shapes.
struct RandomTeacher<'a> {
    artifact: &'a Artifact,
    encodings: &'a [Encoding],
    objective: &'a Objective,
}

impl TeacherFeatures for RandomTeacher<'_> {
    fn values(&self, examples: &[usize]) -> Result<Vec<Vec<f32>>> {
        let plan = &self.artifact.plan;
        let of_site = |(number, comparison): (usize, Comparison)| {
            let width = match comparison.teacher {
                Site::Projection(Linear::Query(l) | Linear::Key(l) | Linear::Value(l)) => {
                    2 * plan.layers[l].attention_width()
                }
                _ => plan.hidden_size,
            };
            let of_example = |&i: &usize| {
                let rows = match comparison.rows {
                    Rows::All => self.encodings[i].len(),
                    Rows::First => 1,
                };
                random((100 * number + i) as u64, rows * width)
            };
            examples.iter().flat_map(of_example).collect()
        };
        let comparisons = self.objective.comparisons().into_iter();
        Ok(comparisons.enumerate().map(of_site).collect())
    }
}

fn shard_of(
    artifact: &Artifact,
    encodings: &[Encoding],
    objective: &Objective,
    indices: &[usize],
) -> Shard {
    let logits: Vec<Vec<f32>> = random(4, 12).chunks(3).map(<[f32]>::to_vec).collect();
    let teacher = RandomTeacher {
        artifact,
        encodings,
        objective,
    };
    let examples = Examples {
        encodings,
        labels: &[0, 2, 1, 1].map(act_core::Target::Class),
        teacher_logits: Some(&logits),
        teacher: Some(&teacher),
    };
    loss::check(artifact, &examples, objective).unwrap();
    Shard::new(&examples, indices, objective, &artifact.plan, 0).unwrap()
}

fn shard(artifact: &Artifact, encodings: &[Encoding], objective: &Objective) -> Shard {
    shard_of(artifact, encodings, objective, &[0, 1, 2, 3])
}

/// Dropout of the examples with these indices.
fn noise(probability: f64, shard: &Shard, indices: &[usize]) -> Noise {
    Noise::new(probability, Seed(6), 3, indices, &shard.batch.lengths)
}

/// Loss and gradients of all parameters.
fn model_gradients<B: ActBackend>(
    weights: &Weights<B>,
    shards: &[(Shard, Noise)],
    objective: &Objective,
) -> (f64, Vec<Tensor<B, 2>>) {
    let mut sum = Sum::new(weights);
    let batch = Batch {
        objective,
        examples: 4,
        mixed_precision: false,
        quantizer: None,
    };
    for (shard, noise) in shards {
        let gradients = ShardGradients::new(weights, shard, &batch, noise.clone());
        sum.add(weights, vec![gradients.unwrap()]);
    }
    let (losses, gradients) = sum.into_parts(weights);
    (losses.sum(), gradients)
}

fn loss_alone(
    weights: &Weights<Reference>,
    (shard, noise): &(Shard, Noise),
    objective: &Objective,
) -> f64 {
    let embedded = encoder::embed(weights, &shard.batch);
    let mut noise = noise.clone();
    let (comparisons, mut identity) = (objective.comparisons(), Identity);
    let mut taken = Collect::new(&comparisons, &mut identity);
    let logits = encoder::logits(weights, embedded, &shard.batch, &mut taken, &mut noise);
    let loss = loss::loss(logits, &taken, shard, objective, 4).unwrap();
    to_f64(&loss.reshape([1, 1]))[0]
}

#[test]
fn encoder_gradients_equal_finite_differences() {
    const STEP: f64 = 1e-5;
    let encodings = encodings();
    for artifact in models() {
        let objective = everything(&artifact);
        let shard = shard(&artifact, &encodings, &objective);
        let mut weights = Weights::<Reference>::load(&artifact, &Default::default()).unwrap();
        let noise = noise(0.2, &shard, &[0, 1, 2, 3]);
        let shards = [(shard, noise)];
        let (_, gradients) = model_gradients(&weights, &shards, &objective);
        let mut rng = Seed(2).stream("test elements");
        for (i, gradient) in gradients.iter().enumerate() {
            let value = weights.tensors[i].clone();
            let shape = value.dims();
            let gradient = to_f64(gradient);
            for _ in 0..6 {
                let place = match i {
                    // Most rows of the word table have no token.
                    0 => shards[0].0.batch.input_ids[rng.random_range(0..18)] as usize * shape[1],
                    _ => rng.random_range(0..gradient.len()),
                };
                let mut loss_at = |step: f64| {
                    let mut moved = to_f64(&value);
                    moved[place] += step;
                    weights.tensors[i] = tensor(moved, shape, &Default::default());
                    loss_alone(&weights, &shards[0], &objective)
                };
                let slope = (loss_at(STEP) - loss_at(-STEP)) / (2.0 * STEP);
                let name = &weights.layout.specs[i].name;
                let difference = (slope - gradient[place]).abs();
                assert!(
                    difference < 1e-7 + 1e-6 * slope.abs(),
                    "{name}[{place}]: {} is not {slope}",
                    gradient[place]
                );
            }
            weights.tensors[i] = value;
        }
    }
}

#[test]
fn fused_encoders_equal_the_reference() {
    let encodings = encodings();
    for artifact in models() {
        let objective = everything(&artifact);
        for dropout in [0.0, 0.2] {
            let shard = shard(&artifact, &encodings, &objective);
            let noise = noise(dropout, &shard, &[0, 1, 2, 3]);
            let shards = [(shard, noise)];
            let fused = Weights::<Fused>::load(&artifact, &Default::default()).unwrap();
            let reference = Weights::<Reference>::load(&artifact, &Default::default()).unwrap();
            let (loss, gradients) = model_gradients(&fused, &shards, &objective);
            let (want_loss, want) = model_gradients(&reference, &shards, &objective);
            assert_close("loss", &[loss], &[want_loss], 1e-5);
            for ((spec, got), want) in fused.layout.specs.iter().zip(&gradients).zip(&want) {
                assert_close(&spec.name, &to_f64(got), &to_f64(want), 2e-5);
            }
        }
    }
}

#[test]
fn micro_batches_add_up_to_the_batch_with_dropout_too() {
    let encodings = encodings();
    for artifact in models() {
        let objective = everything(&artifact);
        let weights = Weights::<Reference>::load(&artifact, &Default::default()).unwrap();
        for dropout in [0.0, 0.2] {
            let gradients = |parts: &[&[usize]]| {
                let of_part = |part: &&[usize]| {
                    let shard = shard_of(&artifact, &encodings, &objective, part);
                    let noise = noise(dropout, &shard, part);
                    (shard, noise)
                };
                let shards: Vec<_> = parts.iter().map(of_part).collect();
                model_gradients(&weights, &shards, &objective)
            };
            let (loss, whole) = gradients(&[&[0, 1, 2, 3]]);
            let (parts_loss, parts) = gradients(&[&[2], &[3, 0, 1]]);
            assert_close("loss", &[parts_loss], &[loss], 1e-6);
            for (got, want) in parts.iter().zip(&whole) {
                assert_close("gradient", &to_f64(got), &to_f64(want), 1e-10);
            }
        }
    }
}

/// Wants all tokens, changes nothing.
struct AllTokens;

impl<B: Ops> Taps<B> for AllTokens {
    fn at(&mut self, _: Site, x: Tensor<B, 2>) -> Tensor<B, 2> {
        x
    }

    fn all_tokens(&self) -> bool {
        true
    }
}

#[test]
fn skipping_what_is_not_classified_changes_nothing() {
    let encodings = encodings();
    for artifact in models() {
        let shard = shard(&artifact, &encodings, &Objective::LABELS);
        let weights = Weights::<Reference>::load(&artifact, &Default::default()).unwrap();
        let logits = |taps: &mut dyn Taps<Reference>| {
            let embedded = encoder::embed(&weights, &shard.batch);
            let noise = &mut Noise::OFF.clone();
            to_f64(&encoder::logits(
                &weights,
                embedded,
                &shard.batch,
                taps,
                noise,
            ))
        };
        assert_close(
            "logits",
            &logits(&mut Identity),
            &logits(&mut AllTokens),
            1e-12,
        );
    }
}
