//! Whatever passes the format's checks may be loaded and run: shapes at their smallest, integer
//! ranges and scales at their ends, weights as large as floats get. Answers or errors, no panics.

use act_core::quant::ActivationScheme;
use act_core::testing::{ACTIVATIONS, FAMILIES, TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, Batch, ErrorKind, LayerPlan, Tensor};
use act_infer::Engine;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const POSITIONS: usize = 12;

fn options() -> impl Strategy<Value = TinyOptions> {
    let layer = (0usize..=3, 1usize..=9, 0usize..=9)
        .prop_map(|(heads, head_dim, neurons)| LayerPlan::full(heads, head_dim, neurons));
    let int8 =
        (1u8..=127, 1u8..=127, any::<bool>()).prop_map(|(weight_max, most, dynamic)| TinyInt8 {
            weight_max,
            activation_max: most,
            dynamic,
        });
    let act = prop::sample::select(ACTIVATIONS.to_vec());
    let family = prop::sample::select(FAMILIES.to_vec());
    let shape = (family, 1usize..=17, 1usize..=4, act);
    (
        shape,
        prop::collection::vec(layer, 1..=3),
        prop::option::of(int8),
    )
        .prop_map(
            |((family, hidden_size, num_labels, hidden_act), layers, int8)| TinyOptions {
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

/// Finite, and as often as not at an end of what a float holds.
fn number() -> impl Strategy<Value = f32> {
    let ends = [0.0, 1e-45, f32::MIN_POSITIVE, 1e-20, 1.0, 1e20, f32::MAX];
    (prop::sample::select(ends.to_vec()), any::<bool>())
        .prop_map(|(x, minus)| if minus { -x } else { x })
}

fn above_zero() -> impl Strategy<Value = f32> {
    number().prop_map(|x| x.abs().max(1e-45))
}

/// Overwrites some numbers of every float tensor, and every static scale, keeping to the format.
fn stretch(model: &mut Artifact, weights: &[f32], scales: &[f32], zero_point: u8) {
    let names: Vec<String> = model.params.iter().map(|(name, _)| name.into()).collect();
    for (t, name) in names.iter().enumerate() {
        let Ok(values) = model.params.f32(name) else {
            continue;
        };
        let mut values = values.to_vec();
        let shape = model.params.get(name).unwrap().shape().to_vec();
        let source = if name.ends_with(".scale") {
            scales
        } else {
            weights
        };
        for (i, value) in values.iter_mut().enumerate().filter(|(i, _)| i % 3 == 0) {
            *value = source[(i + t) % source.len()];
        }
        model.params.insert(name, Tensor::f32(shape, values));
    }
    for quant in &mut model.quant.linears {
        if let ActivationScheme::Static {
            scale,
            zero_point: at,
        } = &mut quant.activation
        {
            // The format has no static scale below the normal floats.
            (*scale, *at) = (scales[0].max(f32::MIN_POSITIVE), zero_point);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_valid_never_panics(
        options in options(),
        seed: u64,
        weights in prop::collection::vec(number(), 1..8),
        scales in prop::collection::vec(above_zero(), 1..4),
        zero_point: u8,
        attention: bool,
        threads in 1usize..4,
        lengths in prop::collection::vec(1..=POSITIONS, 0..5),
    ) {
        let mut model = tiny_artifact(seed, &options);
        stretch(&mut model, &weights, &scales, zero_point);
        if attention {
            let layers = 0..model.plan.layers.len();
            model.quant.attention = layers.filter(|&l| model.plan.attends_plainly(l)).collect();
        }
        let bytes = model.to_bytes().expect("within the format");
        let engine = Engine::from_bytes(&bytes).expect("what is valid loads");
        let engine = engine.with_threads(threads);
        let tokens: usize = lengths.iter().sum();
        let batch = Batch {
            input_ids: (0..tokens as u32).map(|i| i * 31 % 128).collect(),
            token_type_ids: (0..tokens as u32).map(|i| i % 2).collect(),
            lengths,
        };
        let logits = engine.forward(&batch).expect("inside the plan");
        prop_assert_eq!(logits.len(), batch.sequences());
        match engine.classify(&["花呗怎么还款", ""]) {
            Ok(answers) => prop_assert_eq!(answers.len(), 2),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Failed),
        }
    }
}
