//! The search and what it puts together, on pretended statistics and a pretended judge.

use std::collections::BTreeMap;

use act_core::Seed;
use act_core::metrics::Metric;
use act_core::quant::{ActivationScheme, Calibrator, QuantSpec, TableQuant, WeightBits};
use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, DType, Embedding, Linear, Result};
use act_quant::apply::ModelQuantizer;
use act_quant::calibrate::Method;
use act_quant::channels::Channels;
use act_quant::judge::Score;
use act_quant::options::{Candidate, Options};
use act_quant::scheme::Scheme;
use act_quant::search::{Attempt, Judge, Runner, Search, search};
use act_quant::statistics::{BINS, Statistics};
use act_quant::weight::Granularity;
use act_stage::config::{AttentionKind, JudgeTexts, SchemeKind, WeightGroups, WeightRound};

fn model() -> Artifact {
    tiny_artifact(1, &TinyOptions::default())
}

/// A triangle of magnitudes up to `peak`, the largest rarest.
fn triangle(peak: f32, columns: usize) -> Statistics {
    Statistics {
        min: -peak,
        max: peak,
        mean_peak: f64::from(peak) / 2.0,
        positive: (0..BINS as u64).rev().map(|n| n + 1).collect(),
        negative: (0..BINS as u64).rev().map(|n| n + 1).collect(),
        shift: None,
        channels: Channels {
            low: vec![-peak; columns],
            high: vec![peak; columns],
            mean: vec![0.0; columns],
            rows: vec![peak; columns],
        },
        moments: None,
    }
}

fn statistics(model: &Artifact) -> BTreeMap<Linear, Statistics> {
    let linears = model.plan.linears().into_iter().zip(1..);
    linears
        .map(|(linear, n)| {
            (
                linear,
                triangle(n as f32, model.plan.linear_shape(linear)[1]),
            )
        })
        .collect()
}

fn options() -> Options {
    Options {
        methods: vec![
            Method::new(Calibrator::AbsMax, 0.0),
            Method::new(Calibrator::Avg, 0.0),
        ],
        granularities: vec![Granularity::Channel, Granularity::Tensor],
        rounds: vec![WeightRound::Nearest],
        bias_corrects: vec![false],
        schemes: SchemeKind::ALL.to_vec(),
        shift: true,
        alphas: vec![0.5],
        range_passes: 0,
        range_examples: 8,
        max_divergence: 1e-3,
        max_trials: 20,
        batch_size: 4,
        batches: 1,
        metric: None,
        explain: None,
        judge: JudgeTexts::Train,
        judge_file: None,
        validation_ratio: 0.05,
        bits: WeightBits::Eight,
        weight_max: 127,
        weight_groups: WeightGroups::Pairs,
        activation_max: 63,
        embeddings: true,
        attention: AttentionKind::F32,
    }
}

/// Searches ten examples with a pretended judge.
fn judged(quantizer: &ModelQuantizer<'_>, seed: u64, judge: &mut Judge<'_>) -> Result<Search> {
    let examples = 10;
    let mut runner = Runner {
        quantizer,
        examples,
        judge,
    };
    search(&mut runner, Seed(seed))
}

/// Searches with a judge that gives out `divergences` one after the other.
fn run(options: &Options, divergences: &[f64]) -> Result<Search> {
    let model = model();
    let mut given = divergences.iter();
    let statistics = statistics(&model);
    let quantizer = ModelQuantizer::new(&model, &statistics, options)?;
    judged(&quantizer, 1, &mut |_, _| {
        Ok(Score {
            divergence: *given.next().expect("a divergence for each trial"),
            accuracy: None,
            metric: None,
            examples: 10,
        })
    })
}

/// The same with values of macro-F1 beside the divergences.
fn run_by_metric(options: &Options, scores: &[(f64, f64)]) -> Result<Search> {
    let model = model();
    let mut given = scores.iter();
    let statistics = statistics(&model);
    let quantizer = ModelQuantizer::new(&model, &statistics, options)?;
    judged(&quantizer, 1, &mut |_, _| {
        let &(macro_f1, divergence) = given.next().expect("a score for each trial");
        Ok(Score {
            divergence,
            accuracy: None,
            metric: Some((Metric::MacroF1, macro_f1)),
            examples: 10,
        })
    })
}

