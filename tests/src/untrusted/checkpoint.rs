//! What a training that goes on reads from its checkpoint.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use act_core::metrics::Measure;
use act_core::provenance::Digest;
use act_core::{Artifact, Encoding, Error, ErrorKind, Params, Result, Seed, Target, Tensor};
use act_nn::checkpoint::{Keeper, Resumed, Snapshot};
use act_nn::{
    Decay, Device, Examples, FakeQuantization, InputSteps, Listener, Objective, OptimizerOptions,
    Quantizing, Schedule, TrainEvent, TrainOptions, Trained, Training, Validation, WeightSteps,
};
use act_train::checkpoint::Checkpoints;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::memory::in_proportion;
use super::{checked, folder};

const MANIFEST: &str = "checkpoint.json";
const NUMBERS: &str = "steps.bin";
const KEY: Digest = Digest([7; 32]);

/// Steps of the training, and after which the seeds were broken off.
const STEPS: usize = 4;
const BROKEN_AFTER: usize = 2;

/// A `checkpoint.json`, and behind a zero byte the steps of quantisation-aware training, if it is one. It
/// may name the sets of tensors of [`sets`], and [`NUMBERS`]. What is taken up is trained to its end.
pub fn checkpoint(bytes: &[u8]) -> bool {
    let mut parts = bytes.splitn(2, |&b| b == 0);
    let manifest = parts.next().unwrap_or_default();
    let numbers = parts.next();
    let there = sets().iter().map(|set| (set.name, &set.bytes[..]));
    let given = numbers.map(|numbers| (NUMBERS, numbers));
    let dir = folder(there.chain(given).chain([(MANIFEST, manifest)]));

    let mut asked = Asked {
        files: open(dir.path()),
        given: bytes.len() + sets().iter().map(|set| set.bytes.len()).sum::<usize>(),
        found: &Cell::new(false),
    };
    let found = asked.found;
    // What is passed over begins anew, which is no concern of the file's.
    let trained = train(numbers.is_some(), &mut asked, &mut |event, _| match event {
        TrainEvent::Begin { .. } if !found.get() => Err(Error::interrupted()),
        _ => Ok(()),
    });
    match trained {
        Ok(trained) => assert_eq!(trained.course.steps, STEPS),
        Err(error) if found.get() => {
            assert_eq!(error.kind(), ErrorKind::Failed, "{error}: not passed over");
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}"),
    }
    found.get()
}

/// The checkpoint of a training that was broken off, as [`checkpoint`] takes it: with quantisation or
/// without.
pub fn broken_off(quantized: bool) -> Vec<u8> {
    let dir = TempDir::new().expect("a temporary folder");
    let mut files = open(dir.path());
    let stopped = train(quantized, &mut files, &mut |event, _| match event {
        TrainEvent::Step { step, .. } if *step == BROKEN_AFTER => Err(Error::interrupted()),
        _ => Ok(()),
    });
    assert!(stopped.is_err(), "it is broken off");
    let text = fs::read_to_string(dir.path().join(MANIFEST)).expect("it has a checkpoint");
    let (_, body) = text.split_once('\n').expect("two lines");
    let mut said: Value = serde_json::from_str(body).expect("JSON");
    let numbers = said["steps"]["file"].as_str().map(|name| {
        let numbers = fs::read(dir.path().join(name));
        numbers.expect("it is there")
    });
    // The tensors of a training depend on the processor; those that the entry point has do not.
    let [weights, moment, other, best] = [0, 1, 2, 3].map(|i| sets()[i].entry());
    said["weights"] = weights;
    said["moments"] = json!([moment, other]);
    if said["best"].is_object() {
        said["best"] = best;
    }
    if let Some(numbers) = &numbers {
        said["steps"]["file"] = NUMBERS.into();
        said["steps"]["digest"] = json!(Digest::of([&numbers[..]]));
    }
    let body = said.to_string();
    let mut bytes = format!("{}\n{body}", Digest::of([body.as_bytes()])).into_bytes();
    if let Some(numbers) = numbers {
        bytes.push(0);
        bytes.extend(numbers);
    }
    bytes
}

fn open(folder: &Path) -> Checkpoints {
    let hour = Duration::from_secs(3600);
    Checkpoints::open(folder, model(), KEY, hour).expect("nobody else has the folder")
}

/// A keeper that says whether something was found, and keeps nothing.
struct Asked<'a> {
    files: Checkpoints,
    /// Bytes of all files.
    given: usize,
    found: &'a Cell<bool>,
}

