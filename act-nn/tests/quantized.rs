//! Quantisation-aware training through the public interface: what it computes with is what the int8
//! engine computes with, whatever the scheme; it learns; the same run gives the same bits.

use act_core::metrics::argmax;
use act_core::quant::ActivationScheme;
use act_core::testing::{TinyInt8, TinyOptions, in_four_bits, multiplied_inputs, tiny_artifact};
use act_core::{
    Artifact, Batch, Encoding, Error, ErrorKind, Family, LayerPlan, Linear, Result, Seed, Target,
};
use act_infer::Engine;
use act_nn::checkpoint::{Keeper, Resumed, Snapshot, TensorSet, Unkept};
use act_nn::{
    Decay, Device, Examples, FakeQuantization, InputSteps, Listener, Objective, OptimizerOptions,
    Quantizing, Schedule, TrainEvent, TrainOptions, Trained, Training, WeightSteps, predict,
    predict_quantized,
};
use rand::Rng;

const LEARNED: (WeightSteps, InputSteps) = (WeightSteps::Learned, InputSteps::Learned);

/// The same weights in float or int8; one layer has lost its blocks.
fn model(int8: Option<TinyInt8>) -> Artifact {
    let options = TinyOptions {
        hidden_size: 16,
        layers: vec![
            LayerPlan::full(2, 8, 32),
            LayerPlan::full(0, 8, 0),
            LayerPlan::full(2, 8, 24),
        ],
        family: Family::Ernie,
        int8,
        ..TinyOptions::default()
    };
    tiny_artifact(1, &options)
}

fn quantization((weights, inputs): (WeightSteps, InputSteps), int8: TinyInt8) -> FakeQuantization {
    FakeQuantization::of(&model(Some(int8)), weights, inputs).unwrap()
}

fn encodings(n: usize) -> Vec<Encoding> {
    let mut rng = Seed(3).stream("examples");
    let mut encoding = || {
        let length = rng.random_range(1..20);
        Encoding {
            input_ids: (0..length).map(|_| rng.random_range(0..128)).collect(),
            token_type_ids: (0..length).map(|_| rng.random_range(0..2)).collect(),
        }
    };
    (0..n).map(|_| encoding()).collect()
}

fn engine_logits(artifact: Artifact, encodings: &[Encoding]) -> Vec<Vec<f32>> {
    let engine = Engine::new(artifact).unwrap();
    engine.forward(&Batch::new(encodings)).unwrap()
}

fn mean_distance(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    let sum: f64 = pairs.map(|(a, b)| f64::from((a - b).abs())).sum();
    sum / a.iter().map(Vec::len).sum::<usize>() as f64
}

#[test]
fn the_forward_pass_is_that_of_the_int8_engine() {
    let encodings = encodings(1000);
    let schemes = [
        (127, 127, false),
        (127, 127, true),
        (64, 127, false),
        (127, 63, true),
    ];
    for (weight_max, activation_max, dynamic) in schemes {
        let int8 = TinyInt8 {
            weight_max,
            activation_max,
            dynamic,
        };
        let spec = quantization(LEARNED, int8);
        let exported = spec.export(&model(None)).unwrap();
        let want = model(Some(int8)).model_digest().unwrap();
        assert_eq!(exported.model_digest().unwrap(), want, "the same integers");
        assert_agrees(&spec, exported, &encodings);
    }
}

#[test]
fn inputs_with_a_multiplier_are_those_of_the_int8_engine() {
    let encodings = encodings(1000);
    for dynamic in [false, true] {
        let int8 = TinyInt8 {
            dynamic,
            ..TinyInt8::default()
        };
        let multiplied = multiplied_inputs(model(Some(int8)), 2.0);
        let mut spec = FakeQuantization::of(&multiplied, LEARNED.0, LEARNED.1).unwrap();
        // The products of the inputs and the quotients of the weights are at most twice as large.
        let steps = spec.weight_steps.values_mut().flatten();
        steps.for_each(|step| *step *= 2.0);
        for linear in &mut spec.quant.linears {
            if let ActivationScheme::Static { scale, .. } = &mut linear.activation {
                *scale *= 2.0;
            }
        }
        let exported = spec.export(&model(None)).unwrap();
        let again = FakeQuantization::of(&exported, LEARNED.0, LEARNED.1).unwrap();
        assert_eq!(again, spec);
        assert_agrees(&spec, exported, &encodings);
    }
}

