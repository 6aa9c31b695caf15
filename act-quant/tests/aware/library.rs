//! By the library.

use act_core::provenance::{DataRecord, Digest};
use act_core::{Artifact, ErrorKind, Result, Seed, Silent};
use act_data::{Dataset, Example, ProblemKind, Split, Target};
use act_infer::Engine;
use act_nn::{Decay, Device, Schedule};
use act_quant::aware::{self, AwareOptions, Inputs, Mode, Outcome};
use act_quant::options::Options;
use act_quant::samples::Samples;
use act_quant::{Quantized, quantize};
use act_stage::config::{
    Config, LearningRate, QuantAware, SchemeKind, TrainedActivations, TrainedWeights, WeightGroups,
};
use act_stage::report::KeptModel;
use act_train::Session;

use crate::toy::{model, texts};

fn data() -> Dataset {
    let examples = texts(300).enumerate().map(|(i, text)| Example {
        text,
        pair: None,
        target: Some(Target::Class(i as u32 % 3)),
    });
    Dataset {
        task: "tiny".into(),
        split: Split::Train,
        problem: ProblemKind::SingleLabel,
        labels: model().task.labels,
        examples: examples.collect(),
        columns: None,
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
    post.schemes = vec![SchemeKind::Static];
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
    let aware_options = AwareOptions::new(config, Some(Mode::Aware), seed, threads).unwrap();
    let samples = Samples::draw(&data, &model, &options, seed).unwrap();
    let mut quantized = quantize(&model, &samples, &options, seed, threads, &Silent).unwrap();
    let inputs = Inputs {
        model: &model,
        teacher: teacher.as_ref(),
        data: &data,
        calibration: &options,
        seed,
        judges: None,
    };
    let mut session = Session::new(Device::NdArray, &Silent);
    let outcome = aware::train(&inputs, &aware_options, &mut quantized, &mut session);
    (quantized, outcome)
}

#[test]
fn training_wins_back_what_a_coarse_grid_loses() {
    let (quantized, outcome) = run(&config(), None, 2);
    let outcome = outcome.unwrap();
    let (before, after) = (outcome.before.divergence, outcome.after.unwrap().divergence);
    assert_eq!(outcome.kept, KeptModel::Trained);
    assert!(after < 0.8 * before, "{before} -> {after}");
    let agreement = outcome.agreement.unwrap();
    assert!(
        agreement.predictions >= 0.98 && agreement.median_logit_difference < 1e-3,
        "{agreement:?}"
    );
    let winner = quantized.winner().score.divergence;
    assert_eq!(
        before, winner,
        "the float model teaches, on the same examples"
    );
    let artifact = Artifact::read(&quantized.artifact.to_bytes().unwrap()[..]).unwrap();
    let linears = &artifact.quant.linears;
    assert!(linears.iter().all(|q| q.calibrator.is_none()));
    Engine::new(artifact).unwrap();

    let (again, _) = run(&config(), None, 1);
    let digest = |quantized: &Quantized| quantized.artifact.model_digest().unwrap();
    assert_eq!(digest(&again), digest(&quantized), "whatever the threads");
}

#[test]
fn what_training_gives_keeps_the_limits_of_groups() {
    let mut config = config();
    let post = &mut config.quant_post;
    (post.weight_max, post.activation_max) = (127, 127);
    post.weight_groups = WeightGroups::Quads;
    let (quantized, outcome) = run(&config, None, 2);
    let outcome = outcome.unwrap();
    assert!(outcome.after.is_some());
    if let Some(agreement) = outcome.agreement {
        assert!(agreement.predictions >= 0.98, "{agreement:?}");
    }
    // Reading verifies them.
    let artifact = Artifact::read(&quantized.artifact.to_bytes().unwrap()[..]).unwrap();
    assert!(
        artifact
            .quant
            .linears
            .iter()
            .all(|q| q.group_limit.is_some())
    );
}

#[test]
fn every_rule_of_steps_trains() {
    for (weights, inputs) in [
        (TrainedWeights::RowPeak, TrainedActivations::MovingAverage),
        (TrainedWeights::Peak, TrainedActivations::RangePeak),
        (TrainedWeights::Learned, TrainedActivations::Learned),
    ] {
        let mut config = config();
        let section = config.quant_aware.as_mut().unwrap();
        section.weight_quantize_type = weights;
        section.activation_quantize_type = Some(inputs);
        config.quant_post.schemes =
            vec![SchemeKind::Static, SchemeKind::Dynamic, SchemeKind::Float];
        // So coarse a grid would leave every input in float in the end.
        config.hpo.max_quant_count = Some(6);
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
    assert_eq!(outcome.kept, KeptModel::Calibrated);
    let mut calibrated = config();
    calibrated.quant_aware = None;
    let options = Options::from_config(&calibrated).unwrap();
    let samples = Samples::draw(&data(), &model(), &options, Seed(7)).unwrap();
    let alone = quantize(&model(), &samples, &options, Seed(7), 1, &Silent).unwrap();
    let digest = |quantized: &Quantized| quantized.artifact.model_digest().unwrap();
    assert_eq!(digest(&quantized), digest(&alone));
}

#[test]
fn training_is_a_tenth_of_what_it_follows() {
    let mut config = Config::default();
    (config.train.epochs, config.train.train_iter) = (12, Some(75));
    config.train.learning_rate = LearningRate::Peak(3e-5);
    let plan = |config: &Config| AwareOptions::new(config, None, Seed(1), 1).unwrap();
    assert_eq!(plan(&config).mode, Mode::Post);
    config.quant_aware = Some(QuantAware::default());
    let auto = plan(&config);
    assert_eq!(auto.mode, Mode::Auto);
    let training = &auto.training;
    assert_eq!((training.epochs, training.max_steps), (1, Some(8)));
    let peak = |rate| Schedule::Peak {
        rate,
        decay: Decay::Linear,
    };
    assert_eq!(training.learning_rate, peak(3e-5 / 10.0));
    config.quant_aware.as_mut().unwrap().learning_rate = Some(5e-6);
    let training = plan(&config).training;
    assert_eq!(training.learning_rate, peak(5e-6));
}

#[test]
fn examples_without_labels_are_refused() {
    let mut data = data();
    data.examples[5].target = None;
    let (model, config, seed) = (model(), config(), Seed(7));
    let options = Options::from_config(&config).unwrap();
    let aware_options = AwareOptions::new(&config, Some(Mode::Aware), seed, 1).unwrap();
    let samples = Samples::draw(&data, &model, &options, seed).unwrap();
    let mut quantized = quantize(&model, &samples, &options, seed, 1, &Silent).unwrap();
    let inputs = Inputs {
        model: &model,
        teacher: None,
        data: &data,
        calibration: &options,
        seed,
        judges: None,
    };
    let mut session = Session::new(Device::NdArray, &Silent);
    let outcome = aware::train(&inputs, &aware_options, &mut quantized, &mut session);
    assert_eq!(outcome.err().unwrap().kind(), ErrorKind::Usage);
}
