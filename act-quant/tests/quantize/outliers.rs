//! Models a few of whose values are far larger than the rest: what one scale for all leaves of them,
//! and how the search saves them.

use act_core::metrics::argmax;
use act_core::quant::ActivationScheme;
use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, Batch, LayerPlan, Linear, Tensor};
use act_infer::Engine;
use act_quant::options::Deploy;
use act_quant::record;
use act_quant::search::Attempt;
use act_stage::config::SchemeKind::{self, Float, Smooth, SmoothAtRunTime, Static};
use act_stage::config::{Config, Granularity};

use super::{divergence, float, options, run, sequences};

/// A model one channel of whose values, one of whose neurons, or both are 100 times the rest.
pub(super) fn with_outliers(channel: bool, neuron: bool) -> Artifact {
    let mut model = float();
    let mut scale = |name: String, row: usize, column: usize, factor: f32| {
        let tensor = model.params.get(&name).unwrap();
        let shape = tensor.shape().to_vec();
        let mut values = model.params.f32(&name).unwrap().to_vec();
        match shape[..] {
            [_, columns] => {
                let line: Vec<usize> = match row {
                    usize::MAX => (0..shape[0]).map(|r| r * columns + column).collect(),
                    row => (row * columns..(row + 1) * columns).collect(),
                };
                line.into_iter().for_each(|i| values[i] *= factor);
            }
            _ => values[row] *= factor,
        }
        model.params.insert(name, Tensor::f32(shape, values));
    };
    let outliers = [
        (channel, Linear::Value(0), Linear::AttentionOutput(0)),
        (neuron, Linear::Intermediate(0), Linear::Output(0)),
    ];
    for (_, from, to) in outliers.into_iter().filter(|(wanted, ..)| *wanted) {
        scale(from.weight(), 1, 0, 100.0);
        scale(from.bias(), 1, 0, 100.0);
        scale(to.weight(), usize::MAX, 1, 0.01);
    }
    model
}

#[test]
fn an_outlier_channel_ruins_abs_max_and_the_search_saves_it() {
    let only = |schemes: &'static [SchemeKind]| {
        move |c: &mut Config| {
            c.quant_post.schemes = schemes.to_vec();
            c.quant_post.max_divergence = 0.0;
        }
    };
    let (plain, _) = divergence(&float(), only(&[Static]));
    for (channel, neuron, schemes, site) in [
        (true, false, &[Static, Smooth][..], "smooth"),
        (false, true, &[Static, Float], "float"),
        (
            true,
            true,
            &[Static, Smooth, SmoothAtRunTime],
            "smooth_at_run_time",
        ),
        (true, true, &SchemeKind::ALL, "float"),
    ] {
        let model = with_outliers(channel, neuron);
        let (ruined, _) = divergence(&model, only(&[Static]));
        let (saved, quantized) = divergence(&model, only(schemes));
        assert!(ruined > 3.0 * plain, "{ruined} against {plain}");
        assert!(saved < ruined / 3.0, "{saved} against {ruined}");
        let choices = &quantized.assignment.choices;
        assert!(choices.iter().any(|c| c.scheme.name() == site), "{site}");
    }
}

#[test]
fn refinement_keeps_to_its_bounds_and_says_why() {
    let model = with_outliers(true, true);
    let (_, quantized) = divergence(&model, |c| {
        c.quant_post.max_divergence = 0.0;
        c.hpo.max_quant_count = Some(4);
    });
    let refined = quantized
        .trials
        .iter()
        .filter(|t| !matches!(t.attempt, Attempt::Whole(_)));
    // 4 that look for less divergence, then those that give static scales back.
    assert!((4..=4 + 5).contains(&refined.count()));
    let sites = record::quantisation(&quantized).sites.into_iter();
    let changed: Vec<_> = sites.filter(|site| site.scheme != "static").collect();
    assert!(!changed.is_empty());
    for site in changed {
        let reason = site.reason;
        assert!(reason.contains("left a divergence of"), "{reason}");
    }
    // A divergence that is good enough leaves everything as it was.
    let (_, untouched) = divergence(&model, |c| c.quant_post.max_divergence = 10.0);
    assert_eq!(untouched.trials.len(), 1);
}

