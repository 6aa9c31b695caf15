//! A run that is broken off after every step and taken up from files ends in the bits of one that
//! never was, with every optimiser.

use std::path::Path;
use std::sync::RwLock;
use std::time::Duration;

use act_core::metrics::Measure;
use act_core::provenance::Digest;
use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, Encoding, Error, ErrorKind, Params, Result, Seed, Target};
use act_nn::checkpoint::{Keeper, Unkept};
use act_nn::{
    Decay, Device, Examples, Objective, OptimizerOptions, Schedule, TrainEvent, TrainOptions,
    Trained, Training, UpdateRule,
};
use act_train::checkpoint::Checkpoints;
use serde_json::{Value, json};

const STEPS: usize = 7;

/// Never due by itself.
const HOUR: Duration = Duration::from_secs(3600);

/// Written while a process starts: until it runs, it holds the locks of the checkpoints that are open here.
static STARTING: RwLock<()> = RwLock::new(());

fn open(folder: &Path, model: &Artifact, key: u8) -> Result<Checkpoints> {
    Checkpoints::open(folder, model, Digest([key; 32]), HOUR)
}

fn options(rule: UpdateRule) -> TrainOptions {
    TrainOptions {
        epochs: 4,
        max_steps: Some(STEPS),
        batch_size: 4,
        micro_batch: Some(3),
        eval_every: Some(2),
        log_every: 2,
        learning_rate: Schedule::Peak {
            rate: 1e-2,
            decay: Decay::Cosine,
        },
        warmup_ratio: 0.3,
        optimizer: OptimizerOptions {
            rule,
            l1: 0.0,
            l2: 0.0,
            grad_clip: 1.0,
        },
        dropout: 0.1,
        mixed_precision: false,
        target_score: None,
        patience: None,
        threads: 2,
        seed: Seed(3),
    }
}

/// Trains from where `keeper` stands, and stops after the step that is `last`.
fn train(
    model: &Artifact,
    options: &TrainOptions,
    keeper: &mut dyn Keeper,
    last: impl Fn(usize) -> bool,
) -> Result<Trained> {
    let encodings: Vec<Encoding> = (0..10)
        .map(|i| Encoding {
            input_ids: (0..3 + i % 4)
                .map(|t| 5 + (i * 31 + t * 17) % 100)
                .collect(),
            token_type_ids: vec![0; 3 + i as usize % 4],
        })
        .collect();
    let labels: Vec<Target> = (0..10).map(|i| Target::Class(i % 3)).collect();
    let examples = Examples {
        encodings: &encodings,
        labels: &labels,
        teacher_logits: None,
        teacher: None,
    };
    let training = Training {
        artifact: model,
        train: examples,
        validation: Some(act_nn::Validation {
            examples,
            measure: Measure::accuracy(3),
        }),
        quantizing: None,
        objective: Objective::LABELS,
        options,
    };
    act_nn::train(
        Device::NdArray,
        training,
        keeper,
        &mut |event, _| match event {
            TrainEvent::Step { step, .. } if last(*step) => Err(Error::interrupted()),
            _ => Ok(()),
        },
    )
}

fn bits(params: &Params) -> Vec<u8> {
    let tensors = params.iter().map(|(_, tensor)| tensor.bytes().to_vec());
    tensors.collect::<Vec<_>>().concat()
}

#[test]
fn broken_runs_end_in_the_same_bits() {
    let _none_starts = STARTING.read();
    let model = tiny_artifact(1, &TinyOptions::default());
    let adam = OptimizerOptions::ADAMW.rule;
    let momentum = UpdateRule::Momentum {
        momentum: 0.9,
        nesterov: true,
    };
    for rule in [adam, momentum, UpdateRule::Sgd] {
        let options = options(rule);
        let whole = train(&model, &options, &mut Unkept, |_| false).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("kept");
        for step in 1..STEPS {
            let mut files = open(&folder, &model, 1).unwrap();
            // Stopped right after the next step, before its evaluation.
            let stopped = train(&model, &options, &mut files, |done| done == step);
            let stopped = stopped.map(drop).unwrap_err();
            assert_eq!(stopped.kind(), ErrorKind::Interrupted, "at step {step}");
            let files_there = std::fs::read_dir(&folder).unwrap().count();
            assert!(files_there <= 6, "one checkpoint, its manifest and lock");
        }
        let mut files = open(&folder, &model, 1).unwrap();
        let broken = train(&model, &options, &mut files, |_| false).unwrap();
        assert_eq!(broken.course.steps, STEPS);
        assert_eq!(bits(&broken.params), bits(&whole.params), "{rule:?}");
        assert_eq!(broken.score, whole.score);
        assert_eq!(
            broken.course.final_loss.to_bits(),
            whole.course.final_loss.to_bits()
        );
        assert_eq!(broken.course.journal, whole.course.journal);
        files.remove();
        assert!(!folder.exists());
    }
}

