//! `TrainConfig.metric`: what chooses the best weights, where it is not accuracy.

use std::fs;

use act_core::metrics::{Measure, Metric};
use act_core::{Result, Seed, Silent, Target, Tokenizer};
use act_data::Dataset;
use act_distill::{Distilled, Options, distill, record};
use act_nn::Device;
use act_stage::config::Config;
use act_train::Session;
use serde_json::Value;

use crate::program::workshop;
use crate::toy;

/// The toy task where class 2 is rare: one example in sixteen.
fn uneven() -> Dataset {
    let mut data = toy::dataset(300);
    let mut rare = 0;
    data.examples.retain(|example| {
        rare += usize::from(example.class() == Some(2));
        example.class() != Some(2) || rare % 8 == 0
    });
    data
}

fn config(metric: Metric) -> Config {
    let mut config = toy::config();
    config.train.metric = Some(metric);
    config.train.eval_iter = Some(2);
    config
}

fn run(config: &Config) -> Result<Distilled> {
    let options = Options::new(config, false, Seed(42), 2)?;
    let mut session = Session::new(Device::NdArray, &Silent);
    distill(toy::model(1), None, &uneven(), &options, &mut session)
}

#[test]
fn the_metric_chooses_the_weights_and_is_what_scikit_learn_would_find() {
    for metric in [Metric::MacroF1, Metric::Mcc] {
        let tuned = run(&config(metric)).unwrap();
        let validation = tuned.validation.unwrap();
        let chosen = validation.chosen_by.unwrap();
        assert_eq!((chosen.metric, validation.score()), (metric, chosen.after));
        let evaluations = &tuned.course.journal.evaluations;
        let most = evaluations.iter().map(|e| e.score).fold(f64::MIN, f64::max);
        assert_eq!(chosen.after, most);
        let first = evaluations.iter().find(|e| e.score == most).unwrap();
        assert_eq!(first.step, tuned.course.best_step, "of equals the first");

        // The same answers, counted here.
        let (model, data) = (&tuned.artifact, uneven());
        let held_out = data.slice_validation(Seed(42), 0.2).held_out;
        let tokenizer = Tokenizer::new(&model.tokenizer, model.task.max_seq_length).unwrap();
        let examples = held_out.iter().map(|&i| &data.examples[i]);
        let (encodings, labels): (Vec<_>, Vec<Target>) = examples
            .map(|e| {
                let target = e.target.clone().unwrap();
                (tokenizer.encode(&e.text, None).unwrap(), target)
            })
            .unzip();
        let logits = act_nn::predict(Device::NdArray, model, &encodings, 8).unwrap();
        let measure = Measure::new(metric, &model.task.labels).unwrap();
        assert!((measure.of_logits(&logits, &labels) - chosen.after).abs() < 1e-12);

        let report = record::report(&tuned, &data.record).unwrap();
        let report = serde_json::to_value(&report).unwrap();
        assert_eq!(report["training"]["metric"], metric.name());
        let last = report["training"]["evaluations"].as_array().unwrap().last();
        assert!(last.unwrap().get("accuracy").is_none() && last.unwrap()["score"].is_f64());
        assert_eq!(report["validation"]["chosen_by"]["metric"], metric.name());
    }
}

#[test]
fn accuracy_by_name_is_the_default() {
    let named = run(&config(Metric::Accuracy)).unwrap();
    let mut silent = config(Metric::Accuracy);
    silent.train.metric = None;
    let silent = run(&silent).unwrap();
    assert_eq!(
        named.artifact.model_digest().unwrap(),
        silent.artifact.model_digest().unwrap()
    );
    assert!(named.validation.unwrap().chosen_by.is_none());
}

#[test]
fn a_target_and_the_patience_are_of_the_metric() {
    let mut of_target = config(Metric::MacroF1);
    of_target.train.target_metric = Some(0.5);
    let early = run(&of_target).unwrap();
    assert!(early.course.steps < 60, "{} steps", early.course.steps);
    let score = early.validation.unwrap().score();
    assert!(score > 0.5 && early.reached(Some(0.5)) && !early.reached(Some(score + 0.01)));

    let mut impatient = config(Metric::Mcc);
    impatient.train.patience = Some(1);
    impatient.train.epochs = 30;
    let stopped = run(&impatient).unwrap();
    let evaluations = &stopped.course.journal.evaluations;
    assert!(!evaluations.last().unwrap().best);
    assert!(evaluations.iter().rev().skip(1).all(|e| e.best));
}

#[test]
fn a_metric_without_meaning_for_the_classes_is_refused_by_key() {
    let error = run(&config(Metric::F1)).map(drop).unwrap_err();
    let said = error.to_string();
    assert_eq!(error.kind(), act_core::ErrorKind::Usage);
    assert!(
        said.starts_with("TrainConfig.metric: f1 is of the positive class of two"),
        "{said}"
    );
    for (flag, says) in [
        (
            "TrainConfig.metric=f2",
            "TrainConfig.metric: unknown \"f2\"; known: accuracy, f1, macro_f1, micro_f1, mcc, lrap, pearson, \
             spearman",
        ),
        (
            "TrainConfig.target_metric=1.5",
            "1.5 is not allowed; give a value of the metric, 0 to 1",
        ),
        (
            "TrainConfig.metric=accuracy TrainConfig.origin_metric=-0.5",
            "a value of accuracy, 0 to 1",
        ),
    ] {
        let flags: Vec<String> = flag.split(' ').map(String::from).collect();
        let refused = Config::load(None, &flags).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
    let flags = ["TrainConfig.metric=mcc", "TrainConfig.origin_metric=-0.5"].map(String::from);
    assert!(
        Config::load(None, &flags).is_ok(),
        "a correlation may be negative"
    );
}

#[test]
fn log_lines_metrics_and_record_name_the_metric() {
    let workshop = workshop();
    let flags = "--set TrainConfig.metric=macro_f1 --metrics m.jsonl --report r.json";
    let arguments: Vec<&str> = ["new.act", "-o", "a.act"]
        .into_iter()
        .chain(flags.split(' '))
        .collect();
    let output = workshop.run(&arguments);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(told.contains(": validation macro-F1 0."), "{told}");
    assert!(told.contains("; macro-F1 there 0."), "{told}");
    let lines = fs::read_to_string(workshop.path("m.jsonl")).unwrap();
    let evaluation = lines.lines().rfind(|line| line.contains("evaluation"));
    let evaluation: Value = serde_json::from_str(evaluation.unwrap()).unwrap();
    assert!(evaluation["macro_f1"].is_f64() && evaluation.get("accuracy").is_none());
    let model = act_core::Artifact::open(workshop.path("a.act")).unwrap();
    let record = model.provenance.last().unwrap();
    assert!(
        record.config.contains("metric: macro_f1"),
        "{}",
        record.config
    );
    let names: Vec<&str> = record
        .metrics
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(names.contains(&"validation_macro_f1") && names.contains(&"validation_accuracy"));
}