#[test]
fn what_onnx_cannot_express_is_not_chosen() {
    let few_trials = |c: &mut Config| {
        c.quant_post.max_divergence = 0.0;
        c.hpo.max_quant_count = Some(4);
    };
    let options = options(few_trials).restrict(Deploy::Onnx).unwrap();
    let quantized = run(&with_outliers(true, true), &options, 1).unwrap();
    let linears = &quantized.artifact.quant.linears;
    assert!(!linears.is_empty());
    for quant in linears {
        assert_ne!(quant.activation, ActivationScheme::DynamicPerToken);
    }
}

/// A random model that is sure of its answers and gives more than one; `outlier` times as much in one
/// channel of every layer's values, and as much less where that channel is read, so that the float
/// model answers the same.
fn sure(seed: u64, outlier: f32) -> Artifact {
    let tiny = TinyOptions {
        hidden_size: 16,
        layers: vec![LayerPlan::full(2, 8, 32); 2],
        ..TinyOptions::default()
    };
    let mut model = tiny_artifact(seed, &tiny);
    scale(&mut model, Linear::Classifier.weight(), |_| 10.0);
    for layer in 0..2 {
        let (values, reader) = (Linear::Value(layer), Linear::AttentionOutput(layer));
        let grown = |is_it: bool| if is_it { outlier } else { 1.0 };
        scale(&mut model, values.weight(), |i| grown(i / 16 == 1));
        scale(&mut model, values.bias(), |i| grown(i == 1));
        scale(&mut model, reader.weight(), |i| 1.0 / grown(i % 16 == 1));
    }
    model
}

/// Multiplies each number of a tensor by the factor of its index.
fn scale(model: &mut Artifact, name: String, factor: impl Fn(usize) -> f32) {
    let shape = model.params.get(&name).unwrap().shape().to_vec();
    let values = model.params.f32(&name).unwrap().iter().enumerate();
    let scaled: Vec<f32> = values.map(|(i, v)| v * factor(i)).collect();
    model.params.insert(name, Tensor::f32(shape, scaled));
}

/// Share of 200 sequences that two models classify alike, and the share of the most frequent answer.
fn alike(a: &Artifact, b: &Artifact) -> (f64, f64) {
    let batch = Batch::new(&sequences(200));
    let classes = |model: &Artifact| -> Vec<usize> {
        let logits = Engine::new(model.clone()).unwrap().forward(&batch).unwrap();
        logits.iter().map(|row| argmax(row)).collect()
    };
    let (a, b) = (classes(a), classes(b));
    let same = a.iter().zip(&b).filter(|(a, b)| a == b).count();
    let most = (0..3)
        .map(|class| a.iter().filter(|&&c| c == class).count())
        .max();
    (same as f64 / 200.0, most.unwrap() as f64 / 200.0)
}

#[test]
fn what_abs_max_destroys_the_search_saves() {
    let abs_max = |c: &mut Config| {
        c.quant_post.schemes = vec![Static];
        c.quant_post.range_passes = 0;
        c.quant_post.shift = false;
        c.quant_post.weight_quantize_type = Granularity::Tensor;
    };
    for seed in [1, 3, 4, 7] {
        let (plain, model) = (sure(seed, 1.0), sure(seed, 100.0));
        let (same, most) = alike(&plain, &model);
        assert!(same > 0.99 && most < 0.8, "seed {seed}: {same}, {most}");
        let share = |model: &Artifact, change: &dyn Fn(&mut Config)| {
            alike(model, &divergence(model, change).1.artifact).0
        };
        let harmless = share(&plain, &abs_max);
        let (ruined, saved) = (share(&model, &abs_max), share(&model, &|_| ()));
        assert!(harmless >= 0.95, "seed {seed}: {harmless}");
        assert!(ruined <= 0.8, "seed {seed}: {ruined}");
        assert!(saved >= 0.97, "seed {seed}: {saved}");
    }
}
