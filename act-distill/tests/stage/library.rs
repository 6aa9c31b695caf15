//! The whole stage through its library, on a toy task.

use std::cell::{Cell, RefCell};
use std::sync::LazyLock;

use act_core::provenance::Digest;
use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, Embedding, Error, ErrorKind, Linear, Progress, Result, Seed, Silent};
use act_core::{Tensor, WordPieceSpec};
use act_distill::{Distilled, Options, distill, record};
use act_nn::Device;
use act_stage::config::{Config, LearningRate, OptimizerKind, Scheduler};
use act_train::Session;

use crate::toy;

fn run(student: Artifact, teacher: Option<Artifact>, config: &Config) -> Result<Distilled> {
    let options = Options::new(config, teacher.is_some(), Seed(42), 2)?;
    let mut session = Session::new(Device::NdArray, &Silent);
    let data = toy::dataset(300);
    distill(student, teacher, &data, &options, &mut session)
}

fn digest(distilled: &Distilled) -> Digest {
    distilled.artifact.model_digest().unwrap()
}

/// A model that has learned the toy task.
static TEACHER: LazyLock<Artifact> =
    LazyLock::new(|| run(toy::model(1), None, &toy::config()).unwrap().artifact);

/// Distillation without labels: what is learned comes from the teacher.
fn logits_only() -> Config {
    let mut config = toy::config();
    config.distillation.logits = Some(1.0);
    config
}

#[test]
fn fine_tuning_learns_the_labels() {
    let tuned = run(toy::model(1), None, &toy::config()).unwrap();
    let validation = tuned.validation.unwrap();
    assert_eq!((tuned.examples, validation.after.n), (240, 60));
    assert!(validation.before.value < 0.7, "{validation:?}");
    assert!(validation.after.value > 0.9, "{validation:?}");
    assert_eq!(tuned.course.steps, 6 * 240 / 16);
    assert!(tuned.course.best_step <= tuned.course.steps);
    assert_eq!(tuned.course.journal.evaluations.len(), 6);
    assert_eq!(
        tuned.course.journal.best_score(),
        Some(validation.after.value)
    );
    assert!(tuned.teacher.is_none() && validation.teacher.is_none());
}

#[test]
fn a_head_that_was_untrained_is_trained_afterwards() {
    let mut config = toy::config();
    config.train.train_iter = Some(1);
    for (before, after) in [
        (Some(false), Some(true)),
        (Some(true), Some(true)),
        (None, None),
    ] {
        let mut student = toy::model(1);
        student.task.head_trained = before;
        // Nothing is won in one step, which is said and no matter here.
        if let Ok(trained) = run(student, None, &config) {
            assert_eq!(trained.artifact.task.head_trained, after);
        }
    }
    let mut student = toy::model(1);
    student.task.head_trained = Some(false);
    let tuned = run(student, None, &toy::config()).unwrap();
    assert_eq!(tuned.artifact.task.head_trained, Some(true));
}

#[test]
fn a_student_learns_from_the_teacher_alone() {
    let mut config = logits_only();
    config.train.epochs = 12;
    let student = run(toy::model(2), Some(TEACHER.clone()), &config).unwrap();
    let validation = student.validation.unwrap();
    assert!(validation.teacher.unwrap().value > 0.9, "{validation:?}");
    assert!(validation.before.value < 0.7, "{validation:?}");
    assert!(validation.after.value > 0.9, "{validation:?}");
    let teacher = student.teacher.unwrap();
    assert_eq!(teacher.model_digest, TEACHER.model_digest().unwrap());
    let losses = &student.course.journal.losses;
    assert_eq!(losses.last().unwrap().step, student.course.steps);
}

#[test]
fn equal_inputs_give_equal_weights_whatever_the_threads() {
    let mut config = toy::config();
    config.train.epochs = 1;
    config.train.dropout = 0.1;
    let digest = |threads| {
        let options = Options::new(&config, true, Seed(7), threads).unwrap();
        let teacher = Some(TEACHER.clone());
        let mut session = Session::new(Device::NdArray, &Silent);
        let (data, student) = (toy::dataset(200), toy::model(2));
        digest(&distill(student, teacher, &data, &options, &mut session).unwrap())
    };
    let once = digest(1);
    assert_eq!(once, digest(1));
    assert_eq!(once, digest(3));
}

#[test]
fn a_teacher_with_its_classes_in_another_order_teaches_the_same() {
    let mut config = logits_only();
    config.train.epochs = 1;
    let order = [2usize, 0, 1];
    let mut permuted = TEACHER.clone();
    permuted.task.labels = order.map(|i| TEACHER.task.labels[i].clone()).to_vec();
    for name in [Linear::Classifier.weight(), Linear::Classifier.bias()] {
        permute_rows(&mut permuted, &name, &order);
    }
    let straight = run(toy::model(2), Some(TEACHER.clone()), &config).unwrap();
    let remapped = run(toy::model(2), Some(permuted), &config).unwrap();
    assert_eq!(digest(&straight), digest(&remapped));
}

