//! What training computes with is what the int8 engine computes with, whatever the scheme.

use act_core::metrics::argmax;
use act_core::quant::ActivationScheme;
use act_core::testing::{TinyInt8, in_four_bits, multiplied_inputs};
use act_core::{Artifact, Encoding, Linear};
use act_nn::{Device, FakeQuantization, predict, predict_quantized};

use crate::{LEARNED, encodings, engine_logits, mean_distance, model, quantization};

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