/// The engine's answers with the exported model are those of the float model under `spec`, bit for bit.
fn assert_agrees(spec: &FakeQuantization, exported: Artifact, encodings: &[Encoding]) {
    let engine = engine_logits(exported, encodings);
    let trained = predict_quantized(Device::NdArray, &model(None), spec, encodings, 16).unwrap();
    let answers = |class| engine.iter().filter(|row| argmax(row) == class).count();
    let most = (0..3).map(answers).max().unwrap();
    assert!(most < 960, "{most} of 1000 answers are the same");
    let float = predict(Device::NdArray, &model(None), encodings, 16).unwrap();
    let quantising = mean_distance(&engine, &float);
    assert!(quantising > 1e-3, "{quantising}");
    if fused_steps() {
        assert_eq!(engine, trained);
        return;
    }
    // Without them attention's sums differ in the last bit, and a value between two integers may then be
    // rounded either way.
    let agree = engine.iter().zip(&trained);
    let agree = agree.filter(|(a, b)| argmax(a) == argmax(b)).count();
    let rounding = mean_distance(&engine, &trained);
    assert!(agree >= 999 && rounding < 1e-4, "{agree} {rounding}");
}

/// Whether the products of the training forward pass take the engine's fused steps on this machine.
fn fused_steps() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    cfg!(target_arch = "aarch64")
}

#[test]
fn a_key_may_read_what_query_and_value_read_in_its_own_way() {
    let mut spec = quantization(LEARNED, TinyInt8::default());
    let key = Linear::Key(0);
    let linear = spec.quant.linears.iter_mut().find(|q| q.linear == key);
    linear.unwrap().activation = ActivationScheme::DynamicPerToken;
    let exported = spec.export(&model(None)).unwrap();
    assert_agrees(&spec, exported, &encodings(1000));
}

#[test]
fn four_bits_are_rounded_as_the_engine_has_them() {
    let encodings = encodings(1000);
    for dynamic in [false, true] {
        let int8 = TinyInt8 {
            dynamic,
            ..TinyInt8::default()
        };
        let four = in_four_bits(model(Some(int8)), 32);
        let spec = FakeQuantization::of(&four, LEARNED.0, LEARNED.1).unwrap();
        let exported = spec.export(&model(None)).unwrap();
        assert_eq!(exported.quant, four.quant);
        let again = FakeQuantization::of(&exported, LEARNED.0, LEARNED.1).unwrap();
        assert_eq!(again, spec);
        assert_agrees(&spec, exported, &encodings);
    }
}

fn options() -> TrainOptions {
    TrainOptions {
        epochs: 6,
        max_steps: None,
        batch_size: 16,
        micro_batch: Some(5),
        eval_every: Some(3),
        log_every: 1,
        learning_rate: Schedule::Peak {
            rate: 3e-4,
            decay: Decay::Linear,
        },
        warmup_ratio: 0.1,
        optimizer: OptimizerOptions::ADAMW,
        dropout: 0.0,
        mixed_precision: true,
        target_score: None,
        patience: None,
        threads: 1,
        seed: Seed(42),
    }
}

/// Coarse enough for rounding to hurt.
const COARSE: TinyInt8 = TinyInt8 {
    weight_max: 7,
    activation_max: 7,
    dynamic: false,
};

/// Trains the coarse model to answer as the float one does.
fn train(
    options: &TrainOptions,
    how: (WeightSteps, InputSteps),
    keeper: &mut dyn Keeper,
    listener: Listener<'_>,
) -> Result<Trained> {
    train_with(quantization(how, COARSE), options, keeper, listener)
}

fn train_with(
    quantization: FakeQuantization,
    options: &TrainOptions,
    keeper: &mut dyn Keeper,
    listener: Listener<'_>,
) -> Result<Trained> {
    let (encodings, labels) = (encodings(96), vec![Target::Class(0); 96]);
    let teacher = predict(Device::NdArray, &model(None), &encodings, 16).unwrap();
    let examples = Examples {
        encodings: &encodings,
        labels: &labels,
        teacher_logits: Some(&teacher),
        teacher: None,
    };
    let judge = |int8: &Artifact| {
        let answers = engine_logits(int8.clone(), &encodings);
        Ok(-mean_distance(&answers, &teacher))
    };
    let training = Training {
        artifact: &model(None),
        train: examples,
        validation: None,
        quantizing: Some(Quantizing {
            quantization,
            judge: &judge,
        }),
        objective: Objective {
            labels: 0.0,
            logits: 1.0,
            ..Objective::LABELS
        },
        options,
    };
    act_nn::train(Device::NdArray, training, keeper, listener)
}

