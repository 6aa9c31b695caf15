//! Quantisation-aware training on tiny models and coarse grids, where rounding hurts: by the library,
//! and by the program.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use act_core::config::{Config, LearningRate, QuantAware};
use act_core::provenance::{DataRecord, Digest};
use act_core::quant::Calibrator;
use act_core::testing::{CHARACTERS, TinyOptions, tiny_artifact};
use act_core::{Artifact, ErrorKind, LayerPlan, Linear, Result, Seed, Tensor};
use act_data::{Dataset, Example, Split};
use act_infer::Engine;
use act_nn::Device;
use act_quant::aware::{self, Kept, Mode, Outcome, Plan, Source};
use act_quant::options::Options;
use act_quant::samples::Samples;
use act_quant::{Quantized, quantize};

/// A random model that is sure of its answers.
fn model() -> Artifact {
    let options = TinyOptions {
        hidden_size: 16,
        layers: vec![LayerPlan::full(2, 8, 32); 2],
        ..TinyOptions::default()
    };
    let mut model = tiny_artifact(3, &options);
    let name = Linear::Classifier.weight();
    let sure: Vec<f32> = model
        .params
        .f32(&name)
        .unwrap()
        .iter()
        .map(|w| 10.0 * w)
        .collect();
    let shape = model.plan.linear_shape(Linear::Classifier);
    model.params.insert(name, Tensor::f32(shape, sure));
    model
}

fn texts(count: usize) -> impl Iterator<Item = String> {
    let characters: Vec<char> = CHARACTERS.chars().collect();
    (0..count).map(move |i| {
        let length = 2 + i % 7;
        let character = |j| characters[(i * 13 + j * (5 + i / 11)) % characters.len()];
        (0..length).map(character).collect()
    })
}

fn data() -> Dataset {
    let examples = texts(300).enumerate().map(|(i, text)| Example {
        text,
        pair: None,
        label: Some(i as u32 % 3),
    });
    Dataset {
        task: "tiny".into(),
        split: Split::Train,
        labels: model().task.labels,
        examples: examples.collect(),
        dropped: 0,
        record: DataRecord {
            name: "tiny/train".into(),
            digest: Digest([0; 32]),
            examples: 300,
            synthetic: false,
        },
    }
}

/// Four bits of weights and activations, static steps.
fn config() -> Config {
    let mut config = Config::default();
    let post = &mut config.quant_post;
    (post.batch_size, post.batch_nums) = (16, 4);
    (post.weight_max, post.activation_max) = (7, 7);
    post.schemes = vec!["static".into()];
    config.train.validation_ratio = 0.2;
    config.quant_aware = Some(QuantAware {
        learning_rate: Some(1e-3),
        epochs: Some(4),
        ..QuantAware::default()
    });
    config
}

fn run(config: &Config, teacher: Option<Artifact>, threads: usize) -> (Quantized, Result<Outcome>) {
    let (model, data, seed) = (model(), data(), Seed(7));
    let options = Options::from_config(config).unwrap();
    let plan = Plan::new(config, Some(Mode::Aware), seed, threads).unwrap();
    let samples = Samples::draw(&data, &model, &options, seed).unwrap();
    let mut quantized =
        quantize(&model, &samples, &options, seed, threads, &mut || Ok(())).unwrap();
    let source = Source {
        model: &model,
        teacher,
        data: &data,
        options: &options,
        seed,
        device: Device::NdArray,
    };
    let outcome = aware::train(source, &plan, &mut quantized, &mut |_| true);
    (quantized, outcome)
}

