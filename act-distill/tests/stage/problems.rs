//! Texts with several labels, texts with a score, and classes that weigh more than others.

use act_core::metrics::{Counts, Metric, argmax, decide};
use act_core::{Artifact, Problem, ProblemKind, Result, Seed, Silent, Target, TaskInfo, Tokenizer};
use act_data::Dataset;
use act_distill::{Distilled, Options, distill};
use act_nn::Device;
use act_stage::config::Config;
use act_train::Session;

use crate::toy;

/// The toy task as one of several labels: class 0 alone, class 1 with label 0, class 2 without any.
fn several() -> (Artifact, Dataset) {
    let sets = [vec![0], vec![0, 1], vec![]];
    let mut model = toy::model(1);
    model.task.problem = Problem::new(ProblemKind::MultiLabel, 3);
    let mut data = toy::dataset(300);
    data.problem = ProblemKind::MultiLabel;
    for example in &mut data.examples {
        let class = example.class().unwrap() as usize;
        example.target = Some(Target::Classes(sets[class].clone()));
    }
    (model, data)
}

/// The toy task as one of scores: half the class, less one.
fn scores() -> (Artifact, Dataset) {
    let mut data = toy::dataset(300);
    data.problem = ProblemKind::Regression;
    data.labels = vec!["score".into()];
    for example in &mut data.examples {
        let class = f64::from(example.class().unwrap());
        example.target = Some(Target::Score(class / 2.0 - 1.0));
    }
    let model = toy::model_of(1, 1);
    let task = TaskInfo {
        problem: Problem::Regression,
        labels: data.labels.clone(),
        ..model.task.clone()
    };
    (Artifact { task, ..model }, data)
}

fn run(
    student: Artifact,
    teacher: Option<Artifact>,
    data: &Dataset,
    config: &Config,
) -> Result<Distilled> {
    let mut config = config.clone();
    let kind = student.task.problem.kind();
    config.distillation = config.distillation.of_kind(kind);
    let options = Options::new(&config, teacher.is_some(), Seed(42), 2)?;
    let mut session = Session::new(Device::NdArray, &Silent);
    distill(student, teacher, data, &options, &mut session)
}

/// The model's logits for all examples.
fn logits(model: &Artifact, data: &Dataset) -> Vec<Vec<f32>> {
    let tokenizer = Tokenizer::new(&model.tokenizer, model.task.max_seq_length).unwrap();
    let encodings = data.encode(&tokenizer).unwrap().encodings;
    act_nn::predict(Device::NdArray, model, &encodings, 16).unwrap()
}

#[test]
fn several_labels_are_learned_and_thresholds_are_chosen_on_what_was_held_out() {
    let (model, data) = several();
    let tuned = run(model.clone(), None, &data, &toy::config()).unwrap();
    let chosen = tuned.validation.unwrap().chosen_by.unwrap();
    assert_eq!(chosen.metric, Metric::MacroF1);
    // The third label is nobody's: its F1 is 0, and the mean of three at most 2/3.
    assert!(
        chosen.after > 0.5 && chosen.after > chosen.before,
        "{chosen:?}"
    );
    let Problem::MultiLabel { thresholds } = &tuned.artifact.task.problem else {
        panic!("{:?}", tuned.artifact.task.problem);
    };
    assert!(thresholds[..2].iter().any(|&t| t != 0.5), "{thresholds:?}");
    let rows = logits(&tuned.artifact, &data);
    let right = rows.iter().zip(&data.examples);
    let right = right.filter(|(row, example)| {
        decide(row, thresholds) == example.target.as_ref().unwrap().classes()
    });
    assert!(right.count() > 270);
    tuned.artifact.to_bytes().unwrap();

    // A student learns them from the teacher's answers alone.
    let mut config = toy::config();
    config.distillation.soft_labels = Some(1.0);
    let student = run(toy_student(&model), Some(tuned.artifact), &data, &config).unwrap();
    let validation = student.validation.unwrap().chosen_by.unwrap();
    assert!(
        validation.after > 0.5 && validation.teacher > Some(0.6),
        "{validation:?}"
    );
}

/// The same task for other weights.
fn toy_student(model: &Artifact) -> Artifact {
    Artifact {
        task: model.task.clone(),
        ..toy::model(2)
    }
}

#[test]
fn scores_are_learned_from_the_answers_and_from_a_teacher() {
    let (model, data) = scores();
    let tuned = run(model.clone(), None, &data, &toy::config()).unwrap();
    let validation = tuned.validation.unwrap();
    assert_eq!(validation.after.metric, Metric::Pearson);
    assert!(validation.chosen_by.is_none());
    assert!(validation.after.value > 0.8, "{validation:?}");
    let losses = tuned.fit.losses;
    assert!(losses.after < 0.5 * losses.guessing, "{losses:?}");

    let fresh = Artifact {
        task: model.task.clone(),
        ..toy::model_of(2, 1)
    };
    // The automatic losses learn the teacher's score, for it has no probabilities.
    let student = run(
        fresh.clone(),
        Some(tuned.artifact.clone()),
        &data,
        &toy::config(),
    );
    assert!(student.unwrap().validation.unwrap().after.value > 0.8);
    let mut config = toy::config();
    config.distillation.soft_labels = Some(1.0);
    let refused = run(fresh, Some(tuned.artifact), &data, &config)
        .err()
        .unwrap();
    assert!(
        refused.to_string().contains("no probabilities"),
        "{refused}"
    );
}

#[test]
fn a_class_that_weighs_more_is_found_more_often() {
    let mut data = toy::dataset(300);
    let mut rare = 0;
    data.examples.retain(|example| {
        rare += usize::from(example.class() == Some(2));
        example.class() != Some(2) || rare % 4 == 0
    });
    let recall = |weights: &str| {
        let mut config = toy::config();
        config.train.epochs = 3;
        config.train.validation_ratio = 0.0;
        config.train.class_weights = serde_json::from_str(weights).unwrap();
        let tuned = run(toy::model(1), None, &data, &config).unwrap();
        let truth = data.examples.iter().filter_map(|e| e.class());
        let rows = logits(&tuned.artifact, &data);
        let counts = Counts::new(rows.iter().map(|row| argmax(row)), truth, 3);
        counts.classes[2].recall().unwrap()
    };
    let (plain, balanced) = (recall("null"), recall("\"balanced\""));
    assert!(balanced > plain + 0.1, "{plain} {balanced}");
    assert_eq!(recall("{\"label 2\": 0}"), 0.0);
}

#[test]
fn weights_of_labels_that_there_are_not_and_of_scores_are_refused() {
    let refusal = |(model, data): (Artifact, Dataset), change: fn(&mut Config)| {
        let mut config = toy::config();
        change(&mut config);
        run(model, None, &data, &config).err().unwrap().to_string()
    };
    let unknown = |config: &mut Config| {
        config.train.class_weights = serde_json::from_str("{\"x\": 2}").unwrap();
    };
    assert!(
        refusal(several(), unknown).contains("TrainConfig.class_weights: there is no label \"x\"")
    );
    let balanced = |config: &mut Config| {
        config.train.class_weights = serde_json::from_str("\"balanced\"").unwrap();
    };
    assert!(refusal(scores(), balanced).contains("scores, which have no classes"));
    let focal = |config: &mut Config| config.train.focal_gamma = Some(2.0);
    assert!(refusal(scores(), focal).contains("TrainConfig.focal_gamma"));
    let other = |config: &mut Config| config.train.metric = Some(Metric::Pearson);
    assert!(refusal(several(), other).contains("pearson does not judge multi-label answers"));
}
