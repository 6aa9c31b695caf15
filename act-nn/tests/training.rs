//! The training loop through the public interface: it learns, and the same run gives the same bits
//! whatever the threads.

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, Encoding, ErrorKind, LayerPlan, Params, Seed};
use act_nn::{
    Decay, Device, Examples, Objective, OptimizerOptions, Schedule, TrainEvent, TrainOptions,
    Trained, UpdateRule,
};
use rand::Rng;

const LABELS: Objective = Objective::LABELS;

fn artifact() -> Artifact {
    let options = TinyOptions {
        hidden_size: 16,
        layers: vec![LayerPlan::full(2, 8, 32), LayerPlan::full(2, 8, 32)],
        ..TinyOptions::default()
    };
    tiny_artifact(1, &options)
}

fn random_examples(n: usize) -> (Vec<Encoding>, Vec<u32>) {
    let mut rng = Seed(3).stream("examples");
    let encodings = (0..n)
        .map(|_| {
            let length = rng.random_range(1..20);
            Encoding {
                input_ids: (0..length).map(|_| rng.random_range(5..128)).collect(),
                token_type_ids: (0..length).map(|_| rng.random_range(0..2)).collect(),
            }
        })
        .collect();
    (encodings, (0..n).map(|_| rng.random_range(0..3)).collect())
}

/// AdamW with the constants of its authors.
const ADAMW: OptimizerOptions = OptimizerOptions {
    rule: UpdateRule::Adam {
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weight_decay: 0.01,
    },
    l1: 0.0,
    l2: 0.0,
    grad_clip: 1.0,
};

fn options() -> TrainOptions {
    TrainOptions {
        epochs: 3,
        max_steps: None,
        batch_size: 16,
        micro_batch: Some(5),
        eval_every: None,
        log_every: 1,
        learning_rate: Schedule::Peak {
            rate: 3e-3,
            decay: Decay::Linear,
        },
        warmup_ratio: 0.1,
        optimizer: ADAMW,
        dropout: 0.1,
        mixed_precision: false,
        target_accuracy: None,
        patience: None,
        threads: 1,
        seed: Seed(42),
    }
}

fn run(options: &TrainOptions, objective: Objective) -> (Trained, Vec<TrainEvent>) {
    let (encodings, labels) = random_examples(64);
    let teacher: Vec<Vec<f32>> = labels
        .iter()
        .map(|&l| (0..3).map(|c| if c == l { 2.0 } else { -1.0 }).collect())
        .collect();
    let examples = Examples {
        encodings: &encodings,
        labels: &labels,
        teacher_logits: Some(&teacher),
        teacher: None,
    };
    let mut events = Vec::new();
    let mut on_event = |event| {
        events.push(event);
        true
    };
    let trained = act_nn::train(
        Device::NdArray,
        &artifact(),
        examples,
        Some(examples),
        objective,
        options,
        &mut on_event,
    );
    (trained.unwrap(), events)
}

fn bits(params: &Params) -> Vec<(String, Vec<u8>)> {
    let tensors = params.iter();
    tensors
        .map(|(name, tensor)| (name.to_string(), tensor.bytes().to_vec()))
        .collect()
}

#[test]
fn overfits_random_labels() {
    let objectives = [
        LABELS,
        Objective {
            labels: 0.0,
            logits: 1.0,
            ..LABELS
        },
    ];
    for objective in objectives {
        let options = TrainOptions {
            epochs: 60,
            dropout: 0.0,
            target_accuracy: Some(0.999),
            ..options()
        };
        let (trained, _) = run(&options, objective.clone());
        assert_eq!(
            trained.accuracy,
            Some(1.0),
            "{objective:?}: {} steps",
            trained.steps
        );
        assert!(trained.steps < 240, "stops at the target accuracy");
        let (encodings, labels) = random_examples(64);
        let best = Artifact {
            params: trained.params,
            ..artifact()
        };
        let logits = act_nn::predict(Device::NdArray, &best, &encodings, 7).unwrap();
        assert_eq!(
            act_core::metrics::Accuracy::of_logits(&logits, &labels).value,
            1.0
        );
    }
}