impl Keeper for Asked<'_> {
    fn resume(&mut self, fits: &dyn Fn(&Resumed) -> Result<()>) -> Option<Resumed> {
        let read = in_proportion(self.given, "a checkpoint", || self.files.read(fits));
        let resumed = checked(read).flatten();
        self.found.set(resumed.is_some());
        resumed
    }

    fn due(&mut self, _: usize) -> bool {
        false
    }

    fn save(&mut self, _: &Snapshot<'_>) {}
}

/// A set of tensors that a checkpoint may name.
struct Set {
    name: &'static str,
    bytes: Vec<u8>,
    digest: Digest,
}

impl Set {
    fn entry(&self) -> Value {
        json!({"file": self.name, "digest": self.digest})
    }
}

/// Weights, two moments, the best weights; a model of other tensors.
fn sets() -> &'static [Set; 5] {
    static SETS: OnceLock<[Set; 5]> = OnceLock::new();
    SETS.get_or_init(|| {
        let changed = |change: fn(f32) -> f32| {
            let tensor = |(name, tensor): (&str, &Tensor)| {
                let values = model().params.f32(name).expect("a float model");
                let values: Vec<f32> = values.iter().map(|&v| change(v)).collect();
                (name.to_string(), Tensor::f32(tensor.shape(), values))
            };
            Artifact {
                params: model().params.iter().map(tensor).collect::<Params>(),
                ..model().clone()
            }
        };
        [
            ("weights.act", model().clone()),
            ("moment1.act", changed(|v| v / 64.0)),
            ("moment2.act", changed(|v| v * v / 4096.0)),
            ("best.act", changed(|v| v * 0.5)),
            ("other.act", int8().clone()),
        ]
        .map(|(name, model)| Set {
            name,
            bytes: model.to_bytes().expect("it can be saved"),
            digest: model.model_digest().expect("it has a digest"),
        })
    })
}

/// The golden model of one plan in float.
fn model() -> &'static Artifact {
    static MODEL: OnceLock<Artifact> = OnceLock::new();
    MODEL.get_or_init(|| {
        let golden = include_bytes!("../../../act-core/tests/golden/v1-f32.act");
        Artifact::read(&golden[..]).expect("the golden file loads")
    })
}

/// The same plan's in int8.
fn int8() -> &'static Artifact {
    static MODEL: OnceLock<Artifact> = OnceLock::new();
    MODEL.get_or_init(|| {
        let golden = include_bytes!("../../../act-core/tests/golden/v1-int8.act");
        Artifact::read(&golden[..]).expect("the golden file loads")
    })
}

/// A short training of the golden model.
fn train(quantized: bool, keeper: &mut dyn Keeper, listener: Listener<'_>) -> Result<Trained> {
    let encodings: Vec<Encoding> = (0..4)
        .map(|i| Encoding {
            input_ids: vec![2, 5 + i, 3],
            token_type_ids: vec![0; 3],
        })
        .collect();
    let labels: Vec<Target> = (0..4).map(|i| Target::Class(i % 3)).collect();
    let examples = Examples {
        encodings: &encodings,
        labels: &labels,
        teacher_logits: None,
        teacher: None,
    };
    let options = TrainOptions {
        epochs: 2,
        max_steps: Some(STEPS),
        batch_size: 2,
        micro_batch: Some(2),
        eval_every: Some(1),
        log_every: 1,
        learning_rate: Schedule::Peak {
            rate: 1e-3,
            decay: Decay::Cosine,
        },
        warmup_ratio: 0.0,
        optimizer: OptimizerOptions::ADAMW,
        dropout: 0.0,
        mixed_precision: false,
        target_score: None,
        patience: None,
        threads: 1,
        seed: Seed(3),
    };
    let quantization = || {
        FakeQuantization::of(int8(), WeightSteps::Learned, InputSteps::Learned)
            .expect("the golden model is of it")
    };
    let training = Training {
        artifact: model(),
        train: examples,
        validation: Some(Validation {
            examples,
            measure: Measure::accuracy(3),
        }),
        quantizing: quantized.then(|| Quantizing {
            quantization: quantization(),
            judge: &|int8| int8.to_bytes().map(|_| 0.5),
        }),
        objective: Objective::LABELS,
        options: &options,
    };
    act_nn::train(Device::NdArray, training, keeper, listener)
}
