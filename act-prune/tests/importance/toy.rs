//! A small task, a model that has learnt it, and what is asked of it.

use std::sync::OnceLock;

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, Batch, Encoding, LayerPlan, Seed, Silent, Target};
use act_infer::Engine;
use act_nn::checkpoint::Unkept;
use act_nn::{
    Decay, Device, Objective, OptimizerOptions, Schedule, TrainOptions, Training, UpdateRule,
};
use act_prune::importance::scores;
use act_prune::ratio::Keep;
use act_prune::{Calibration, Criterion, Kept, LayerScores, Measure};
use rand::Rng;

pub const HEADS: usize = 4;
pub const NEURONS: usize = 48;

/// Which of three thirds of the vocabulary most tokens come from, one label in five drawn blindly,
/// so that a trained model still has a loss.
pub fn examples(seed: u64) -> Calibration {
    let mut rng = Seed(seed).stream("examples");
    let mut calibration = Calibration {
        cut: None,
        encodings: Vec::new(),
        labels: Vec::new(),
    };
    for _ in 0..400 {
        let label = rng.random_range(0..3u32);
        let length = rng.random_range(4..14);
        let mut token = || {
            if rng.random_bool(0.6) {
                5 + 40 * label + rng.random_range(0..40)
            } else {
                rng.random_range(5..125)
            }
        };
        let ids: Vec<u32> = std::iter::once(2)
            .chain((0..length).map(|_| token()))
            .collect();
        calibration.encodings.push(Encoding {
            token_type_ids: vec![0; ids.len()],
            input_ids: ids,
        });
        let blind = rng.random_bool(0.2);
        calibration.labels.push(Target::Class(if blind {
            rng.random_range(0..3)
        } else {
            label
        }));
    }
    calibration
}

/// A model that has learnt the examples.
pub fn trained() -> &'static Artifact {
    static MODEL: OnceLock<Artifact> = OnceLock::new();
    MODEL.get_or_init(|| {
        let options = TinyOptions {
            hidden_size: 32,
            layers: vec![LayerPlan::full(HEADS, 8, NEURONS); 3],
            ..TinyOptions::default()
        };
        let examples = examples(3);
        let options_of_training = TrainOptions {
            epochs: 7,
            max_steps: None,
            batch_size: 32,
            micro_batch: Some(32),
            eval_every: None,
            log_every: 100,
            learning_rate: Schedule::Peak {
                rate: 2e-3,
                decay: Decay::Linear,
            },
            warmup_ratio: 0.1,
            optimizer: OptimizerOptions {
                rule: UpdateRule::Adam {
                    beta1: 0.9,
                    beta2: 0.999,
                    eps: 1e-8,
                    weight_decay: 0.0,
                },
                l1: 0.0,
                l2: 0.0,
                grad_clip: 1.0,
            },
            dropout: 0.0,
            mixed_precision: false,
            target_score: None,
            patience: None,
            threads: 2,
            seed: Seed(1),
        };
        let start = tiny_artifact(5, &options);
        let training = Training {
            artifact: &start,
            train: examples.examples(),
            validation: None,
            quantizing: None,
            objective: Objective::LABELS,
            options: &options_of_training,
        };
        let trained = act_nn::train(Device::NdArray, training, &mut Unkept, &mut |_, _| Ok(()));
        Artifact {
            params: trained.unwrap().params,
            ..start
        }
    })
}

pub fn measure(calibration: &Calibration, threads: usize) -> Measure<'_> {
    Measure {
        calibration,
        batch_size: 16,
        device: Device::NdArray,
        threads,
        progress: &Silent,
    }
}

pub fn scores_by(criterion: Criterion, calibration: &Calibration) -> Vec<LayerScores> {
    scores(criterion, trained(), &measure(calibration, 2)).unwrap()
}

pub fn logits(artifact: &Artifact, encodings: &[Encoding]) -> Vec<Vec<f32>> {
    let engine = Engine::new(artifact.clone()).unwrap();
    engine.forward(&Batch::new(encodings)).unwrap()
}

/// Logarithms of probabilities.
pub fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let sum: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
    logits.iter().map(|&x| f64::from(x) - sum.ln()).collect()
}

/// Mean cross-entropy with the labels.
pub fn loss(artifact: &Artifact, calibration: &Calibration) -> f64 {
    let logits = logits(artifact, &calibration.encodings);
    let pairs = logits.iter().zip(&calibration.labels);
    let sum: f64 = pairs
        .map(|(row, label)| -log_softmax(row)[label.class().unwrap() as usize])
        .sum();
    sum / calibration.labels.len() as f64
}

/// Mean divergence of a model's answers from the trained one's.
pub fn divergence(artifact: &Artifact, calibration: &Calibration) -> f64 {
    let before = logits(trained(), &calibration.encodings);
    let now = logits(artifact, &calibration.encodings);
    let of_example = |(p, q): (&Vec<f32>, &Vec<f32>)| -> f64 {
        let (p, q) = (log_softmax(p), log_softmax(q));
        p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum()
    };
    before.iter().zip(&now).map(of_example).sum::<f64>() / before.len() as f64
}

/// Everything of the trained model.
pub fn all() -> Vec<Kept> {
    let layer = Kept {
        heads: (0..HEADS).collect(),
        neurons: (0..NEURONS).collect(),
    };
    vec![layer; 3]
}

/// One `part`th of everything, chosen by a criterion.
pub fn strongest_part(part: usize, scores: &[LayerScores]) -> Vec<Kept> {
    let keep = Keep {
        heads: HEADS / part,
        neurons: NEURONS / part,
    };
    scores.iter().map(|s| Kept::strongest(s, keep)).collect()
}
