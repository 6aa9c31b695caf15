//! The whole of quantisation on a tiny model, through act-infer.

mod outliers;
mod ranges;

use std::cell::{Cell, RefCell};

use act_core::provenance::{DataRecord, Digest};
use act_core::quant::{Calibrator, GroupLimit};
use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{
    Activation, Artifact, Batch, Encoding, Error, ErrorKind, LayerPlan, Linear, Progress, Result,
    Seed, Silent, Tensor,
};
use act_infer::Engine;
use act_quant::aware::{AwareOptions, Mode};
use act_quant::options::{Deploy, Options};
use act_quant::samples::Samples;
use act_quant::search::Attempt;
use act_quant::{Quantized, quantize, record};
use act_stage::config::{
    AttentionKind, Config, Granularity, SchemeKind, WeightGroups, WeightRound,
};

/// Sequences of 3 to 12 tokens out of the tiny vocabulary.
fn sequences(count: u32) -> Vec<Encoding> {
    (0..count)
        .map(|i| {
            let tokens = (0..2 + i % 10).map(|j| 5 + (i * 31 + j * j * 7) % 100);
            let input_ids: Vec<u32> = [2].into_iter().chain(tokens).collect();
            Encoding {
                token_type_ids: vec![0; input_ids.len()],
                input_ids,
            }
        })
        .collect()
}

fn samples() -> Samples {
    let mut calibration = sequences(80);
    let held_out = calibration.split_off(40);
    Samples {
        unseen: None,
        cut: None,
        labels: Some((0..40).map(|i| act_core::Target::Class(i % 3)).collect()),
        calibration,
        held_out,
    }
}

fn float() -> Artifact {
    tiny_artifact(3, &TinyOptions::default())
}

fn options(change: impl FnOnce(&mut Config)) -> Options {
    let mut config = Config::default();
    (config.quant_post.batch_size, config.quant_post.batch_nums) = (16, 3);
    change(&mut config);
    Options::from_config(&config).unwrap()
}

fn run(model: &Artifact, options: &Options, threads: usize) -> Result<Quantized> {
    quantize(model, &samples(), options, Seed(7), threads, &Silent)
}

/// The pieces of work, with their totals and what was done of each.
#[derive(Default)]
struct Heard(RefCell<Vec<(String, usize, usize)>>);

impl Progress for Heard {
    fn begin(&self, what: &str, total: usize) {
        self.0.borrow_mut().push((what.into(), total, 0));
    }

    fn advance(&self, examples: usize) -> Result<()> {
        self.0.borrow_mut().last_mut().unwrap().2 += examples;
        Ok(())
    }

    fn say(&self, _: &str) {}
}

/// Lets fewer than so many examples pass.
struct StopsAt(Cell<usize>);

impl Progress for StopsAt {
    fn begin(&self, _: &str, _: usize) {}

    fn advance(&self, examples: usize) -> Result<()> {
        self.0.set(self.0.get().saturating_sub(examples));
        if self.0.get() == 0 {
            return Err(Error::interrupted());
        }
        Ok(())
    }

    fn say(&self, _: &str) {}
}

/// Share of the held-out sequences that two models classify alike.
fn agreement(a: &Artifact, b: &Artifact) -> f64 {
    let held_out = samples().held_out;
    let classes = |model: &Artifact| -> Vec<usize> {
        let engine = Engine::new(model.clone()).unwrap();
        let logits = engine.forward(&Batch::new(&held_out)).unwrap();
        logits
            .iter()
            .map(|row| act_core::metrics::argmax(row))
            .collect()
    };
    let (a, b) = (classes(a), classes(b));
    let same = a.iter().zip(&b).filter(|(a, b)| a == b).count();
    same as f64 / held_out.len() as f64
}

#[test]
fn the_int8_model_answers_as_the_float_one_does() {
    for hidden_act in [Activation::Gelu, Activation::Relu] {
        for layers in [
            TinyOptions::default().layers,
            vec![LayerPlan::full(0, 4, 6), LayerPlan::full(2, 4, 0)],
        ] {
            let model = tiny_artifact(
                3,
                &TinyOptions {
                    hidden_act,
                    layers,
                    ..TinyOptions::default()
                },
            );
            let quantized = run(&model, &options(|_| ()), 1).unwrap();
            let score = quantized.winner().score;
            assert!(score.divergence < 0.01, "{}", score.divergence);
            assert!(agreement(&model, &quantized.artifact) >= 0.9);
            assert_eq!(quantized.artifact.quant.precision(), "int8");
            assert_eq!(quantized.statistics.len(), model.plan.linears().len());
        }
    }
}

