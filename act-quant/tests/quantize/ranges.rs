//! Ranges by the answers of the whole model, where every scale is static.

use act_core::quant::{ActivationScheme, Calibrator};
use act_core::{Problem, Silent};
use act_infer::Engine;
use act_quant::apply::ModelQuantizer;
use act_quant::calibrate::Method;
use act_quant::descent::{self, Slice};
use act_quant::scheme::{Assignment, Scheme};
use act_quant::weight::Granularity;
use act_stage::config::SchemeKind;

use super::outliers::with_outliers;
use super::{Batch, float, options, run, samples};

#[test]
fn what_a_descent_says_of_the_whole_model_is_so() {
    let (model, options) = (float(), options(|_| ()));
    let calibrated = run(&model, &options, 1).unwrap();
    let quantizer = ModelQuantizer::new(&model, &calibrated.statistics, &options).unwrap();
    let batches: Vec<Batch> = samples().calibration.chunks(16).map(Batch::new).collect();
    let answers = |engine: &Engine| -> Vec<Vec<f32>> {
        let answers = batches.iter().map(|batch| engine.forward(batch).unwrap());
        answers.flatten().collect()
    };
    let expected = answers(&Engine::new(model.clone()).unwrap());
    let method = Method::new(Calibrator::Avg, 0.0);
    let scheme = Scheme::Static(method);
    let start = Assignment::uniform(&model.plan, scheme, Granularity::Channel, true);
    let smooth = |alpha| Scheme::Smooth {
        method,
        alpha,
        at_run_time: true,
    };
    let mut found = Vec::new();
    for threads in [1, 3] {
        let slice = Slice {
            batches: &batches,
            expected: &expected,
            passes: 2,
            threads,
            progress: &Silent,
        };
        let smoothings = |_| [0.3, 0.8].map(smooth).to_vec();
        found.push(descent::descend(&quantizer, &start, &slice, &smoothings).unwrap());
    }
    assert!(found[0] == found[1], "threads change nothing");
    let (best, [before, after]) = &found[0];
    assert!(after < &(0.7 * before), "{before} {after}");
    for (assignment, divergence) in [(&start, before), (best, after)] {
        let engine = Engine::new(quantizer.artifact(assignment).unwrap()).unwrap();
        let whole = descent::distance(&Problem::SingleLabel, &expected, &answers(&engine)).unwrap();
        assert!((whole - divergence).abs() <= 1e-12, "{whole} {divergence}");
    }
    let smoothed = best.choices.iter().filter(|c| c.scheme.name() != "static");
    assert!(smoothed.count() > 0);
}

#[test]
fn a_model_of_static_scales_alone_is_closer_by_all_of_it() {
    use SchemeKind::{Smooth, SmoothAtRunTime, Static};
    let divergence = |schemes: &[SchemeKind], passes| {
        let options = options(|c| {
            c.quant_post.schemes = schemes.to_vec();
            c.quant_post.range_passes = passes;
            c.quant_post.max_divergence = 0.0;
        });
        let quantized = run(&with_outliers(true, true), &options, 2).unwrap();
        for quant in &quantized.artifact.quant.linears {
            assert_ne!(quant.activation, ActivationScheme::DynamicPerToken);
        }
        assert_eq!(quantized.artifact.quant.linears.len(), 14);
        quantized.winner().score.divergence
    };
    let plain = divergence(&[Static], 0);
    let all = divergence(&[Static, Smooth, SmoothAtRunTime], 2);
    assert!(all < 0.3 * plain, "{all} {plain}");
}

/// What the record says of an input is what made the search choose its scheme, whatever became of the others:
/// a smoothed context has the value projection's weights divided, which is not noise of theirs.
#[test]
fn signal_to_noise_is_that_of_the_choice() {
    use SchemeKind::{Smooth, SmoothAtRunTime, Static};
    let options = options(|c| {
        c.quant_post.schemes = [Static, Smooth, SmoothAtRunTime].to_vec();
        c.quant_post.range_passes = 0;
        c.quant_post.max_divergence = 0.0;
        c.hpo.max_quant_count = Some(2);
    });
    let quantized = run(&with_outliers(true, true), &options, 1).unwrap();
    let choices = &quantized.assignment.choices;
    assert!(choices.iter().any(|c| c.scheme.name() == "smooth"));
    let mut told = 0;
    for (choice, sqnr_db) in choices.iter().zip(&quantized.sqnr_db) {
        if choice.reason.contains("the least error at its layer") {
            let expected = format!("({sqnr_db:.1} dB)");
            assert!(
                choice.reason.ends_with(&expected),
                "{}: {expected}",
                choice.reason
            );
            told += 1;
        }
    }
    assert!(told > 0);
}