#[test]
fn the_users_metric_goes_before_divergence_and_divergence_decides_between_equals() {
    for (scores, best) in [
        ([(0.5, 0.1), (0.7, 0.4), (0.6, 0.01), (0.7, 0.5)], 1),
        ([(0.5, 0.4), (0.5, 0.3), (0.5, 0.2), (0.4, 0.1)], 2),
        ([(0.5, 0.4), (0.5, 0.4), (0.5, 0.4), (0.5, 0.4)], 0),
    ] {
        let found = run_by_metric(&options(), &scores).unwrap();
        assert_eq!((found.trials.len(), found.best), (4, best), "{scores:?}");
    }
}

fn winner(found: &Search) -> Candidate {
    match found.winner().attempt {
        Attempt::Whole(candidate) => candidate,
        ref other => panic!("{other}"),
    }
}

/// Names, types and shapes are those that the plan demands of the quantised model.
fn assert_valid(artifact: &Artifact) {
    let expected = artifact.plan.expected_tensors(&artifact.quant);
    assert_eq!(artifact.params.len(), expected.len());
    for spec in expected {
        let tensor = artifact.params.get(&spec.name).unwrap();
        assert_eq!(
            (tensor.dtype(), tensor.shape()),
            (spec.dtype, &spec.shape[..]),
            "{}",
            spec.name
        );
    }
}

#[test]
fn the_best_trial_is_kept() {
    let found = run(&options(), &[0.4, 0.3, 0.2, 0.3]).unwrap();
    assert_eq!((found.trials.len(), found.best), (4, 2));
    let best = winner(&found);
    assert_eq!(
        (best.method, best.granularity),
        (Method::new(Calibrator::AbsMax, 0.0), Granularity::Tensor)
    );
    assert_eq!(found.assignment.granularity, Granularity::Tensor);
    let scales = found
        .artifact
        .params
        .f32(&Linear::Query(0).scale())
        .unwrap();
    assert!(scales.windows(2).all(|pair| pair[0] == pair[1]));
    assert_valid(&found.artifact);
}

#[test]
fn of_equals_the_first_is_kept() {
    assert_eq!(run(&options(), &[0.4, 0.3, 0.3, 0.3]).unwrap().best, 1);
}

#[test]
fn the_artifact_holds_what_was_chosen() {
    let found = run(&options(), &[0.4, 0.3, 0.4, 0.4]).unwrap();
    let (artifact, model) = (&found.artifact, model());
    assert_valid(artifact);
    assert_eq!(
        artifact.quant.embeddings,
        [Embedding::Word, Embedding::Position].map(TableQuant::int8)
    );
    for (i, quant) in artifact.quant.linears.iter().enumerate() {
        assert_eq!(quant.linear, model.plan.linears()[i]);
        assert_eq!(quant.calibrator, Some(Calibrator::Avg));
        let scale = ((i + 1) as f64 / 2.0 / 63.0) as f32;
        let zero_point = 128;
        assert_eq!(
            quant.activation,
            ActivationScheme::Static { scale, zero_point }
        );
        // Weights come back to within half a step.
        let name = quant.linear.weight();
        let [_, columns] = model.plan.linear_shape(quant.linear);
        let integers = artifact.params.i8(&name).unwrap();
        let scales = artifact.params.f32(&quant.linear.scale()).unwrap();
        for (j, (w, q)) in model
            .params
            .f32(&name)
            .unwrap()
            .iter()
            .zip(integers)
            .enumerate()
        {
            let scale = scales[j / columns];
            assert!((w - f32::from(*q) * scale).abs() <= 0.5001 * scale);
        }
    }
    // What is not quantised is untouched.
    let bias = Linear::Pooler.bias();
    assert_eq!(
        artifact.params.f32(&bias).unwrap(),
        model.params.f32(&bias).unwrap()
    );
}

#[test]
fn tables_stay_float_when_told_so() {
    let float_tables = Options {
        embeddings: false,
        ..options()
    };
    let artifact = run(&float_tables, &[0.1; 4]).unwrap().artifact;
    assert_valid(&artifact);
    let word = artifact.params.get(&Embedding::Word.weight()).unwrap();
    assert_eq!(word.dtype(), DType::F32);
}

#[test]
fn equal_searches_give_equal_tensors() {
    let tensors = || {
        let found = run(&options(), &[0.4, 0.3, 0.2, 0.3]).unwrap();
        let params = found.artifact.params.iter();
        let bytes: Vec<_> = params
            .map(|(name, t)| (name.to_string(), t.bytes().to_vec()))
            .collect();
        (bytes, found.artifact.quant)
    };
    assert_eq!(tensors(), tensors());
}

