//! Attention in integers: what `docs/format.md` says, to the last bit, on every kernel.

use std::collections::BTreeMap;

use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, Batch, LayerPlan, Linear, Site};
use act_infer::{Engine, Kernels, Observer};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const PAD: u32 = 0;

fn model(layers: Vec<LayerPlan>, int8: Option<TinyInt8>, seed: u64) -> Artifact {
    let options = TinyOptions {
        hidden_size: 48,
        layers,
        max_position_embeddings: 300,
        max_seq_length: 300,
        int8,
        ..TinyOptions::default()
    };
    let mut model = tiny_artifact(seed, &options);
    let layers = model.plan.layers.iter().enumerate();
    model.quant.attention = layers
        .filter(|(_, l)| l.heads() > 0)
        .map(|(l, _)| l)
        .collect();
    model
}

/// Ids of which one in `pads` is a pad, never the first.
fn batch(lengths: &[usize], pads: usize) -> Batch {
    let tokens: usize = lengths.iter().sum();
    let mut batch = Batch {
        input_ids: (0..tokens).map(|i| 1 + (i * 37 % 120) as u32).collect(),
        token_type_ids: vec![0; tokens],
        lengths: lengths.to_vec(),
    };
    let mut first = 0;
    for length in lengths {
        for at in (first + 1..first + length).filter(|at| at % pads == 1) {
            batch.input_ids[at] = PAD;
        }
        first += length;
    }
    batch
}

#[derive(Default)]
struct Seen(BTreeMap<Site, (Vec<f32>, usize)>);

impl Observer for Seen {
    fn observe(&mut self, site: Site, values: &[f32], columns: usize) {
        self.0.insert(site, (values.to_vec(), columns));
    }
}

impl Seen {
    /// A head's rows of a site.
    fn rows(&self, site: Site, head: usize, head_dim: usize) -> Vec<Vec<f32>> {
        let (values, columns) = &self.0[&site];
        let rows = values.chunks(*columns);
        rows.map(|row| row[head * head_dim..][..head_dim].to_vec())
            .collect()
    }
}

fn scale(values: impl Iterator<Item = f32>) -> f32 {
    let scale = values.fold(0f32, |most, x| most.max(x.abs())) / 127.0;
    if scale < f32::MIN_POSITIVE {
        1.0
    } else {
        scale
    }
}

fn integer(x: f32, scale: f32) -> i64 {
    (x * (1.0 / scale)).clamp(-127.0, 127.0).round_ties_even() as i64
}

