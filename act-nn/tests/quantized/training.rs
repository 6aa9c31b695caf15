//! It learns, and the same run gives the same bits.

use act_core::Linear;
use act_core::quant::ActivationScheme;
use act_core::testing::{TinyInt8, in_four_bits};
use act_nn::checkpoint::Unkept;
use act_nn::{Device, FakeQuantization, InputSteps, TrainOptions, WeightSteps, predict};

use crate::{
    COARSE, LEARNED, encodings, engine_logits, exported, mean_distance, model, options,
    quantization, run, train_with,
};

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
