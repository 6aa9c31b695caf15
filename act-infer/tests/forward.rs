//! The engine against a reference written out in f64, over random architectures; and what a
//! sequence's answer must not depend on.

mod support;

use std::num::NonZeroUsize;

use act_core::quant::ActivationScheme;
use act_core::testing::{
    ACTIVATIONS, FAMILIES, TinyInt8, TinyOptions, multiplied_inputs, tiny_artifact, within_16_bits,
};
use act_core::{Artifact, Batch, Encoding, Family, LayerPlan};
use act_infer::{Engine, Kernels};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};
use support::reference_logits;

const POSITIONS: usize = 24;

fn layer() -> impl Strategy<Value = LayerPlan> {
    (0usize..=4, 4usize..=16, prop_oneof![Just(0), 1usize..=67])
        .prop_map(|(heads, head_dim, neurons)| LayerPlan::full(heads, head_dim, neurons))
}

fn options(int8: impl Strategy<Value = Option<TinyInt8>>) -> impl Strategy<Value = TinyOptions> {
    let family = prop::sample::select(FAMILIES.to_vec());
    let act = prop::sample::select(ACTIVATIONS.to_vec());
    let layers = prop::collection::vec(layer(), 0..=3);
    (family, 8usize..=64, layers, 1usize..=5, act, int8).prop_map(
        |(family, hidden_size, layers, num_labels, hidden_act, int8)| TinyOptions {
            family,
            hidden_size,
            layers,
            max_position_embeddings: POSITIONS,
            max_seq_length: POSITIONS,
            num_labels,
            hidden_act,
            int8,
            ..TinyOptions::default()
        },
    )
}

fn int8() -> impl Strategy<Value = Option<TinyInt8>> {
    let max = || prop::sample::select(vec![31, 63, 64, 127]);
    (max(), max(), any::<bool>()).prop_map(|(weight_max, activation_max, dynamic)| {
        Some(TinyInt8 {
            weight_max,
            activation_max,
            dynamic,
        })
    })
}

/// Sequences of 1 to 20 tokens; the first is never a pad, any other may be.
fn sequences() -> impl Strategy<Value = Vec<Encoding>> {
    let token = (prop_oneof![1 => Just(0u32), 5 => 1u32..128], 0u32..2);
    let sequence = prop::collection::vec(token, 1..=20).prop_map(|tokens| {
        let (mut input_ids, token_type_ids): (Vec<u32>, Vec<u32>) = tokens.into_iter().unzip();
        input_ids[0] = 2;
        Encoding {
            input_ids,
            token_type_ids,
        }
    });
    prop::collection::vec(sequence, 1..=6)
}

fn with_heads(model: &Artifact) -> Vec<usize> {
    let layers = 0..model.plan.layers.len();
    layers.filter(|&l| model.plan.attends_plainly(l)).collect()
}

fn engine(model: &Artifact) -> Engine {
    Engine::new(model.clone()).unwrap()
}

fn furthest(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    got.iter()
        .zip(want)
        .fold(0.0, |m, (g, w)| (f64::from(*g) - w).abs().max(m))
}

/// The same cases in every run.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 64,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn float_logits_are_those_of_the_formulas(
        options in options(Just(None)), seed: u64, sequences in sequences(),
    ) {
        let model = tiny_artifact(seed, &options);
        let engine = engine(&model);
        let logits = engine.forward(&Batch::new(&sequences)).unwrap();
        for (sequence, logits) in sequences.iter().zip(&logits) {
            let error = furthest(logits, &reference_logits(&model, sequence));
            prop_assert!(error < 1e-4, "error {error:e}");
        }
    }

    #[test]
    fn every_kernel_gives_the_same_bits(
        options in options(prop_oneof![Just(None), int8()]),
        groups in prop::sample::select(vec![None, Some(2), Some(4)]),
        multiplied in prop::sample::select(vec![None, Some(1.5), Some(30.0)]),
        attention: bool,
        seed: u64,
        sequences in sequences(),
    ) {
        let mut model = tiny_artifact(seed, &options);
        if let Some(size) = groups {
            model = within_16_bits(model, size);
        }
        if let Some(base) = multiplied {
            model = multiplied_inputs(model, base);
        }
        move_zero_points(&mut model);
        if attention {
            model.quant.attention = with_heads(&model);
        }
        let batch = Batch::new(&sequences);
        let expected = engine(&model).with_kernels(Kernels::Generic).forward(&batch).unwrap();
        for kernels in Kernels::available() {
            let engine = engine(&model).with_kernels(kernels);
            prop_assert_eq!(&engine.forward(&batch).unwrap(), &expected, "{}", engine.kernels());
        }
    }

    #[test]
    fn an_answer_depends_on_its_sequence_alone(
        options in options(prop_oneof![Just(None), int8()]),
        seed: u64,
        sequences in sequences(),
        threads in prop_oneof![2usize..9, Just(0), Just(usize::MAX)],
    ) {
        let engine = engine(&tiny_artifact(seed, &options));
        let forward = |sequences: &[Encoding]| engine.forward(&Batch::new(sequences)).unwrap();
        let together = forward(&sequences);
        for (sequence, logits) in sequences.iter().zip(&together) {
            prop_assert_eq!(&forward(std::slice::from_ref(sequence))[0], logits);
        }
        let turned: Vec<_> = sequences.iter().rev().cloned().collect();
        prop_assert!(forward(&turned).iter().eq(together.iter().rev()));
        let batch = Batch::new(&sequences);
        prop_assert_eq!(&engine.with_threads(threads).forward(&batch).unwrap(), &together);
    }
}