#[test]
fn training_wins_back_what_a_coarse_grid_loses() {
    let (quantized, outcome) = run(&config(), None, 2);
    let outcome = outcome.unwrap();
    let (before, after) = (outcome.before.divergence, outcome.after.unwrap().divergence);
    assert_eq!(outcome.kept, Kept::Trained);
    assert!(after < 0.8 * before, "{before} -> {after}");
    let winner = quantized.winner().score.divergence;
    assert_eq!(
        before, winner,
        "the float model teaches, on the same examples"
    );
    let artifact = Artifact::read(&quantized.artifact.to_bytes().unwrap()[..]).unwrap();
    let linears = &artifact.quant.linears;
    assert!(linears.iter().all(|q| q.calibrator == Calibrator::None));
    Engine::new(artifact).unwrap();

    let (again, _) = run(&config(), None, 1);
    let digest = |quantized: &Quantized| quantized.artifact.model_digest().unwrap();
    assert_eq!(digest(&again), digest(&quantized), "whatever the threads");
}

#[test]
fn every_rule_of_steps_trains() {
    for (weights, inputs) in [
        ("channel_wise_abs_max", "moving_average_abs_max"),
        ("abs_max", "range_abs_max"),
        ("channel_wise_lsq", "lsq"),
    ] {
        let mut config = config();
        let section = config.quant_aware.as_mut().unwrap();
        section.weight_quantize_type = weights.into();
        section.activation_quantize_type = Some(inputs.into());
        config.quant_post.schemes = ["static", "dynamic", "float"].map(String::from).to_vec();
        let (_, outcome) = run(&config, Some(model()), 2);
        let outcome = outcome.unwrap();
        assert!(
            outcome.after.is_some() && outcome.teacher.is_some(),
            "{weights} {inputs}"
        );
    }
}

#[test]
fn a_training_that_ruins_the_model_keeps_the_calibrated_one() {
    let mut ruinous = config();
    ruinous.quant_aware.as_mut().unwrap().learning_rate = Some(1.0);
    let (quantized, outcome) = run(&ruinous, None, 2);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.kept, Kept::Calibrated);
    assert_eq!(outcome.details()["kept"], "ptq");
    let mut calibrated = config();
    calibrated.quant_aware = None;
    let options = Options::from_config(&calibrated).unwrap();
    let samples = Samples::draw(&data(), &model(), &options, Seed(7)).unwrap();
    let alone = quantize(&model(), &samples, &options, Seed(7), 1, &mut || Ok(())).unwrap();
    let digest = |quantized: &Quantized| quantized.artifact.model_digest().unwrap();
    assert_eq!(digest(&quantized), digest(&alone));
}

#[test]
fn training_is_a_tenth_of_what_it_follows() {
    let mut config = Config::default();
    (config.train.epochs, config.train.train_iter) = (12, Some(75));
    config.train.learning_rate = LearningRate::Peak(3e-5);
    let plan = |config: &Config| Plan::new(config, None, Seed(1), 1).unwrap();
    assert_eq!(plan(&config).mode, Mode::Post);
    config.quant_aware = Some(QuantAware::default());
    let auto = plan(&config);
    assert_eq!(auto.mode, Mode::Auto);
    let training = &auto.training;
    assert_eq!((training.epochs, training.max_steps), (1, Some(8)));
    assert_eq!(training.learning_rate, LearningRate::Peak(3e-5 / 10.0));
    config.quant_aware.as_mut().unwrap().learning_rate = Some(5e-6);
    let training = plan(&config).training;
    assert_eq!(training.learning_rate, LearningRate::Peak(5e-6));
}

/// A folder with a model and its data.
fn workshop() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    write("float.act", &model().to_bytes().unwrap());
    let rows = texts(200).enumerate();
    let lines: Vec<String> = rows
        .map(|(i, text)| format!("{{\"text\":\"{text}\",\"label\":\"label {}\"}}\n", i % 3))
        .collect();
    write("train.json", lines.concat().as_bytes());
    let description = r#"{"task":"tiny","columns":{"text":"text","label":"label"},
        "labels":["label 0","label 1","label 2"]}"#;
    write("act-dataset.json", description.as_bytes());
    write(
        "coarse.yaml",
        b"QuantPost: {schemes: [static], weight_max: 7, activation_max: 7}\n\
          TrainConfig: {learning_rate: 1.0e-2, epochs: 40}\n\
          Distillation: {logits: 1}\nQuantAware:\n",
    );
    dir
}