/// The same in one go, with the scores of its evaluations.
fn run(options: &TrainOptions, how: (WeightSteps, InputSteps)) -> (Trained, Vec<f64>) {
    let mut scores = Vec::new();
    let trained = train(options, how, &mut Unkept, &mut |event, _| {
        if let TrainEvent::Evaluation { score, .. } = event {
            scores.push(*score);
        }
        Ok(())
    });
    (trained.unwrap(), scores)
}

fn exported(trained: &Trained) -> Artifact {
    let float = Artifact {
        params: trained.params.clone(),
        ..model(None)
    };
    trained
        .quantization
        .as_ref()
        .unwrap()
        .export(&float)
        .unwrap()
}

#[test]
fn training_takes_back_what_rounding_cost_and_the_best_is_kept() {
    let (encodings, spec) = (encodings(96), quantization(LEARNED, COARSE));
    let teacher = predict(Device::NdArray, &model(None), &encodings, 16).unwrap();
    let calibrated = engine_logits(spec.export(&model(None)).unwrap(), &encodings);
    let before = mean_distance(&calibrated, &teacher);
    for (how, share) in [
        (LEARNED, 0.7),
        ((WeightSteps::RowPeak, InputSteps::Learned), 0.7),
        (
            (WeightSteps::Peak, InputSteps::MovingAverage { rate: 0.9 }),
            0.9,
        ),
        ((WeightSteps::Learned, InputSteps::Largest), 0.9),
    ] {
        let (trained, scores) = run(&options(), how);
        let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert_eq!(trained.score, Some(best));
        let after = mean_distance(&engine_logits(exported(&trained), &encodings), &teacher);
        assert_eq!(after, -best, "the weights and steps of the best evaluation");
        assert!(after < share * before, "{how:?}: {before} -> {after}");
    }
}

#[test]
fn training_takes_back_what_four_bits_cost() {
    let encodings = encodings(96);
    let teacher = predict(Device::NdArray, &model(None), &encodings, 16).unwrap();
    let four = in_four_bits(model(Some(TinyInt8::default())), 32);
    let before = mean_distance(&engine_logits(four.clone(), &encodings), &teacher);
    for weights in [WeightSteps::Learned, WeightSteps::RowPeak] {
        let spec = FakeQuantization::of(&four, weights, InputSteps::Learned).unwrap();
        let trained = train_with(spec, &options(), &mut Unkept, &mut |_, _| Ok(())).unwrap();
        let int4 = exported(&trained);
        assert!(int4.quant.has_four_bits());
        let after = mean_distance(&engine_logits(int4, &encodings), &teacher);
        assert!(after < 0.8 * before, "{weights:?}: {before} -> {after}");
    }
}

#[test]
fn neither_threads_nor_a_second_run_change_a_bit() {
    let digest = |threads| {
        let options = TrainOptions {
            threads,
            ..options()
        };
        let (trained, scores) = run(&options, LEARNED);
        (exported(&trained).model_digest().unwrap(), scores)
    };
    assert_eq!(digest(1), digest(3));
}

/// Keeps a run in memory.
#[derive(Default)]
struct Memory(Option<Resumed>);

impl Keeper for Memory {
    fn resume(&mut self, fits: &dyn Fn(&Resumed) -> Result<()>) -> Option<Resumed> {
        self.0.take().filter(|kept| fits(kept).is_ok())
    }

    fn due(&mut self, _: usize) -> bool {
        false
    }

    fn save(&mut self, snapshot: &Snapshot<'_>) {
        let position = *snapshot.position;
        let moments = 0..snapshot.moments;
        self.0 = Some(Resumed {
            position,
            journal: snapshot.journal.clone(),
            weights: (snapshot.tensors)(TensorSet::Weights),
            moments: moments
                .map(|i| (snapshot.tensors)(TensorSet::Moment(i)))
                .collect(),
            best: position.best.map(|_| (snapshot.tensors)(TensorSet::Best)),
            steps: snapshot.steps.to_vec(),
        });
    }
}

#[test]
fn a_run_that_is_broken_off_after_every_step_ends_in_the_same_bits() {
    const STEPS: usize = 8;
    let options = TrainOptions {
        max_steps: Some(STEPS),
        ..options()
    };
    for how in [
        LEARNED,
        (
            WeightSteps::RowPeak,
            InputSteps::MovingAverage { rate: 0.9 },
        ),
        (WeightSteps::Learned, InputSteps::Largest),
    ] {
        let (whole, _) = run(&options, how);
        let mut memory = Memory::default();
        let mut go_on = |done| {
            train(&options, how, &mut memory, &mut |event, _| match event {
                TrainEvent::Begin { step, .. } => {
                    assert_eq!(*step, done);
                    Ok(())
                }
                TrainEvent::Step { step, .. } if *step < STEPS => Err(Error::interrupted()),
                _ => Ok(()),
            })
        };
        for done in 0..STEPS - 1 {
            let stopped = go_on(done).map(drop).unwrap_err();
            assert_eq!(stopped.kind(), ErrorKind::Interrupted);
        }
        let broken = go_on(STEPS - 1).unwrap();
        assert_eq!(broken.course.steps, STEPS);
        assert_eq!(broken.course.best_step, whole.course.best_step);
        assert_eq!(broken.course.journal, whole.course.journal, "{how:?}");
        assert_eq!(broken.quantization, whole.quantization, "{how:?}");
        let digest = |trained| exported(trained).model_digest().unwrap();
        assert_eq!(digest(&broken), digest(&whole), "{how:?}");
    }
}