#[test]
fn a_quantised_model_is_refused() {
    let quantised = run(&options(), &[0.1; 4]).unwrap().artifact;
    let error = act_quant::require_float(&quantised).unwrap_err();
    assert_eq!(error.kind(), act_core::ErrorKind::Usage);
    assert!(quantised.quant != QuantSpec::default());
    assert!(act_quant::require_float(&model()).is_ok());
}

/// 7 calibrators x 3 roundings x 2 = 42 points, of which 12 are tried.
#[test]
fn a_large_space_is_sampled_without_repeats_and_the_same_way_again() {
    let model = model();
    let statistics = statistics(&model);
    let methods = Calibrator::ALL.map(|calibrator| Method::new(calibrator, 0.999));
    let large = Options {
        methods: methods.to_vec(),
        granularities: vec![
            Granularity::Channel,
            Granularity::Tensor,
            Granularity::ChannelMse,
        ],
        bias_corrects: vec![false, true],
        max_trials: 12,
        ..options()
    };
    let tried = |seed: u64| {
        let quantizer = ModelQuantizer::new(&model, &statistics, &large).unwrap();
        let mut turn = 0;
        let found = judged(&quantizer, seed, &mut |_, _| {
            turn += 1;
            Ok(Score {
                divergence: 1.0 / f64::from(turn),
                accuracy: None,
                metric: None,
                examples: 10,
            })
        });
        let attempts = found.unwrap().trials.into_iter().map(|t| t.attempt);
        attempts.collect::<Vec<_>>()
    };
    let first = tried(1);
    assert_eq!(first.len(), 12);
    for (i, attempt) in first.iter().enumerate() {
        assert!(!first[..i].contains(attempt), "{attempt} twice");
    }
    assert_eq!(first, tried(1));
    assert_ne!(first, tried(2));
}

#[test]
fn a_trial_that_was_given_up_never_wins() {
    let model = model();
    let statistics = statistics(&model);
    let quantised = options();
    let quantizer = ModelQuantizer::new(&model, &statistics, &quantised).unwrap();
    let mut turn = 0;
    let found = judged(&quantizer, 1, &mut |_, best| {
        turn += 1;
        let early = turn > 1;
        assert_eq!(best, if early { 0.5 } else { f64::INFINITY });
        Ok(Score {
            divergence: if early { 0.1 } else { 0.5 },
            accuracy: None,
            metric: None,
            examples: if early { 3 } else { 10 },
        })
    });
    let found = found.unwrap();
    assert_eq!(found.best, 0);
    assert!(found.trials[1].given_up && !found.trials[0].given_up);
}

#[test]
fn an_outline_has_the_sizes_of_the_artifact() {
    let model = model();
    // Query, key and value see one input.
    let alike = |linear: Linear| triangle(1.0, model.plan.linear_shape(linear)[1]);
    let linears = model.plan.linears().into_iter();
    let statistics = linears.map(|linear| (linear, alike(linear))).collect();
    for bits in [WeightBits::Eight, WeightBits::Four { group: 32 }] {
        let options = Options { bits, ..options() };
        let quantizer = ModelQuantizer::new(&model, &statistics, &options).unwrap();
        let score = Score {
            divergence: 0.1,
            accuracy: None,
            metric: None,
            examples: 10,
        };
        let found = judged(&quantizer, 1, &mut |_, _| Ok(score)).unwrap();
        let method = options.methods[0];
        let smooth = |at_run_time| Scheme::Smooth {
            method,
            alpha: 0.5,
            at_run_time,
        };
        let schemes = [
            Scheme::Float,
            Scheme::Dynamic,
            Scheme::Static(method),
            smooth(true),
        ];
        for (index, choice) in found.assignment.choices.iter().enumerate() {
            for scheme in schemes {
                let whole = found.assignment.with(index, scheme);
                let whole = quantizer.artifact(&whole).unwrap();
                let outline = quantizer.outline(&found.artifact, &found.assignment, index, scheme);
                let outline = outline.unwrap();
                assert_valid(&outline);
                assert_eq!(outline.quant, whole.quant, "{} {scheme}", choice.input);
                assert_eq!(outline.file_len().unwrap(), whole.file_len().unwrap());
            }
        }
    }
}
