//! Threads that compute a sequence together, whether it pays or not.

use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, Batch, LayerPlan};
use act_infer::{Engine, Kernels};

/// Layers of odd shapes, and such as pruning leaves.
fn model(int8: Option<TinyInt8>) -> Artifact {
    let layers = vec![
        LayerPlan::full(3, 32, 200),
        LayerPlan::full(0, 26, 70),
        LayerPlan::full(5, 26, 0),
        LayerPlan::full(1, 7, 33),
    ];
    tiny_artifact(
        1,
        &TinyOptions {
            hidden_size: 100,
            layers,
            max_position_embeddings: 512,
            max_seq_length: 512,
            int8,
            ..TinyOptions::default()
        },
    )
}

fn models() -> Vec<Artifact> {
    let dynamic = TinyInt8 {
        dynamic: true,
        ..TinyInt8::default()
    };
    let mut models = [None, Some(TinyInt8::default()), Some(dynamic)]
        .map(model)
        .to_vec();
    let mut in_integers = models[1].clone();
    in_integers.quant.attention = vec![0, 2, 3];
    models.push(in_integers);
    models
}

/// Pads (id 0) among the tokens.
fn batch(lengths: &[usize]) -> Batch {
    let tokens: usize = lengths.iter().sum();
    Batch {
        input_ids: (0..tokens as u32).map(|i| (i + 1) * 13 % 100).collect(),
        token_type_ids: (0..tokens as u32).map(|i| i / 7 % 2).collect(),
        lengths: lengths.to_vec(),
    }
}

#[test]
fn a_team_gives_the_bits_of_one_thread() {
    for model in models() {
        for kernels in Kernels::available() {
            let engine = || Engine::new(model.clone()).unwrap().with_kernels(kernels);
            let (one, two) = (engine(), engine().with_threads(2).with_free_teams());
            let three = engine().with_threads(3).with_free_teams();
            for lengths in [&[1][..], &[2], &[31], &[128], &[300], &[128, 20, 20]] {
                let batch = batch(lengths);
                let expected = one.forward(&batch).unwrap();
                let name = one.kernels();
                assert_eq!(
                    two.forward(&batch).unwrap(),
                    expected,
                    "{name}, {lengths:?}"
                );
                assert_eq!(
                    three.forward(&batch).unwrap(),
                    expected,
                    "{name}, {lengths:?}"
                );
            }
        }
    }
}

/// More than a layer has heads, and more than most machines have cores.
#[test]
fn a_large_team_gives_the_bits_of_one_thread() {
    for model in models() {
        let one = Engine::new(model).unwrap();
        let expected = [1, 2, 31, 128, 300].map(|n| one.forward(&batch(&[n])).unwrap());
        let seven = one.with_threads(7).with_free_teams();
        let found = [1, 2, 31, 128, 300].map(|n| seven.forward(&batch(&[n])).unwrap());
        assert_eq!(found, expected);
    }
}

/// The engine's threads make one team; callers who find it at work do without.
#[test]
fn callers_at_the_same_time_neither_mix_nor_wait_for_ever() {
    let engine = Engine::new(model(None))
        .unwrap()
        .with_threads(3)
        .with_free_teams();
    let batches: Vec<Batch> = (1..7).map(|n| batch(&[n * n, 1, 1][..1 + n % 3])).collect();
    let expected: Vec<_> = batches.iter().map(|b| engine.forward(b).unwrap()).collect();
    std::thread::scope(|scope| {
        for (batch, expected) in batches.iter().zip(&expected) {
            let engine = &engine;
            scope.spawn(move || {
                for _ in 0..50 {
                    assert_eq!(&engine.forward(batch).unwrap(), expected);
                }
            });
        }
    });
}

#[test]
fn a_team_may_part_hundreds_of_times() {
    let engine = Engine::new(model(Some(TinyInt8::default()))).unwrap();
    let engine = engine.with_threads(2).with_free_teams();
    let (batch, mut logits) = (batch(&[3]), Vec::new());
    engine.forward_into(&batch, &mut logits).unwrap();
    let expected = logits.clone();
    for _ in 0..500 {
        engine.forward_into(&batch, &mut logits).unwrap();
        assert_eq!(logits, expected);
    }
}

/// What it decides on is measured: here that is allowed to be anything.
#[test]
fn an_engine_that_measures_what_teams_cost_gives_the_same_bits() {
    for model in models() {
        let engine = || Engine::new(model.clone()).unwrap();
        for lengths in [&[40][..], &[128, 20, 20]] {
            let batch = batch(lengths);
            let expected = engine().forward(&batch).unwrap();
            let engine = engine().with_threads(3);
            for _ in 0..10 {
                assert_eq!(engine.forward(&batch).unwrap(), expected);
            }
        }
    }
}
