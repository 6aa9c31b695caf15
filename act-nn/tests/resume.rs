//! A run that is broken off after every step and taken up from files ends in the bits of one that
//! never was, with every optimiser.

use act_core::provenance::Digest;
use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, Encoding, Params, Seed};
use act_nn::checkpoint::store::Checkpoints;
use act_nn::checkpoint::{Keeper, Resumed, Snapshot};
use act_nn::{
    Decay, Device, Examples, Objective, OptimizerOptions, Schedule, TrainEvent, TrainOptions,
    Trained, UpdateRule,
};
use std::time::Duration;

const STEPS: usize = 7;

struct Files(Checkpoints);

impl Keeper for Files {
    fn resume(&mut self) -> Option<Resumed> {
        self.0.take()
    }

    fn due(&mut self, _: usize) -> bool {
        false
    }

    fn save(&mut self, snapshot: &Snapshot<'_>) {
        assert!(self.0.save(snapshot, vec!["a note".into()]));
    }
}

fn options(rule: UpdateRule) -> TrainOptions {
    TrainOptions {
        epochs: 4,
        max_steps: Some(STEPS),
        batch_size: 4,
        micro_batch: Some(3),
        eval_every: Some(2),
        log_every: 1,
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
        target_accuracy: None,
        patience: None,
        threads: 2,
        seed: Seed(3),
    }
}

fn train(
    model: &Artifact,
    options: &TrainOptions,
    keeper: &mut dyn Keeper,
    on_event: &mut dyn FnMut(TrainEvent) -> bool,
) -> Trained {
    let encodings: Vec<Encoding> = (0..10)
        .map(|i| Encoding {
            input_ids: (0..3 + i % 4)
                .map(|t| 5 + (i * 31 + t * 17) % 100)
                .collect(),
            token_type_ids: vec![0; 3 + i as usize % 4],
        })
        .collect();
    let labels: Vec<u32> = (0..10).map(|i| i % 3).collect();
    let examples = Examples {
        encodings: &encodings,
        labels: &labels,
        teacher_logits: None,
        teacher: None,
    };
    let validation = Some(examples);
    act_nn::resume(
        Device::NdArray,
        model,
        examples,
        validation,
        Objective::LABELS,
        options,
        keeper,
        on_event,
    )
    .unwrap()
}

fn bits(params: &Params) -> Vec<u8> {
    let tensors = params.iter().map(|(_, tensor)| tensor.bytes().to_vec());
    tensors.collect::<Vec<_>>().concat()
}

#[test]
fn broken_runs_end_in_the_same_bits() {
    let model = tiny_artifact(1, &TinyOptions::default());
    let adam = UpdateRule::Adam {
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weight_decay: 0.01,
    };
    let momentum = UpdateRule::Momentum {
        momentum: 0.9,
        nesterov: true,
    };
    for rule in [adam, momentum, UpdateRule::Sgd] {
        let options = options(rule);
        let whole = train(
            &model,
            &options,
            &mut act_nn::checkpoint::Unkept,
            &mut |_| true,
        );
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("kept");
        let open = || Checkpoints::open(&folder, &model, Digest([1; 32]), Duration::ZERO).unwrap();
        for step in 0.. {
            let mut files = Files(open());
            let found = files.0.find();
            assert_eq!(
                found.as_ref().map(|(p, _)| p.step),
                (step > 0).then_some(step)
            );
            // Stopped right after the next step, before its evaluation.
            let broken = train(
                &model,
                &options,
                &mut files,
                &mut |event| !matches!(event, TrainEvent::Step { step, .. } if step < STEPS),
            );
            let files_there = std::fs::read_dir(&folder).unwrap().count();
            assert!(files_there <= 6, "one checkpoint, its manifest and lock");
            if broken.steps == STEPS {
                assert_eq!(bits(&broken.params), bits(&whole.params), "{rule:?}");
                assert_eq!(broken.accuracy, whole.accuracy);
                assert_eq!(broken.final_loss.to_bits(), whole.final_loss.to_bits());
                files.0.remove();
                assert!(!folder.exists());
                break;
            }
        }
    }
}

#[test]
fn another_key_damage_and_another_process_are_told_apart() {
    let model = tiny_artifact(1, &TinyOptions::default());
    let options = options(UpdateRule::Sgd);
    let dir = tempfile::tempdir().unwrap();
    let open = |key| Checkpoints::open(dir.path(), &model, Digest([key; 32]), Duration::ZERO);
    let mut files = Files(open(1).unwrap());
    train(&model, &options, &mut files, &mut |_| false);
    let busy = open(1).err().expect("the folder is in use").to_string();
    assert!(busy.contains("another training uses"), "{busy}");
    drop(files);
    assert!(open(2).unwrap().find().is_none(), "another run's");
    let (position, notes) = open(1).unwrap().find().unwrap();
    assert_eq!(
        (position.step, &notes[..]),
        (1, &["a note".to_string()][..])
    );

    let weights = dir.path().join("weights-1.act");
    let mut bytes = std::fs::read(&weights).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    assert!(open(1).unwrap().find().is_none(), "a damaged tensor");
    std::fs::remove_file(&weights).unwrap();
    assert!(open(1).unwrap().find().is_none(), "a missing file");
}