#[test]
fn micro_batches_change_a_run_with_dropout_by_rounding_only() {
    let losses = |micro_batch| {
        let options = TrainOptions {
            epochs: 1,
            micro_batch: Some(micro_batch),
            dropout: 0.3,
            // Adam's steps are of the gradients' signs where those are next to nothing.
            optimizer: OptimizerOptions {
                rule: UpdateRule::Sgd,
                ..ADAMW
            },
            ..options()
        };
        let (_, events) = run(&options, LABELS);
        let losses = events.iter().filter_map(|event| match event {
            TrainEvent::Step { loss, .. } => Some(*loss),
            TrainEvent::Evaluation { .. } => None,
        });
        losses.collect::<Vec<f64>>()
    };
    let whole = losses(16);
    assert_eq!(whole.len(), 4);
    for micro_batch in [1, 3, 5, 8] {
        for (loss, want) in losses(micro_batch).iter().zip(&whole) {
            assert!((loss - want).abs() < 1e-5 * want, "{loss} is not {want}");
        }
    }
}

#[test]
fn a_run_looks_at_no_answer_of_the_teacher_that_it_does_not_announce() {
    let objective = Objective {
        logits: 1.0,
        ..LABELS
    };
    for steps in [1, 3, 4, 9] {
        let options = TrainOptions {
            max_steps: Some(steps),
            ..options()
        };
        let visited = options.visited(64);
        assert_eq!(visited.len(), (16 * steps).min(64));
        let (encodings, labels) = random_examples(64);
        let mut teacher = vec![vec![f32::NAN; 3]; 64];
        for i in visited {
            teacher[i] = vec![0.5; 3];
        }
        let examples = Examples {
            encodings: &encodings,
            labels: &labels,
            teacher_logits: Some(&teacher),
            teacher: None,
        };
        let (model, objective) = (artifact(), objective.clone());
        let on_event = &mut |_| true;
        let device = Device::NdArray;
        let run = act_nn::train(
            device, &model, examples, None, objective, &options, on_event,
        );
        assert!(run.unwrap().final_loss.is_finite(), "{steps} steps");
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let (one, events) = run(&options(), LABELS);
    let (again, _) = run(&options(), LABELS);
    assert_eq!(bits(&one.params), bits(&again.params));
    for threads in [2, 3, 7] {
        let options = TrainOptions {
            threads,
            ..options()
        };
        let (other, other_events) = run(&options, LABELS);
        assert_eq!(bits(&one.params), bits(&other.params), "{threads} threads");
        assert_eq!(events, other_events);
    }
    let other_seed = TrainOptions {
        seed: Seed(43),
        ..options()
    };
    assert_ne!(bits(&one.params), bits(&run(&other_seed, LABELS).0.params));
}

#[test]
fn events_come_in_order_and_the_best_weights_are_kept() {
    let options = TrainOptions {
        epochs: 100,
        max_steps: Some(10),
        eval_every: Some(4),
        log_every: 3,
        ..options()
    };
    let (trained, events) = run(&options, LABELS);
    let seen: Vec<(usize, bool)> = events
        .iter()
        .map(|event| match event {
            TrainEvent::Step { step, total, .. } => {
                assert_eq!(*total, 10);
                (*step, false)
            }
            TrainEvent::Evaluation { step, .. } => (*step, true),
        })
        .collect();
    let expected = [
        (3, false),
        (4, true),
        (6, false),
        (8, true),
        (9, false),
        (10, false),
        (10, true),
    ];
    assert_eq!(seen, expected);
    assert_eq!(trained.steps, 10);
    let mut best: Option<(usize, f64)> = None;
    for event in &events {
        if let TrainEvent::Evaluation {
            step,
            accuracy,
            best: is_best,
        } = event
        {
            assert_eq!(*is_best, best.is_none_or(|(_, a)| *accuracy > a));
            if *is_best {
                best = Some((*step, *accuracy));
            }
        }
    }
    let (step, accuracy) = best.unwrap();
    assert_eq!(
        (trained.best_step, trained.accuracy),
        (step, Some(accuracy))
    );
}

#[test]
fn on_event_stops_the_loop() {
    let (encodings, labels) = random_examples(64);
    let examples = Examples {
        encodings: &encodings,
        labels: &labels,
        teacher_logits: None,
        teacher: None,
    };
    let mut stop_at_2 = |event| !matches!(event, TrainEvent::Step { step: 2, .. });
    let trained = act_nn::train(
        Device::NdArray,
        &artifact(),
        examples,
        None,
        LABELS,
        &options(),
        &mut stop_at_2,
    )
    .unwrap();
    assert_eq!((trained.steps, trained.accuracy), (2, None));
}

fn failure(
    examples: Examples<'_>,
    objective: Objective,
    options: &TrainOptions,
) -> (ErrorKind, String) {
    let result = act_nn::train(
        Device::NdArray,
        &artifact(),
        examples,
        None,
        objective,
        options,
        &mut |_| true,
    );
    let error = result.err().expect("this must fail");
    (error.kind(), error.to_string())
}

#[test]
fn divergence_names_step_and_learning_rate() {
    let (encodings, labels) = random_examples(64);
    let examples = Examples {
        encodings: &encodings,
        labels: &labels,
        teacher_logits: None,
        teacher: None,
    };
    let options = TrainOptions {
        learning_rate: Schedule::Peak {
            rate: 1e30,
            decay: Decay::Constant,
        },
        warmup_ratio: 0.0,
        optimizer: OptimizerOptions {
            grad_clip: 0.0,
            ..options().optimizer
        },
        ..options()
    };
    let (kind, message) = failure(examples, LABELS, &options);
    assert_eq!(kind, ErrorKind::Failed);
    assert!(
        message.contains("at step 2 with learning rate"),
        "{message}"
    );
}

#[test]
fn unusable_input_is_named() {
    let (mut encodings, labels) = random_examples(4);
    let good = encodings.clone();
    let check = |encodings: &[Encoding], labels: &[u32], objective, options: &TrainOptions| {
        let examples = Examples {
            encodings,
            labels,
            teacher_logits: None,
            teacher: None,
        };
        let (kind, message) = failure(examples, objective, options);
        assert_eq!(kind, ErrorKind::Usage);
        assert!(!message.contains('\n'));
        message
    };
    let distil = Objective {
        labels: 0.0,
        logits: 1.0,
        ..LABELS
    };
    let fail = |encodings: &[Encoding]| check(encodings, &labels, LABELS, &options());
    assert!(check(&good, &[0, 1, 2, 3], LABELS, &options()).contains("example 3 has class 3"));
    assert!(check(&good, &[0], LABELS, &options()).contains("1 labels for 4"));
    assert!(check(&[], &[], LABELS, &options()).contains("no training example"));
    assert!(check(&good, &labels, distil, &options()).contains("teacher"));
    let no_batch = TrainOptions {
        batch_size: 0,
        ..options()
    };
    assert!(check(&good, &labels, LABELS, &no_batch).contains("batch size"));
    encodings[1].input_ids[0] = 128;
    assert!(fail(&encodings).contains("encoding 1 has token id 128"));
    encodings[1] = Encoding::default();
    assert!(fail(&encodings).contains("encoding 1 has no token"));
    encodings[1] = Encoding {
        input_ids: vec![5; 33],
        token_type_ids: vec![0; 33],
    };
    assert!(fail(&encodings).contains("encoding 1 has 33 tokens"));
    encodings[1].token_type_ids.pop();
    assert!(fail(&encodings).contains("32 token_type_ids for 33"));
    encodings[1] = Encoding {
        input_ids: vec![5],
        token_type_ids: vec![2],
    };
    assert!(fail(&encodings).contains("encoding 1 has token type 2"));
}
