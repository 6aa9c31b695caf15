//! The training loop through the public interface: it learns, and the same run gives the same bits
//! whatever the threads.

use act_core::metrics::Measure;
use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, Encoding, Error, ErrorKind, LayerPlan, Params, Result, Seed, Target};
use act_nn::checkpoint::Unkept;
use act_nn::{
    Decay, Device, Examples, Objective, OptimizerOptions, Schedule, TrainEvent, TrainOptions,
    Trained, Training, UpdateRule,
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

fn random_examples(n: usize) -> (Vec<Encoding>, Vec<Target>) {
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
    let labels = (0..n).map(|_| Target::Class(rng.random_range(0..3)));
    (encodings, labels.collect())
}

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
        optimizer: OptimizerOptions::ADAMW,
        dropout: 0.1,
        mixed_precision: false,
        target_score: None,
        patience: None,
        threads: 1,
        seed: Seed(42),
    }
}

fn run(options: &TrainOptions, objective: Objective) -> (Trained, Vec<TrainEvent>) {
    let (encodings, labels) = random_examples(64);
    let teacher: Vec<Vec<f32>> = labels
        .iter()
        .map(|l| {
            let right = |c| l.class() == Some(c);
            (0..3).map(|c| if right(c) { 2.0 } else { -1.0 }).collect()
        })
        .collect();
    let examples = Examples {
        encodings: &encodings,
        labels: &labels,
        teacher_logits: Some(&teacher),
        teacher: None,
    };
    let (model, mut events) = (artifact(), Vec::new());
    let training = Training {
        validation: Some(act_nn::Validation {
            examples,
            measure: Measure::accuracy(3),
        }),
        ..training(&model, examples, objective, options)
    };
    let trained = act_nn::train(Device::NdArray, training, &mut Unkept, &mut |event, _| {
        events.push(event.clone());
        Ok(())
    });
    (trained.unwrap(), events)
}

fn training<'a>(
    artifact: &'a Artifact,
    train: Examples<'a>,
    objective: Objective,
    options: &'a TrainOptions,
) -> Training<'a> {
    Training {
        artifact,
        train,
        validation: None,
        quantizing: None,
        objective,
        options,
    }
}

/// Trains with nobody listening.
fn unheard(training: Training<'_>) -> Result<Trained> {
    act_nn::train(Device::NdArray, training, &mut Unkept, &mut |_, _| Ok(()))
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
            target_score: Some(0.999),
            ..options()
        };
        let (trained, _) = run(&options, objective.clone());
        assert_eq!(
            trained.score,
            Some(1.0),
            "{objective:?}: {} steps",
            trained.course.steps
        );
        assert!(trained.course.steps < 240, "stops at the target accuracy");
        let (encodings, labels) = random_examples(64);
        let best = Artifact {
            params: trained.params,
            ..artifact()
        };
        let logits = act_nn::predict(Device::NdArray, &best, &encodings, 7).unwrap();
        assert_eq!(
            act_core::metrics::Accuracy::of_logits(&best.task.problem, &logits, &labels).value,
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
                ..OptimizerOptions::ADAMW
            },
            ..options()
        };
        let (_, events) = run(&options, LABELS);
        let losses = events.iter().filter_map(|event| match event {
            TrainEvent::Step { loss, .. } => Some(*loss),
            TrainEvent::Begin { .. } | TrainEvent::Evaluation { .. } => None,
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
        let model = artifact();
        let run = unheard(training(&model, examples, objective.clone(), &options));
        assert!(run.unwrap().course.final_loss.is_finite(), "{steps} steps");
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
        max_steps: Some(5),
        eval_every: Some(4),
        log_every: 3,
        ..options()
    };
    let (trained, events) = run(&options, LABELS);
    let seen: Vec<(usize, &str)> = events
        .iter()
        .map(|event| match event {
            TrainEvent::Begin { step, total } => {
                assert_eq!(*total, 5);
                (*step, "begin")
            }
            TrainEvent::Step { step, total, .. } => {
                assert_eq!(*total, 5);
                (*step, "step")
            }
            TrainEvent::Evaluation { step, .. } => (*step, "evaluation"),
        })
        .collect();
    let mut expected = vec![(0, "begin")];
    expected.extend([1, 2, 3, 4].map(|step| (step, "step")));
    expected.extend([(4, "evaluation"), (5, "step"), (5, "evaluation")]);
    assert_eq!(seen, expected);
    let points: Vec<usize> = trained
        .course
        .journal
        .losses
        .iter()
        .map(|p| p.step)
        .collect();
    assert_eq!(points, [3, 5], "the journal has fewer");
    assert_eq!(trained.course.journal.evaluations.len(), 2);
    assert_eq!(trained.course.steps, 5);
    let mut best: Option<(usize, f64)> = None;
    for event in &events {
        if let TrainEvent::Evaluation {
            step,
            score,
            best: is_best,
        } = event
        {
            assert_eq!(*is_best, best.is_none_or(|(_, before)| *score > before));
            if *is_best {
                best = Some((*step, *score));
            }
        }
    }
    let (step, score) = best.unwrap();
    assert_eq!(
        (trained.course.best_step, trained.score),
        (step, Some(score))
    );
}

#[test]
fn the_listeners_error_ends_the_loop() {
    let (encodings, labels) = random_examples(64);
    let examples = Examples {
        encodings: &encodings,
        labels: &labels,
        teacher_logits: None,
        teacher: None,
    };
    let (model, options) = (artifact(), options());
    let mut heard = 0;
    let stopped = act_nn::train(
        Device::NdArray,
        training(&model, examples, LABELS, &options),
        &mut Unkept,
        &mut |event, _| {
            heard += 1;
            match event {
                TrainEvent::Step { step: 2, .. } => Err(Error::interrupted()),
                _ => Ok(()),
            }
        },
    );
    assert_eq!(
        stopped.map(drop).unwrap_err().kind(),
        ErrorKind::Interrupted
    );
    assert_eq!(heard, 3);
}

fn failure(
    examples: Examples<'_>,
    objective: Objective,
    options: &TrainOptions,
) -> (ErrorKind, String) {
    let result = unheard(training(&artifact(), examples, objective, options));
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
    let check = |encodings: &[Encoding], labels: &[Target], objective, options: &TrainOptions| {
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
    assert!(
        check(&good, &[0, 1, 2, 3].map(Target::Class), LABELS, &options())
            .contains("example 3 has class 3")
    );
    assert!(check(&good, &[Target::Class(0)], LABELS, &options()).contains("1 labels for 4"));
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