#[test]
fn a_teacher_with_another_vocabulary_reads_the_same_text() {
    let mut config = logits_only();
    config.train.epochs = 1;
    let tokens: Vec<&str> = TEACHER.tokenizer.word_piece().unwrap().tokens().collect();
    let order: Vec<usize> = (0..tokens.len()).rev().collect();
    let vocab: String = order.iter().map(|&i| format!("{}\n", tokens[i])).collect();
    let mut other = TEACHER.clone();
    other.tokenizer = WordPieceSpec::from_vocab(&vocab).unwrap().into();
    permute_rows(&mut other, &Embedding::Word.weight(), &order);
    let straight = run(toy::model(2), Some(TEACHER.clone()), &config).unwrap();
    let reread = run(toy::model(2), Some(other), &config).unwrap();
    assert_eq!(digest(&straight), digest(&reread));
}

fn permute_rows(artifact: &mut Artifact, name: &str, order: &[usize]) {
    let shape = artifact.params.get(name).unwrap().shape().to_vec();
    let values = artifact.params.f32(name).unwrap();
    let columns = values.len() / shape[0];
    let rows: Vec<f32> = order
        .iter()
        .flat_map(|&row| values[row * columns..(row + 1) * columns].to_vec())
        .collect();
    artifact.params.insert(name, Tensor::f32(shape, rows));
}

#[test]
fn int8_models_teach_but_do_not_learn() {
    let int8 = tiny_artifact(
        5,
        &TinyOptions {
            int8: Some(TinyInt8::default()),
            ..TinyOptions::default()
        },
    );
    let mut config = toy::config();
    config.train.train_iter = Some(2);
    assert!(run(toy::model(2), Some(int8.clone()), &config).is_ok());
    let error = run(int8, None, &config).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("int8"), "{error}");
}

#[test]
fn a_teacher_that_does_not_do_what_is_said_of_it_is_refused() {
    let mut config = toy::config();
    config.train.origin_metric = Some(0.99);
    let error = run(toy::model(2), Some(toy::model(3)), &config).map(drop);
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("origin_metric"), "{error}");
    config.train.train_iter = Some(1);
    assert!(run(toy::model(2), Some(TEACHER.clone()), &config).is_ok());
    assert!(
        run(toy::model(2), None, &config).is_ok(),
        "fine-tuning warns only"
    );
}

#[test]
fn a_teacher_for_other_classes_is_refused() {
    let mut other = TEACHER.clone();
    other.task.labels[1] = "something else".into();
    let error = run(toy::model(2), Some(other), &toy::config()).map(drop);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Usage);
}

/// Counts the units of every piece of work, and stops at one of them.
#[derive(Default)]
struct Counter {
    stop_at: Option<usize>,
    heard: Cell<usize>,
    /// Name, units announced, units done.
    pieces: RefCell<Vec<(String, usize, usize)>>,
}

impl Progress for Counter {
    fn begin(&self, what: &str, total: usize) {
        self.pieces.borrow_mut().push((what.into(), total, 0));
    }

    fn advance(&self, units: usize) -> Result<()> {
        self.heard.set(self.heard.get() + 1);
        if self.stop_at.is_some_and(|at| self.heard.get() > at) {
            return Err(Error::interrupted());
        }
        if let Some((_, _, done)) = self.pieces.borrow_mut().last_mut() {
            *done += units;
        }
        Ok(())
    }

    fn say(&self, _words: &str) {}
}

#[test]
fn the_wish_to_stop_is_heard_wherever_it_comes() {
    let options = Options::new(&toy::config(), true, Seed(42), 1).unwrap();
    for stop_at in [0, 12, 40] {
        let counter = Counter {
            stop_at: Some(stop_at),
            ..Counter::default()
        };
        let mut session = Session::new(Device::NdArray, &counter);
        let (student, teacher) = (toy::model(2), Some(TEACHER.clone()));
        let stopped = distill(student, teacher, &toy::dataset(300), &options, &mut session);
        assert_eq!(
            stopped.map(drop).unwrap_err().kind(),
            ErrorKind::Interrupted
        );
        assert_eq!(counter.heard.get(), stop_at + 1);
    }
}

#[test]
fn progress_adds_up_to_what_was_announced() {
    let mut config = toy::config();
    config.train.train_iter = Some(1);
    let options = Options::new(&config, true, Seed(42), 1).unwrap();
    let counter = Counter::default();
    let mut session = Session::new(Device::NdArray, &counter);
    let (student, teacher) = (toy::model(2), Some(TEACHER.clone()));
    distill(student, teacher, &toy::dataset(300), &options, &mut session).unwrap();
    // The teacher: what the one step trains on, and the fifth that is held out.
    let teacher = options.training.batch_size + 60;
    let piece = |what: &str, units| (what.to_string(), units, units);
    assert_eq!(
        *counter.pieces.borrow(),
        [
            piece("input", 240 + 60),
            piece("teacher", teacher),
            piece("training", 1)
        ]
    );
}