#[test]
fn another_key_damage_and_another_process_are_told_apart() {
    let _none_starts = STARTING.read();
    let model = tiny_artifact(1, &TinyOptions::default());
    let options = options(UpdateRule::Sgd);
    let dir = tempfile::tempdir().unwrap();
    let open = |key| open(dir.path(), &model, key);
    let mut files = open(1).unwrap();
    assert!(train(&model, &options, &mut files, |step| step == 1).is_err());
    let busy = open(1).err().expect("the folder is in use").to_string();
    assert!(busy.contains("another training uses"), "{busy}");
    drop(files);
    let resume = |key| open(key).unwrap().resume(&|_| Ok(()));
    assert!(resume(2).is_none(), "another run's");
    let resumed = resume(1).unwrap();
    assert_eq!(resumed.position.step, 1);
    assert!(resumed.journal.loss().is_some());

    let weights = dir.path().join("weights-1.act");
    let mut bytes = std::fs::read(&weights).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    assert!(resume(1).is_none(), "a damaged tensor");
    std::fs::remove_file(&weights).unwrap();
    assert!(resume(1).is_none(), "a missing file");
}

/// Changes `checkpoint.json` and signs it anew.
fn forge(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("checkpoint.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut manifest: Value = serde_json::from_str(text.split_once('\n').unwrap().1).unwrap();
    change(&mut manifest);
    let body = manifest.to_string();
    let digest = Digest::of([body.as_bytes()]);
    std::fs::write(&path, format!("{digest}\n{body}")).unwrap();
}

#[test]
fn a_checkpoint_that_somebody_signed_anew_is_passed_over() {
    let _none_starts = STARTING.read();
    let model = tiny_artifact(1, &TinyOptions::default());
    let options = options(OptimizerOptions::ADAMW.rule);
    let whole = train(&model, &options, &mut Unkept, |_| false).unwrap();
    let changes: [fn(&mut Value); 10] = [
        |m| m["position"]["step"] = json!(1_000_000_000),
        |m| m["position"]["since_best"] = json!(u64::MAX),
        |m| m["position"]["evaluated"] = json!(u64::MAX),
        |m| m["position"]["epoch_loss"]["n"] = json!(u64::MAX),
        |m| m["position"]["best"] = Value::Null,
        |m| m["position"]["best"]["score"] = json!("NaN"),
        |m| m["journal"]["window"]["steps"] = json!(u64::MAX),
        |m| drop(m["moments"].as_array_mut().unwrap().pop()),
        |m| m["weights"]["file"] = json!("../weights-3.act"),
        |m| m["steps"] = json!({"file": "checkpoint.json", "digest": "0"}),
    ];
    for (place, change) in changes.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = open(dir.path(), &model, 1).unwrap();
        assert!(train(&model, &options, &mut files, |step| step == 3).is_err());
        drop(files);
        forge(dir.path(), change);
        let mut files = open(dir.path(), &model, 1).unwrap();
        let trained = train(&model, &options, &mut files, |_| false).unwrap();
        assert_eq!(bits(&trained.params), bits(&whole.params), "change {place}");
    }
}

#[test]
#[cfg(unix)]
fn nothing_waits_for_a_pipe_in_a_checkpoint() {
    let model = tiny_artifact(1, &TinyOptions::default());
    let options = options(UpdateRule::Sgd);
    for name in ["checkpoint.json", "weights-1.act"] {
        let dir = tempfile::tempdir().unwrap();
        let mut files = open(dir.path(), &model, 1).unwrap();
        assert!(train(&model, &options, &mut files, |step| step == 1).is_err());
        drop(files);
        let path = dir.path().join(name);
        std::fs::remove_file(&path).unwrap();
        let made = {
            let _alone = STARTING.write();
            std::process::Command::new("mkfifo").arg(&path).status()
        };
        assert!(made.unwrap().success());
        let refused = open(dir.path(), &model, 1).unwrap().read(&|_| Ok(()));
        let refused = refused.err().expect("it is no file").to_string();
        assert!(refused.ends_with("not a file"), "{refused}");
    }
}

#[test]
fn a_checkpoint_that_cannot_be_written_leaves_nothing() {
    let _none_starts = STARTING.read();
    let model = tiny_artifact(1, &TinyOptions::default());
    let options = options(OptimizerOptions::ADAMW.rule);
    let dir = tempfile::tempdir().unwrap();
    let names = || {
        let entries = std::fs::read_dir(dir.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    // In the way of the second of its files, as a disk would be that is full after the first.
    let in_the_way = |step| dir.path().join(format!("moment1-{step}.act"));
    std::fs::create_dir(in_the_way(3)).unwrap();
    let mut files = open(dir.path(), &model, 1).unwrap();
    assert!(train(&model, &options, &mut files, |step| step == 3).is_err());
    assert_eq!(names(), ["moment1-3.act"]);
    // One that is there is not touched by one that fails.
    let stopped = train(&model, &options, &mut files, |step| step == 2);
    assert!(stopped.is_err());
    let whole = names();
    assert!(whole.contains(&"checkpoint.json".into()), "{whole:?}");
    std::fs::create_dir(in_the_way(5)).unwrap();
    assert!(train(&model, &options, &mut files, |step| step == 5).is_err());
    let after: Vec<String> = names()
        .into_iter()
        .filter(|n| n != "moment1-5.act")
        .collect();
    assert_eq!(after, whole);
}
