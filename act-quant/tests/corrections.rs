//! Smoothing and bias correction against NumPy (`corrections.py`), and against what they promise:
//! smoothing leaves the float model's answers alone.

use std::collections::BTreeMap;

use act_core::quant::Calibrator;
use act_core::testing::{TinyOptions, random_params, tiny_artifact};
use act_core::{Activation, Artifact, Batch, Encoding, Family, LayerPlan, Linear, Seed, Tensor};
use act_infer::{Engine, Observer};
use act_quant::apply::ModelQuantizer;
use act_quant::calibrate::Method;
use act_quant::collect::{Wanted, collect};
use act_quant::options::Options;
use act_quant::scheme::{Assignment, Scheme};
use act_quant::statistics::Sites;
use act_quant::weight::Granularity;
use act_quant::{bias, shift, smooth};
use act_stage::config::Config;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    columns: usize,
    peaks: Vec<f32>,
    weights: Vec<f32>,
    rounded: Vec<f32>,
    mean: Vec<f32>,
    /// Exponent, then a factor a channel.
    factors: BTreeMap<String, Vec<f64>>,
    correction: Vec<f64>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("fixtures/corrections.json")).unwrap()
}

/// What calibration sees of a model on one batch.
fn observed(model: &Artifact, can_shift: &dyn Fn(Linear) -> bool) -> Sites {
    let engine = Engine::new(model.clone()).unwrap();
    let mut forward = |batch: &Batch, observer: &mut dyn Observer| {
        engine.forward_observed(batch, observer).map(|_| ())
    };
    let (linears, wanted) = (model.plan.linears(), Wanted::default());
    collect(&linears, can_shift, wanted, &[batch()], &mut forward).unwrap()
}

fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let off = (f64::from(*found) - expected).abs();
        assert!(off <= 1e-6 * expected.abs().max(1e-3), "{found} {expected}");
    }
}

#[test]
fn factors_are_those_of_numpy() {
    for case in cases() {
        assert_eq!(case.factors.len(), 5);
        for (alpha, expected) in &case.factors {
            let alpha = alpha.parse().unwrap();
            assert_close(
                &smooth::factors(&case.peaks, &[&case.weights], alpha),
                expected,
            );
        }
        let factors = smooth::factors(&case.peaks, &[&case.weights], 0.5);
        assert_eq!(
            factors[2..4],
            [1.0, 1.0],
            "channels without values or weights"
        );
        assert_eq!(factors.len(), case.columns);
    }
}

#[test]
fn corrections_are_those_of_numpy() {
    for case in cases() {
        let found = bias::correction(&case.weights, &case.rounded, &case.mean);
        assert_close(&found, &case.correction);
    }
}

fn batch() -> Batch {
    let sequences: Vec<Encoding> = (0..24u32)
        .map(|i| {
            let input_ids: Vec<u32> = (0..3 + i % 8).map(|j| 5 + (i * 31 + j * 7) % 100).collect();
            Encoding {
                token_type_ids: vec![0; input_ids.len()],
                input_ids,
            }
        })
        .collect();
    Batch::new(&sequences)
}

fn logits(model: &Artifact) -> Vec<f32> {
    let engine = Engine::new(model.clone()).unwrap();
    engine.forward(&batch()).unwrap().concat()
}

/// Everything that can be smoothed is, at every exponent: the float logits stay within 1e-5.
#[test]
fn smoothing_leaves_the_float_model_alone() {
    for (family, hidden_act, inputs) in [
        (Family::Bert, Activation::Gelu, 3),
        (Family::Bert, Activation::Relu, 5),
        (Family::Electra, Activation::Gelu, 4),
        (Family::DistilBert, Activation::Relu, 5),
        // A gate lets factors through whatever the activation.
        (Family::ModernBert, Activation::Gelu, 5),
    ] {
        let mut model = tiny_artifact(
            5,
            &TinyOptions {
                family,
                hidden_act,
                ..TinyOptions::default()
            },
        );
        model.add_biases();
        if family == Family::ModernBert {
            model.params = random_params(&model.plan, Seed(5));
        }
        let statistics = observed(&model, &|_| false);
        let options = Options::from_config(&Config::default()).unwrap();
        let quantizer = ModelQuantizer::new(&model, &statistics, &options).unwrap();
        for alpha in [0.0, 0.5, 1.0] {
            let scheme = Scheme::Smooth {
                method: Method::new(Calibrator::AbsMax, 0.0),
                alpha,
                at_run_time: false,
            };
            let all = Assignment::uniform(&model.plan, scheme, Granularity::Channel, false);
            let smoothable = all
                .choices
                .iter()
                .filter(|c| quantizer.can_smooth(&c.input));
            assert_eq!(smoothable.count(), inputs);
            let mut smoothed = model.clone();
            let tensors = quantizer.rewritten(&all).unwrap().into_tensors();
            assert!(tensors.contains_key(&Linear::Pooler.weight()));
            assert!(tensors.contains_key(&Linear::Value(1).bias()));
            for (name, values) in tensors {
                let shape = smoothed.params.get(&name).unwrap().shape().to_vec();
                assert!(values != smoothed.params.f32(&name).unwrap(), "{name}");
                smoothed.params.insert(name, Tensor::f32(shape, values));
            }
            for (a, b) in logits(&model).iter().zip(logits(&smoothed)) {
                assert!((a - b).abs() <= 1e-5, "{a} {b}");
            }
        }
    }
}