#[test]
fn coarser_integers_are_further_away() {
    let divergence = |max: u8| {
        let options = options(|c| {
            (c.quant_post.weight_max, c.quant_post.activation_max) = (max, max);
            c.quant_post.algo = Calibrator::AbsMax;
            c.quant_post.max_divergence = 10.0;
        });
        run(&float(), &options, 1)
            .unwrap()
            .winner()
            .score
            .divergence
    };
    assert!(divergence(127) < divergence(15));
    assert!(divergence(15) < divergence(3));
}

#[test]
fn every_combination_is_tried_and_reported() {
    let options = options(|c| {
        c.quant_post.max_divergence = 1.0;
        c.hpo.ptq_algo = Some(Calibrator::ALL.to_vec());
        c.hpo.hist_percent = Some(vec![0.99, 0.9999]);
        c.hpo.weight_quantize_type = Some(vec![Granularity::Channel, Granularity::Tensor]);
    });
    let heard = Heard::default();
    let quantized = quantize(&float(), &samples(), &options, Seed(7), 1, &heard).unwrap();
    let [calibrating, searching, changing, judging] = &heard.0.borrow()[..] else {
        panic!("four pieces of work");
    };
    assert_eq!(*calibrating, ("calibrating".into(), 120, 120));
    let (_, total, done) = searching;
    assert!(*total == 16 * 40 && done <= total && *done > 40, "{done}");
    assert_eq!(changing.2, 0, "within the bound no input changes");
    // Once as it is and once for each of ten inputs in float.
    assert_eq!(judging.2, 11 * 40);
    assert_eq!(quantized.float_gains.len(), 10);
    let trials = &quantized.trials;
    assert_eq!(trials.len(), 16);
    let best = quantized.winner().score.divergence;
    assert!(
        trials
            .iter()
            .all(|t| t.given_up || t.score.divergence >= best)
    );
    assert!(trials.iter().any(|t| t.score.divergence > best));

    let told = record::quantisation(&quantized);
    assert_eq!(told.trials.len(), 16);
    assert_eq!(told.sites[0].site, "layer.0.attention.query.input");
    assert_eq!(told.sites.len(), 14);
    for site in &told.sites {
        assert!(site.weight_sqnr_db.unwrap() > 30.0);
        assert!(site.threshold.unwrap() <= site.abs_max.unwrap() * 1.000_001);
    }
    assert_eq!(told.embeddings[0].table, "embeddings.word_embeddings");
}

#[test]
fn attention_is_in_integers_where_it_is_asked_for() {
    let floats = options(|_| ());
    let integers = options(|c| c.quant_post.attention = AttentionKind::Int8);
    let [floats, quantized] =
        [&floats, &integers].map(|options| run(&float(), options, 1).unwrap());
    assert!(floats.artifact.quant.attention.is_empty());
    let layers = float().plan.layers;
    let with_heads: Vec<usize> = (0..layers.len())
        .filter(|&l| layers[l].heads() > 0)
        .collect();
    assert_eq!(quantized.artifact.quant.attention, with_heads);
    let told = record::quantisation(&quantized);
    assert_eq!(told.int8_attention, with_heads);
    let read = Artifact::read(&quantized.artifact.to_bytes().unwrap()[..]).unwrap();
    assert_eq!(read.quant, quantized.artifact.quant);

    let refused = integers.restrict(Deploy::Onnx).unwrap_err();
    assert!(
        refused.to_string().contains("QuantPost.attention"),
        "{refused}"
    );
    let mut config = Config::default();
    config.quant_post.attention = AttentionKind::Int8;
    let aware = |mode| AwareOptions::new(&config, Some(mode), Seed(1), 1);
    assert!(aware(Mode::Post).is_ok());
    let refused = aware(Mode::Auto).unwrap_err();
    assert!(
        refused.to_string().contains("QuantPost.attention"),
        "{refused}"
    );
}

#[test]
fn groups_of_weights_are_what_the_configuration_says_and_pairs_by_default() {
    let limit = |size| Some(GroupLimit { size, max: 129 });
    assert_eq!(
        Config::default().quant_post.weight_groups,
        WeightGroups::Pairs
    );
    for (groups, limit, round) in [
        (WeightGroups::Pairs, limit(2), WeightRound::Nearest),
        (WeightGroups::Pairs, limit(2), WeightRound::Compensated),
        (WeightGroups::Quads, limit(4), WeightRound::Nearest),
        (WeightGroups::Quads, limit(4), WeightRound::Compensated),
        (WeightGroups::None, None, WeightRound::Compensated),
    ] {
        let options = options(|c| {
            c.quant_post.weight_groups = groups;
            c.quant_post.weight_round = round;
        });
        let quantized = run(&float(), &options, 1).unwrap();
        let told = record::quantisation(&quantized);
        for site in &told.sites {
            assert_eq!(
                site.group_limit.map(|l| (l.size, l.max)),
                limit.map(|l| (l.size, l.max))
            );
            assert_eq!(site.groups_cut.is_some(), limit.is_some());
        }
        // Reading verifies the limit.
        let bytes = quantized.artifact.to_bytes().unwrap();
        let artifact = Artifact::read(&bytes[..]).unwrap();
        assert!(
            artifact
                .quant
                .linears
                .iter()
                .all(|q| q.group_limit == limit)
        );
    }
}