#[test]
fn without_validation_the_last_weights_are_kept() {
    let mut config = toy::config();
    config.train.validation_ratio = 0.0;
    config.train.train_iter = Some(3);
    let tuned = run(toy::model(2), None, &config).unwrap();
    assert!(tuned.validation.is_none());
    assert_eq!(
        (tuned.examples, tuned.course.steps, tuned.course.best_step),
        (300, 3, 3)
    );
}

#[test]
fn a_target_stops_early_and_a_missed_one_is_told() {
    let mut config = toy::config();
    config.train.target_metric = Some(0.5);
    let early = run(toy::model(1), None, &config).unwrap();
    assert!(early.course.steps < 90 && early.reached(Some(0.5)));
    config.train.train_iter = Some(1);
    config.train.target_metric = Some(0.999);
    let missed = run(toy::model(1), None, &config).unwrap();
    assert!(!missed.reached(Some(0.999)) && missed.reached(None));
}

#[test]
fn a_model_whose_answers_are_not_finite_is_rejected_before_any_step() {
    let error = run(toy::overflowing(), None, &toy::config())
        .map(drop)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("not finite"), "{error}");
}

#[test]
fn a_divergence_keeps_what_was_won_before_and_is_an_error_if_nothing_was() {
    let mut config = toy::config();
    config.train.epochs = 12;
    // Learns for four epochs; then decay multiplies the weights by 1 - 1.0 * 4 a step.
    config.train.optimizer_builder.weight_decay = Some(4.0);
    let jump = |boundary| {
        LearningRate::Scheduled(Scheduler::PiecewiseDecay {
            boundaries: vec![boundary],
            values: vec![5e-3, 1.0],
        })
    };
    config.train.learning_rate = jump(60);
    let tuned = run(toy::model(1), None, &config).unwrap();
    assert!(tuned.course.diverged.as_ref().unwrap().contains("diverged"));
    assert!(tuned.course.best_step <= 60 && tuned.course.steps >= 60);
    let validation = tuned.validation.unwrap();
    assert!(validation.after.value > validation.before.value);
    assert!(!tuned.reached(None), "the goal is missed");

    config.train.learning_rate = jump(1);
    config.train.eval_iter = Some(1000);
    let error = run(toy::model(1), None, &config).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(error.to_string().contains("diverged"), "{error}");
    assert!(error.to_string().contains("at step "), "{error}");
}

#[test]
fn patience_stops_and_micro_batches_change_rounding_only() {
    let mut config = toy::config();
    config.train.learning_rate = LearningRate::Peak(1e-9);
    config.train.patience = Some(2);
    let stopped = run(toy::model(1), None, &config).unwrap();
    assert_eq!(
        (stopped.course.steps, stopped.course.best_step),
        (3 * 15, 15)
    );

    let mut config = toy::config();
    config.train.epochs = 2;
    // Adam would blow rounding up where a gradient is 0 but for it: the bias of the keys.
    config.train.optimizer_builder.optimizer.kind = OptimizerKind::Momentum;
    let mut values = |micro_batch| {
        config.train.micro_batch = Some(micro_batch);
        let params = run(toy::model(1), None, &config).unwrap().artifact.params;
        let all = params
            .iter()
            .map(|(name, _)| params.f32(name).unwrap().to_vec());
        all.collect::<Vec<_>>().concat()
    };
    let (whole, split) = (values(16), values(3));
    let largest = whole.iter().zip(&split).map(|(a, b)| (a - b).abs());
    let largest = largest.fold(0f32, f32::max);
    assert!(largest > 0.0 && largest < 1e-3, "{largest}");
}

#[test]
fn record_and_report_tell_what_happened() {
    let mut config = toy::config();
    config.train.train_iter = Some(2);
    config.distillation.teacher_model_dir = Some("/some/where/base.act".into());
    let data = toy::dataset(300).record;
    let student = run(toy::model(2), Some(TEACHER.clone()), &config).unwrap();
    let teacher = student.teacher.as_ref();
    let begun = record::begun(
        student.input,
        teacher,
        &data,
        &config,
        act_core::Device::NdArray,
        Seed(42),
    )
    .unwrap();
    let record = record::finished(begun, &student);
    assert_eq!(record.inputs.len(), 2);
    assert_eq!(record.inputs[1].role, "teacher");
    assert!(record.config.contains("TrainConfig") && record.config.contains("Distillation"));
    assert!(
        !record.config.contains("/some/where"),
        "no paths in provenance"
    );
    assert!(
        record
            .metrics
            .iter()
            .any(|(name, _)| name == "validation_accuracy")
    );
    let report = serde_json::to_value(record::report(&student, &data).unwrap()).unwrap();
    assert_eq!(report["stage"], "act-distill");
    assert_eq!(report["training"]["steps"], 2);
    assert_eq!(report["validation"]["after"]["n"], 60);
    assert!(report["training"]["losses"][0]["loss"].as_f64().unwrap() > 0.0);
}