/// A shift is exact whatever it is: every input that can be shifted is, by middles and by means, of
/// whole and of emptied layers; the float logits stay within 1e-5.
#[test]
fn shifts_leave_the_float_model_alone() {
    let whole = TinyOptions::default().layers;
    let emptied = vec![LayerPlan::full(0, 4, 6), LayerPlan::full(2, 4, 0)];
    for (family, layers, shifted_inputs) in [
        (Family::Bert, whole.clone(), 7),
        (Family::Bert, emptied.clone(), 4),
        (Family::Albert, whole.clone(), 8),
        (Family::ModernBert, whole, 7),
        (Family::Electra, emptied, 5),
    ] {
        let tiny = TinyOptions {
            family,
            layers,
            ..TinyOptions::default()
        };
        let model = tiny_artifact(5, &tiny).with_biases();
        let can_shift = |linear| shift::route(&model.plan, linear).is_some();
        let statistics = observed(&model, &can_shift);
        let options = Options::from_config(&Config::default()).unwrap();
        let quantizer = ModelQuantizer::new(&model, &statistics, &options).unwrap();
        let smooth = Scheme::Smooth {
            method: Method::new(Calibrator::AbsMax, 0.0),
            alpha: 0.5,
            at_run_time: false,
        };
        for scheme in [
            Scheme::Static(Method::new(Calibrator::AbsMax, 0.0)),
            Scheme::Dynamic,
            smooth,
        ] {
            let mut all = Assignment::uniform(&model.plan, scheme, Granularity::Channel, false);
            all.shift_tokens = true;
            let shifted = all.choices.iter().filter(|c| can_shift(c.input.first()));
            assert_eq!(shifted.count(), shifted_inputs);
            let float = quantizer.float(&all).unwrap();
            let bias = Linear::Pooler.bias();
            assert!(float.params.f32(&bias).unwrap() != model.params.f32(&bias).unwrap());
            for (a, b) in logits(&model).iter().zip(logits(&float)) {
                assert!((a - b).abs() <= 1e-5, "{scheme}: {a} {b}");
            }
        }
        let nothing = Assignment::uniform(&model.plan, Scheme::Float, Granularity::Channel, false);
        let untouched = quantizer.float(&nothing).unwrap();
        assert_eq!(
            untouched.model_digest().unwrap(),
            model.model_digest().unwrap()
        );
    }
}

#[test]
fn weights_take_up_what_their_inputs_are_multiplied_by() {
    let model = tiny_artifact(5, &TinyOptions::default());
    let statistics = observed(&model, &|_| false);
    let options = Options::from_config(&Config::default()).unwrap();
    let quantizer = ModelQuantizer::new(&model, &statistics, &options).unwrap();
    let scheme = Scheme::Smooth {
        method: Method::new(Calibrator::AbsMax, 0.0),
        alpha: 0.7,
        at_run_time: true,
    };
    let all = Assignment::uniform(&model.plan, scheme, Granularity::Channel, false);
    let (int8, rewritten) = (
        quantizer.artifact(&all).unwrap(),
        quantizer.rewritten(&all).unwrap(),
    );
    let reread = Artifact::read(&int8.to_bytes().unwrap()[..]).unwrap();
    for linear in model.plan.linears() {
        let multiplier = reread.input_multiplier(linear).unwrap().unwrap();
        let least = multiplier.iter().copied().fold(f32::INFINITY, f32::min);
        assert_eq!(least, 1.0, "{linear}");
        let weights = model.params.f32(&linear.weight()).unwrap();
        let quotients = rewritten.f32(&linear.weight()).unwrap();
        let channels = weights.iter().zip(multiplier.iter().cycle());
        for ((w, m), quotient) in channels.zip(quotients) {
            assert_eq!(w / m, *quotient);
        }
    }
    let nearness = |model: &Artifact, other: &Artifact| {
        let pairs = logits(model).into_iter().zip(logits(other));
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(
        nearness(&model, &int8) < 0.05,
        "{}",
        nearness(&model, &int8)
    );
    // Training begins with weights as they are.
    let float = quantizer.float(&all).unwrap();
    assert_eq!(nearness(&model, &float), 0.0);
}

/// What the float model shows after a shift is what the statistics said of it before.
#[test]
fn shifted_statistics_are_those_of_the_shifted_model() {
    let model = tiny_artifact(5, &TinyOptions::default());
    let statistics = observed(&model, &|linear| {
        shift::route(&model.plan, linear).is_some()
    });
    let options = Options::from_config(&Config::default()).unwrap();
    let quantizer = ModelQuantizer::new(&model, &statistics, &options).unwrap();
    let scheme = Scheme::Static(Method::new(Calibrator::AbsMax, 0.0));
    let all = Assignment::uniform(&model.plan, scheme, Granularity::Channel, false);
    let shown = observed(&quantizer.float(&all).unwrap(), &|_| false);
    let plain = observed(&model, &|_| false);
    for (linear, expected) in &statistics {
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-4 * b.abs().max(1e-2);
        let (found, before) = (&shown[linear], &plain[linear]);
        assert!(close(found.abs_max(), expected.abs_max()), "{linear}");
        assert!(close(found.mean_peak, expected.mean_peak), "{linear}");
        assert!(
            expected.abs_max() <= before.abs_max() * 1.000_01,
            "{linear}"
        );
    }
}