fn act_quant(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_act-quant"));
    command
        .current_dir(dir)
        .args(["float.act", "--data", "."])
        .args(args);
    command.output().unwrap()
}

fn report(dir: &Path, name: &str) -> serde_json::Value {
    serde_json::from_slice(&fs::read(dir.join(name)).unwrap()).unwrap()
}

#[test]
fn the_section_asks_for_training_where_calibration_loses_too_much() {
    let dir = workshop();
    let quant = |args: &[&str]| {
        let common = ["-c", "coarse.yaml", "--report", "r.json", "-o", "out.act"];
        let output = act_quant(dir.path(), &[&common, args].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        (report(dir.path(), "r.json")["training"].clone(), told)
    };
    let (trained, told) = quant(&["--teacher", "float.act"]);
    assert_eq!(
        (&trained["mode"], &trained["kept"]),
        (&"auto".into(), &"qat".into())
    );
    assert!(
        trained["reason"]
            .as_str()
            .unwrap()
            .contains("more than QuantAware.max_divergence")
    );
    assert!(told.contains("keeping the trained model"), "{told}");
    let artifact = Artifact::open(dir.path().join("out.act")).unwrap();
    let record = artifact.provenance.last().unwrap();
    assert!(record.config.contains("QuantAware"), "{}", record.config);
    assert!(record.inputs.iter().any(|input| input.role == "teacher"));
    assert!(
        record
            .metrics
            .iter()
            .any(|(name, _)| name == "trained_teacher_divergence")
    );

    let (content, _) = quant(&["--set", "QuantAware.max_divergence=10"]);
    assert_eq!(content["kept"], "ptq");
    assert!(
        content["reason"]
            .as_str()
            .unwrap()
            .contains("within QuantAware.max_divergence")
    );
    assert!(content.get("steps").is_none());
    let (post, _) = quant(&["--mode", "ptq"]);
    assert_eq!(
        (&post["mode"], &post["kept"]),
        (&"ptq".into(), &"ptq".into())
    );
}

#[test]
fn what_cannot_be_trained_is_refused_in_one_line() {
    let dir = workshop();
    let refused = |args: &[&str], says: &str| {
        let output = act_quant(dir.path(), &[args, &["-q", "-o", "x.act"]].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(says), "{told}");
    };
    refused(&["--mode", "both"], "ptq, qat or auto");
    refused(
        &[
            "--set",
            "QuantAware.moving_rate=0.5",
            "--set",
            "QuantAware.activation_quantize_type=lsq",
        ],
        "QuantAware.moving_rate",
    );
    let schedule =
        "TrainConfig.learning_rate={type: ExponentialDecay, learning_rate: 0.1, gamma: 0.9}";
    refused(
        &["--mode", "qat", "--set", schedule],
        "QuantAware.learning_rate",
    );
    refused(
        &["--mode", "qat", "--set", "Distillation.hidden=1"],
        "QuantPost.shift",
    );
    refused(
        &["--mode", "qat", "--teacher", "."],
        "the teacher . is a folder",
    );
    let output = Command::new(env!("CARGO_BIN_EXE_act-quant"))
        .current_dir(dir.path())
        .args(["float.act", "--mode", "qat", "-o", "x.act"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--data"));
    assert_eq!(aware_error_kind(), ErrorKind::Usage);
}

/// Labels are needed where a loss reads them.
fn aware_error_kind() -> ErrorKind {
    let mut data = data();
    data.examples[5].label = None;
    let (model, config, seed) = (model(), config(), Seed(7));
    let options = Options::from_config(&config).unwrap();
    let plan = Plan::new(&config, Some(Mode::Aware), seed, 1).unwrap();
    let samples = Samples::draw(&data, &model, &options, seed).unwrap();
    let mut quantized = quantize(&model, &samples, &options, seed, 1, &mut || Ok(())).unwrap();
    let source = Source {
        model: &model,
        teacher: None,
        data: &data,
        options: &options,
        seed,
        device: Device::NdArray,
    };
    let outcome = aware::train(source, &plan, &mut quantized, &mut |_| true);
    outcome.err().unwrap().kind()
}