#[test]
fn threads_do_not_change_a_byte() {
    let options = options(|c| c.hpo.ptq_algo = Some(vec![Calibrator::Kl, Calibrator::Mse]));
    let bytes = |threads| {
        run(&float(), &options, threads)
            .unwrap()
            .artifact
            .to_bytes()
            .unwrap()
    };
    let alone = bytes(1);
    assert!(alone == bytes(1) && alone == bytes(3));
}

#[test]
fn provenance_tells_model_data_and_configuration() {
    let model = float();
    let quantized = run(&model, &options(|_| ()), 1).unwrap();
    let train = DataRecord {
        name: "tiny/train".into(),
        digest: Digest([5; 32]),
        examples: 80,
        synthetic: true,
    };
    let record =
        record::provenance(&model, &quantized, &train, &Config::default(), Seed(9)).unwrap();
    assert_eq!(record.inputs[0].model_digest, model.model_digest().unwrap());
    assert_eq!((record.data, record.seed), (vec![train], 9));
    assert!(record.config.contains("QuantPost") && record.config.contains("hist_percent: 0.9999"));
    assert!(record.metrics.iter().any(|(name, _)| name == "divergence"));
}

#[test]
fn a_quantised_model_is_refused() {
    let int8 = run(&float(), &options(|_| ()), 1).unwrap().artifact;
    let error = run(&int8, &options(|_| ()), 1).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("quantised already"), "{error}");
}

#[test]
fn the_caller_may_stop_it() {
    for examples in [1, 90, 130, 190] {
        let stop = StopsAt(examples.into());
        let stopped = quantize(&float(), &samples(), &options(|_| ()), Seed(7), 1, &stop);
        assert_eq!(stopped.err().unwrap().kind(), ErrorKind::Interrupted);
    }
}

/// What `abs_max` leaves, and the whole result.
fn divergence(model: &Artifact, change: impl FnOnce(&mut Config)) -> (f64, Quantized) {
    let options = options(|c| {
        c.quant_post.algo = Calibrator::AbsMax;
        change(c);
    });
    let quantized = run(model, &options, 1).unwrap();
    (quantized.winner().score.divergence, quantized)
}

/// There is no step from static scales on the way, and the means are tried all the same.
#[test]
fn scales_per_token_alone_are_tried_with_means_off() {
    let attempts = |shift: bool| {
        let (_, quantized) = divergence(&float(), |c| {
            c.quant_post.schemes = vec![SchemeKind::Dynamic];
            c.quant_post.max_divergence = 0.0;
            c.quant_post.shift = shift;
        });
        let attempts = quantized.trials.into_iter().skip(1).map(|t| t.attempt);
        attempts.collect::<Vec<_>>()
    };
    assert_eq!(attempts(true), [Attempt::ShiftTokens]);
    assert_eq!(attempts(false), []);
}

#[test]
fn corrected_biases_bring_the_mean_output_back() {
    // Rounded to 3 levels, the weights are far off; what moved the mean is known.
    let corrected = |correct: bool| {
        let (divergence, _) = divergence(&float(), |c| {
            c.quant_post.weight_max = 3;
            c.quant_post.bias_correction = correct;
            c.quant_post.max_divergence = 10.0;
        });
        divergence
    };
    assert!(corrected(true) < 0.7 * corrected(false));
}

#[test]
fn activations_that_are_not_finite_are_rejected() {
    let mut model = float();
    let name = Linear::Intermediate(1).bias();
    let shape = model.params.get(&name).unwrap().shape().to_vec();
    let huge = vec![f32::MAX; shape[0]];
    model.params.insert(name, Tensor::f32(shape, huge));
    let weight = Linear::Output(1).weight();
    let shape = model.params.get(&weight).unwrap().shape().to_vec();
    let ones = vec![8.0; shape[0] * shape[1]];
    model.params.insert(weight, Tensor::f32(shape, ones));
    let error = run(&model, &options(|_| ()), 1).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("not finite"), "{error}");
}
