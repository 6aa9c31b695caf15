//! Quantisation-aware training through the public interface: what it computes with is what the int8
//! engine computes with, whatever the scheme; it learns; the same run gives the same bits.

mod forward;
mod resumption;
mod training;

use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, Batch, Encoding, Family, LayerPlan, Result, Seed, Target};
use act_infer::Engine;
use act_nn::checkpoint::{Keeper, Unkept};
use act_nn::{
    Decay, Device, Examples, FakeQuantization, InputSteps, Listener, Objective, OptimizerOptions,
    Quantizing, Schedule, TrainEvent, TrainOptions, Trained, Training, WeightSteps, predict,
};
use rand::Rng;

const LEARNED: (WeightSteps, InputSteps) = (WeightSteps::Learned, InputSteps::Learned);

/// The same weights in float or int8; one layer has lost its blocks.
fn model(int8: Option<TinyInt8>) -> Artifact {
    let options = TinyOptions {
        hidden_size: 16,
        layers: vec![
            LayerPlan::full(2, 8, 32),
            LayerPlan::full(0, 8, 0),
            LayerPlan::full(2, 8, 24),
        ],
        family: Family::Ernie,
        int8,
        ..TinyOptions::default()
    };
    tiny_artifact(1, &options)
}

fn quantization((weights, inputs): (WeightSteps, InputSteps), int8: TinyInt8) -> FakeQuantization {
    FakeQuantization::of(&model(Some(int8)), weights, inputs).unwrap()
}

fn encodings(n: usize) -> Vec<Encoding> {
    let mut rng = Seed(3).stream("examples");
    let mut encoding = || {
        let length = rng.random_range(1..20);
        Encoding {
            input_ids: (0..length).map(|_| rng.random_range(0..128)).collect(),
            token_type_ids: (0..length).map(|_| rng.random_range(0..2)).collect(),
        }
    };
    (0..n).map(|_| encoding()).collect()
}

fn engine_logits(artifact: Artifact, encodings: &[Encoding]) -> Vec<Vec<f32>> {
    let engine = Engine::new(artifact).unwrap();
    engine.forward(&Batch::new(encodings)).unwrap()
}

fn mean_distance(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    let sum: f64 = pairs.map(|(a, b)| f64::from((a - b).abs())).sum();
    sum / a.iter().map(Vec::len).sum::<usize>() as f64
}

fn options() -> TrainOptions {
    TrainOptions {
        epochs: 6,
        max_steps: None,
        batch_size: 16,
        micro_batch: Some(5),
        eval_every: Some(3),
        log_every: 1,
        learning_rate: Schedule::Peak {
            rate: 3e-4,
            decay: Decay::Linear,
        },
        warmup_ratio: 0.1,
        optimizer: OptimizerOptions::ADAMW,
        dropout: 0.0,
        mixed_precision: true,
        target_score: None,
        patience: None,
        threads: 1,
        seed: Seed(42),
    }
}

/// Coarse enough for rounding to hurt.
const COARSE: TinyInt8 = TinyInt8 {
    weight_max: 7,
    activation_max: 7,
    dynamic: false,
};

/// Trains the coarse model to answer as the float one does.
fn train(
    options: &TrainOptions,
    how: (WeightSteps, InputSteps),
    keeper: &mut dyn Keeper,
    listener: Listener<'_>,
) -> Result<Trained> {
    train_with(quantization(how, COARSE), options, keeper, listener)
}

fn train_with(
    quantization: FakeQuantization,
    options: &TrainOptions,
    keeper: &mut dyn Keeper,
    listener: Listener<'_>,
) -> Result<Trained> {
    let (encodings, labels) = (encodings(96), vec![Target::Class(0); 96]);
    let teacher = predict(Device::NdArray, &model(None), &encodings, 16).unwrap();
    let examples = Examples {
        encodings: &encodings,
        labels: &labels,
        teacher_logits: Some(&teacher),
        teacher: None,
    };
    let judge = |int8: &Artifact| {
        let answers = engine_logits(int8.clone(), &encodings);
        Ok(-mean_distance(&answers, &teacher))
    };
    let training = Training {
        artifact: &model(None),
        train: examples,
        validation: None,
        quantizing: Some(Quantizing {
            quantization,
            judge: &judge,
        }),
        objective: Objective {
            labels: 0.0,
            logits: 1.0,
            ..Objective::LABELS
        },
        options,
    };
    act_nn::train(Device::NdArray, training, keeper, listener)
}

/// The same in one go, with the scores of its evaluations.
fn run(options: &TrainOptions, how: (WeightSteps, InputSteps)) -> (Trained, Vec<f64>) {
    let mut scores = Vec::new();
    let trained = train(options, how, &mut Unkept, &mut |event, _| {
        if let TrainEvent::Evaluation { score, .. } = event {
            scores.push(*score);
        }
        Ok(())
    });
    (trained.unwrap(), scores)
}

fn exported(trained: &Trained) -> Artifact {
    let float = Artifact {
        params: trained.params.clone(),
        ..model(None)
    };
    trained
        .quantization
        .as_ref()
        .unwrap()
        .export(&float)
        .unwrap()
}