/// The definition, one number at a time.
fn attention(q: &[Vec<f32>], k: &[Vec<f32>], v: &[Vec<f32>], pads: &[bool]) -> Vec<Vec<f32>> {
    let head_dim = k[0].len();
    let integers = |rows: &[Vec<f32>]| -> Vec<(f32, Vec<i64>)> {
        let one = |row: &Vec<f32>| {
            let scale = scale(row.iter().copied());
            (scale, row.iter().map(|x| integer(*x, scale)).collect())
        };
        rows.iter().map(one).collect()
    };
    let all = pads.iter().all(|pad| *pad);
    let channels = (0..head_dim).map(|c| {
        let counted = v.iter().zip(pads).filter(|(_, pad)| all || !**pad);
        let scale = scale(counted.map(|(row, _)| row[c]));
        let integers: Vec<i64> = v.iter().map(|row| integer(row[c], scale)).collect();
        (scale, integers)
    });
    let channels: Vec<_> = channels.collect();
    let (queries, keys) = (integers(q), integers(k));
    let context = queries.iter().map(|(query_scale, query)| {
        let query_scale = query_scale * (std::f32::consts::LOG2_E / (head_dim as f32).sqrt());
        let scores: Vec<f32> = keys
            .iter()
            .zip(pads)
            .map(|((key_scale, key), pad)| {
                let sum: i64 = query.iter().zip(key).map(|(a, b)| a * b).sum();
                sum as f32 * (query_scale * key_scale) + if *pad { -1e4 } else { 0.0 }
            })
            .collect();
        let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<i64> = scores
            .iter()
            .map(|score| {
                let x = (score - largest).max(-20.0);
                let (n, f) = (x.round_ties_even(), x - x.round_ties_even());
                let p = 13.972_312f32.mul_add(f, 61.521_587).mul_add(f, 176.093_86);
                (p.mul_add(f, 254.0) * n.exp2()).round_ties_even() as i64
            })
            .collect();
        let inverse = 1.0 / weights.iter().sum::<i64>() as f32;
        let one = |(scale, values): &(f32, Vec<i64>)| {
            let sum: i64 = weights.iter().zip(values).map(|(w, v)| w * v).sum();
            sum as f32 * (inverse * scale) + 0.0
        };
        channels.iter().map(one).collect()
    });
    context.collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_context_is_that_of_the_definition(
        (heads, head_dim) in (1usize..5, prop_oneof![1usize..20, Just(32), Just(64)]),
        length in prop_oneof![1usize..20, 30usize..35, Just(128), 250usize..300],
        pads in 2usize..9,
        seed: u64,
    ) {
        // The second layer is the last, of which one query is computed.
        let layers = vec![LayerPlan::full(heads, head_dim, 9); 2];
        let model = model(layers, None, seed);
        let batch = batch(&[length], pads);
        let masked: Vec<bool> = batch.input_ids.iter().map(|&id| id == PAD).collect();
        for kernels in Kernels::available() {
            let mut seen = Seen::default();
            let engine = Engine::new(model.clone()).unwrap().with_kernels(kernels);
            let logits = engine.forward_observed(&batch, &mut seen).unwrap();
            prop_assert_eq!(&logits, &engine.forward(&batch).unwrap());
            for (l, head) in [0, 1].into_iter().flat_map(|l| (0..heads).map(move |h| (l, h))) {
                let [q, k, v] = [Linear::Query(l), Linear::Key(l), Linear::Value(l)]
                    .map(|linear| seen.rows(Site::Projection(linear), head, head_dim));
                let expected = attention(&q, &k, &v, &masked);
                let found = seen.rows(Site::Heads(l), head, head_dim);
                prop_assert_eq!(&found, &expected, "{} layer {}", engine.kernels(), l);
            }
        }
    }
}

#[test]
fn answers_do_not_depend_on_company_padding_or_threads() {
    let layers = vec![LayerPlan::full(3, 32, 40), LayerPlan::full(2, 20, 30)];
    let model = model(layers, Some(TinyInt8::default()), 5);
    let together = batch(&[128, 3, 40, 17, 33, 1, 90], 1000);
    for kernels in Kernels::available() {
        let engine = || Engine::new(model.clone()).unwrap().with_kernels(kernels);
        let one = engine();
        let expected = one.forward(&together).unwrap();
        let two = engine().with_threads(2).with_free_teams();
        assert_eq!(two.forward(&together).unwrap(), expected);
        let mut first = 0;
        for (&length, expected) in together.lengths.iter().zip(&expected) {
            let mut alone = Batch {
                input_ids: together.input_ids[first..first + length].to_vec(),
                token_type_ids: vec![0; length],
                lengths: vec![length],
            };
            assert_eq!(&one.forward(&alone).unwrap()[0], expected);
            alone.input_ids.resize(length + 5, PAD);
            alone.token_type_ids.resize(length + 5, 0);
            alone.lengths[0] += 5;
            assert_eq!(&one.forward(&alone).unwrap()[0], expected, "padded");
            first += length;
        }
    }
}

#[test]
fn answers_are_near_those_of_float_attention() {
    let layers = vec![LayerPlan::full(4, 16, 64); 3];
    let integers = model(layers, None, 7);
    let mut floats = integers.clone();
    floats.quant.attention.clear();
    let batch = batch(&[128, 30, 7], 1000);
    let [integers, floats] =
        [integers, floats].map(|m| Engine::new(m).unwrap().forward(&batch).unwrap());
    let pairs = integers.iter().flatten().zip(floats.iter().flatten());
    let furthest = pairs.fold(0f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(furthest > 0.0 && furthest < 0.05, "{furthest}");
}