/// Static scales of linears in turn: symmetric, and the zero near and at either end of the byte.
fn move_zero_points(model: &mut Artifact) {
    for (quant, at) in model
        .quant
        .linears
        .iter_mut()
        .zip([128, 0, 90, 200, 255].iter().cycle())
    {
        if let ActivationScheme::Static { zero_point, .. } = &mut quant.activation {
            *zero_point = *at;
        }
    }
}

/// Both round the same values to the same integers, unless one lies so near a tie that the engine's
/// f32 and the reference's f64 fall on different sides; that is rare and moves a logit little.
#[test]
fn int8_logits_are_those_of_the_formulas() {
    let mut runner = TestRunner::new(config());
    let cases = (options(int8()), any::<u64>(), sequences());
    let mut errors = Vec::new();
    for _ in 0..100 {
        let (options, seed, sequences) = cases.new_tree(&mut runner).unwrap().current();
        let mut model = tiny_artifact(seed, &options);
        move_zero_points(&mut model);
        if seed % 2 == 0 {
            model = multiplied_inputs(model, 3.0);
        }
        let logits = engine(&model).forward(&Batch::new(&sequences)).unwrap();
        for (sequence, logits) in sequences.iter().zip(&logits) {
            errors.push(furthest(logits, &reference_logits(&model, sequence)));
        }
    }
    let ties = errors.iter().filter(|&&error| error > 1e-5).count();
    assert!(
        ties * 20 < errors.len(),
        "{ties} of {} differ",
        errors.len()
    );
    assert!(errors.iter().all(|&error| error < 0.1), "{errors:?}");
}

/// Enough tokens for several blocks and chunks.
#[test]
fn a_large_batch_equals_its_sequences_one_by_one() {
    for int8 in [None, Some(TinyInt8::default())] {
        let model = tiny_artifact(
            5,
            &TinyOptions {
                int8,
                ..TinyOptions::default()
            },
        );
        let engine = engine(&model);
        let sequence = |i: usize| Encoding {
            input_ids: (0..1 + i * 7 % 32)
                .map(|t| (2 + (i * 31 + t * 17) % 120) as u32)
                .collect(),
            token_type_ids: vec![0; 1 + i * 7 % 32],
        };
        let sequences: Vec<_> = (0..300).map(sequence).collect();
        let batch = Batch::new(&sequences);
        assert!(batch.tokens() > 4096);
        let logits = engine.forward(&batch).unwrap();
        for (sequence, logits) in sequences.iter().zip(&logits) {
            assert_eq!(&engine.forward(&Batch::new([sequence])).unwrap()[0], logits);
        }
        assert_eq!(engine.with_threads(3).forward(&batch).unwrap(), logits);
    }
}

/// Windows that leave whole panels of keys out, and angles of many places: sequences longer than the
/// blocks of queries, with pads inside.
#[test]
fn windows_and_turned_heads_are_those_of_the_formulas() {
    for (seed, head_dim, int8) in [(1, 16, None), (2, 6, None), (3, 64, None)]
        .into_iter()
        .chain([(4, 32, Some(TinyInt8::default())), (5, 16, None)])
    {
        let options = TinyOptions {
            family: Family::ModernBert,
            hidden_size: 24,
            layers: vec![LayerPlan::full(2, head_dim, 20); 3],
            max_position_embeddings: 200,
            max_seq_length: 200,
            int8,
            ..TinyOptions::default()
        };
        let mut model = tiny_artifact(seed, &options);
        for (l, window) in [9, 1, 40].into_iter().enumerate() {
            model.plan.layers[l].window = NonZeroUsize::new(window).filter(|_| l != 1 || seed > 1);
        }
        let sequence = |tokens: usize| Encoding {
            input_ids: (0..tokens)
                .map(|t| [2 + (t * 37 % 120) as u32, 0][usize::from(t % 11 == 7)])
                .collect(),
            token_type_ids: vec![0; tokens],
        };
        let sequences = [150, 3, 200, 41].map(sequence);
        let batch = Batch::new(&sequences);
        let expected = engine(&model).with_kernels(Kernels::Generic);
        let expected = expected.forward(&batch).unwrap();
        for kernels in Kernels::available() {
            let engine = engine(&model).with_kernels(kernels);
            assert_eq!(
                engine.forward(&batch).unwrap(),
                expected,
                "{}",
                engine.kernels()
            );
            let engine = engine.with_threads(3).with_free_teams();
            assert_eq!(engine.forward(&batch).unwrap(), expected);
        }
        for (sequence, logits) in sequences.iter().zip(&expected) {
            let error = furthest(logits, &reference_logits(&model, sequence));
            let most = if int8.is_some() { 0.1 } else { 1e-4 };
            assert!(error < most, "seed {seed}: error {error:e}");
        }
    }
}
