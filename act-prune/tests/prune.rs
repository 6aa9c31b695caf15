//! The whole stage through its library: scores, choice and cut on a tiny model and a toy task.

use act_core::provenance::{DataRecord, Digest};
use act_core::testing::{CHARACTERS, TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, ErrorKind, LayerPlan, Seed, Silent};
use act_data::{Dataset, Example, ProblemKind, Split, Target};
use act_nn::Device;
use act_prune::{Calibration, Measure, Options, Pruned, prune};
use act_stage::config::Config;

fn model() -> Artifact {
    let layers = vec![LayerPlan::full(4, 2, 16), LayerPlan::full(2, 4, 9)];
    tiny_artifact(
        3,
        &TinyOptions {
            layers,
            ..TinyOptions::default()
        },
    )
}

fn dataset() -> Dataset {
    let characters: Vec<char> = CHARACTERS.chars().collect();
    let examples: Vec<Example> = (0..60)
        .map(|i| Example {
            text: (0..3 + i % 5)
                .map(|j| characters[(i * 7 + j * 3) % characters.len()])
                .collect(),
            pair: (i % 2 == 0).then(|| "借款".to_string()),
            target: Some(Target::Class(i as u32 % 3)),
        })
        .collect();
    Dataset {
        task: "tiny".into(),
        split: Split::Train,
        problem: ProblemKind::SingleLabel,
        labels: (0..3).map(|i| format!("label {i}")).collect(),
        columns: None,
        dropped: 0,
        record: DataRecord {
            name: "tiny/train".into(),
            digest: Digest([0; 32]),
            examples: examples.len() as u64,
            synthetic: true,
        },
        examples,
    }
}

fn options(ratio: f64) -> Options {
    let mut config = Config::default();
    config.prune.pruned_ratio = Some(ratio);
    config.prune.calibration_examples = 40;
    Options::new(&config).unwrap()
}

fn calibration(model: &Artifact, seed: u64) -> Calibration {
    Calibration::sample(&dataset(), model, &options(0.25), Seed(seed)).unwrap()
}

fn measure(calibration: &Calibration, threads: usize) -> Measure<'_> {
    Measure {
        calibration,
        batch_size: 16,
        device: Device::NdArray,
        threads,
        progress: &Silent,
    }
}

fn run(ratio: f64, threads: usize) -> Pruned {
    let model = model();
    let calibration = calibration(&model, 42);
    prune(model, &options(ratio), measure(&calibration, threads)).unwrap()
}

#[test]
fn layers_shrink_to_the_rounded_ratio() {
    let pruned = run(0.25, 1);
    let shapes: Vec<_> = pruned
        .artifact
        .plan
        .layers
        .iter()
        .map(|l| (l.heads(), l.intermediate_size))
        .collect();
    // 2 heads * 0.75 is 1.5, to even is 2: the second layer stays whole.
    assert_eq!(shapes, [(3, 12), (2, 9)]);
    assert_eq!(pruned.calibration_examples, 40);
    assert!(pruned.artifact.plan.parameters() < pruned.parameters_before());
    let layer = &pruned.layers[0];
    assert!(layer.head_importance_kept > 0.75 && layer.head_importance_kept < 1.0);
    assert!(layer.neuron_importance_kept > 0.75 && layer.neuron_importance_kept < 1.0);
    assert_eq!(pruned.layers[1].head_importance_kept, 1.0);
}

#[test]
fn equal_inputs_give_equal_models_whatever_the_threads() {
    let digest = |threads| run(0.5, threads).artifact.model_digest().unwrap();
    let once = digest(1);
    assert_eq!(once, digest(1));
    assert_eq!(once, digest(3));
}

#[test]
fn a_ratio_of_zero_changes_nothing() {
    let pruned = run(0.0, 1);
    assert!(pruned.is_identity());
    assert_eq!(
        pruned.artifact.model_digest().unwrap(),
        pruned.origin.digest
    );
}

#[test]
fn a_pruned_model_can_be_pruned_again() {
    let once = run(0.25, 1).artifact;
    let calibration = calibration(&once, 42);
    let kept = once.plan.layers[0].kept_heads.clone();
    let twice = prune(once, &options(0.4), measure(&calibration, 1)).unwrap();
    let layers = &twice.artifact.plan.layers;
    // 3 * 0.6 rounds to 2, 12 * 2/3 is 8; 2 * 0.6 rounds to 1, 9 / 2 is 4.
    assert_eq!((layers[0].heads(), layers[0].intermediate_size), (2, 8));
    assert_eq!((layers[1].heads(), layers[1].intermediate_size), (1, 4));
    assert!(layers[0].kept_heads.iter().all(|h| kept.contains(h)));
}

#[test]
fn int8_models_are_refused() {
    let int8 = tiny_artifact(
        3,
        &TinyOptions {
            int8: Some(TinyInt8::default()),
            ..TinyOptions::default()
        },
    );
    let calibration = calibration(&int8, 1);
    let refused = prune(int8, &options(0.25), measure(&calibration, 1));
    let error = refused.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("int8"));
}

#[test]
fn calibration_is_a_seeded_slice_of_train() {
    let model = model();
    let first = calibration(&model, 1);
    assert_eq!((first.len(), first.encodings.len()), (40, 40));
    assert_eq!(first.encodings, calibration(&model, 1).encodings);
    assert_ne!(first.encodings, calibration(&model, 2).encodings);
    let held_out = dataset().slice_validation(Seed(1), 0.05).held_out;
    let mut all = options(0.25);
    all.calibration_examples = 1000;
    let all = Calibration::sample(&dataset(), &model, &all, Seed(1)).unwrap();
    assert_eq!(all.len(), 60 - held_out.len());
    let mut empty = dataset();
    empty.examples.clear();
    let refused = Calibration::sample(&empty, &model, &options(0.25), Seed(1));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Usage);
}