/// A keeper whose state has other steps, and which asks whether it fits.
struct OtherSteps(Memory, fn(&mut Vec<f64>), Option<String>);

impl Keeper for OtherSteps {
    fn resume(&mut self, fits: &dyn Fn(&Resumed) -> Result<()>) -> Option<Resumed> {
        let Self(Memory(kept), change, refused) = self;
        let mut state = kept.take()?;
        change(&mut state.steps);
        *refused = fits(&state).err().map(|e| e.to_string());
        refused.is_none().then_some(state)
    }

    fn due(&mut self, step: usize) -> bool {
        self.0.due(step)
    }

    fn save(&mut self, snapshot: &Snapshot<'_>) {
        self.0.save(snapshot);
    }
}

#[test]
fn other_steps_than_those_of_the_run_begin_anew() {
    let options = TrainOptions {
        max_steps: Some(4),
        ..options()
    };
    let changes: [fn(&mut Vec<f64>); 4] = [
        |steps| steps.truncate(steps.len() - 1),
        |steps| steps.push(1.0),
        |steps| steps[0] = f64::NAN,
        |steps| steps[0] = 1e300,
    ];
    for change in changes {
        let mut memory = OtherSteps(Memory::default(), change, None);
        let broken = train(
            &options,
            LEARNED,
            &mut memory,
            &mut |event, _| match event {
                TrainEvent::Step { step: 2, .. } => Err(Error::interrupted()),
                _ => Ok(()),
            },
        );
        assert!(broken.is_err());
        let mut begun = None;
        let trained = train(&options, LEARNED, &mut memory, &mut |event, _| {
            if let TrainEvent::Begin { step, .. } = event {
                begun = Some(*step);
            }
            Ok(())
        });
        assert_eq!(begun, Some(0));
        assert_eq!(trained.unwrap().course.steps, 4);
        let refused = memory.2.expect("it does not fit");
        assert!(refused.contains("quantisation's steps"), "{refused}");
    }
}

#[test]
fn steps_follow_the_largest_magnitudes_where_they_are_asked_to() {
    let thresholds = |inputs| {
        let (trained, _) = run(&options(), (WeightSteps::Learned, inputs));
        let spec = trained.quantization.unwrap();
        let classifier = spec.quant.linear(Linear::Classifier).unwrap();
        let pooler = spec.quant.linear(Linear::Pooler).unwrap();
        [classifier, pooler].map(|q| match q.activation {
            ActivationScheme::Static { scale, .. } => scale * f32::from(q.activation_max),
            ActivationScheme::DynamicPerToken => unreachable!("the model is static"),
        })
    };
    // They begin at 3; tanh gives at most 1, which an average reaches and a maximum does not.
    let average = thresholds(InputSteps::MovingAverage { rate: 0.5 });
    assert!(average[0] < 1.01, "{average:?}");
    let largest = thresholds(InputSteps::Largest);
    assert!((largest[0] - 3.0).abs() < 1e-5, "{largest:?}");
    let learned = thresholds(InputSteps::Learned);
    assert!(learned[0] != 3.0 && learned[1] != 3.0, "{learned:?}");
}

#[test]
fn what_the_specification_leaves_out_stays_float() {
    let mut spec = quantization(LEARNED, COARSE);
    spec.quant.linears.retain(|q| q.linear == Linear::Pooler);
    spec.quant.embeddings.clear();
    let float = model(None);
    let exported = spec.export(&float).unwrap();
    let name = Linear::Classifier.weight();
    assert_eq!(
        exported.params.f32(&name).unwrap(),
        float.params.f32(&name).unwrap()
    );
    assert!(exported.params.i8(&Linear::Pooler.weight()).is_ok());
    let error = FakeQuantization::of(&float, LEARNED.0, LEARNED.1).unwrap_err();
    assert!(
        error.to_string().contains("nothing to train for"),
        "{error}"
    );
}
