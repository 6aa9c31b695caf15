//! The cut against masks: a model whose unwanted heads and neurons have zero outgoing weights
//! computes what the model without them computes.

use act_core::quant::QuantSpec;
use act_core::testing::{FAMILIES, TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Artifact, Batch, Encoding, ErrorKind, Family, LayerPlan, Linear, Tensor};
use act_infer::Engine;
use act_prune::Kept;
use act_prune::shrink::shrink;
use proptest::prelude::*;
use proptest::sample::subsequence;

fn options() -> TinyOptions {
    of_family(Family::Ernie)
}

fn of_family(family: Family) -> TinyOptions {
    TinyOptions {
        layers: vec![LayerPlan::full(4, 2, 12), LayerPlan::full(3, 4, 7)],
        family,
        ..TinyOptions::default()
    }
}

fn batch() -> Batch {
    let sequence = |ids: &[u32]| Encoding {
        input_ids: ids.to_vec(),
        token_type_ids: ids.iter().map(|id| id % 2).collect(),
    };
    Batch::new(&[
        sequence(&[2, 7, 8, 9, 3]),
        sequence(&[2, 30, 3]),
        sequence(&[2, 11, 12, 3, 40, 41, 42, 43, 3]),
    ])
}

fn logits(artifact: &Artifact) -> Vec<f32> {
    let engine = Engine::new(artifact.clone()).unwrap();
    engine.forward(&batch()).unwrap().concat()
}

/// Zeroes the columns of a weight that `keep` refuses.
fn mask_columns(artifact: &mut Artifact, linear: Linear, keep: impl Fn(usize) -> bool) {
    let name = linear.weight();
    let shape = artifact.params.get(&name).unwrap().shape().to_vec();
    let mut weight = artifact.params.f32(&name).unwrap().to_vec();
    for (i, w) in weight.iter_mut().enumerate() {
        if !keep(i % shape[1]) {
            *w = 0.0;
        }
    }
    artifact.params.insert(name, Tensor::f32(shape, weight));
}

fn masked(artifact: &Artifact, kept: &[Kept]) -> Artifact {
    let mut masked = artifact.clone();
    for (l, kept) in kept.iter().enumerate() {
        let head_dim = artifact.plan.layers[l].head_dim;
        mask_columns(&mut masked, Linear::AttentionOutput(l), |c| {
            kept.heads.contains(&(c / head_dim))
        });
        mask_columns(&mut masked, Linear::Output(l), |c| {
            kept.neurons.contains(&c)
        });
    }
    masked
}

fn assert_same_as_masked(artifact: &Artifact, kept: &[Kept]) {
    let shrunk = shrink(artifact.clone(), kept).unwrap();
    assert_valid(&shrunk);
    let pairs = logits(&shrunk)
        .into_iter()
        .zip(logits(&masked(artifact, kept)));
    for (a, b) in pairs {
        assert!((a - b).abs() < 1e-5, "{a} against {b} for {kept:?}");
    }
}

/// The tensors are exactly those of the plan.
fn assert_valid(artifact: &Artifact) {
    let expected = artifact.plan.expected_tensors(&QuantSpec::default());
    assert_eq!(expected.len(), artifact.params.len());
    for spec in expected {
        let tensor = artifact.params.get(&spec.name).unwrap();
        assert_eq!(tensor.shape(), spec.shape, "{}", spec.name);
    }
}

fn kept(heads: &[usize], neurons: &[usize]) -> Kept {
    Kept {
        heads: heads.to_vec(),
        neurons: neurons.to_vec(),
    }
}

/// Any heads and neurons of [`options`], none and all included.
fn any_kept() -> impl Strategy<Value = Vec<Kept>> {
    let layer = |heads: usize, neurons: usize| {
        let heads = subsequence((0..heads).collect::<Vec<_>>(), 0..=heads);
        let neurons = subsequence((0..neurons).collect::<Vec<_>>(), 0..=neurons);
        (heads, neurons).prop_map(|(heads, neurons)| Kept { heads, neurons })
    };
    (layer(4, 12), layer(3, 7)).prop_map(|(a, b)| vec![a, b])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn shrunk_and_masked_models_agree(
        seed in 0u64..1000,
        family in proptest::sample::select(FAMILIES.to_vec()),
        kept in any_kept(),
    ) {
        assert_same_as_masked(&tiny_artifact(seed, &of_family(family)), &kept);
    }
}

#[test]
fn a_block_of_which_nothing_stays_is_gone_but_for_its_bias() {
    let artifact = tiny_artifact(1, &options());
    let kept = [kept(&[], &[3]), kept(&[1, 2], &[])];
    assert_same_as_masked(&artifact, &kept);
    let shrunk = shrink(artifact, &kept).unwrap();
    assert_eq!(shrunk.plan.layers[0].heads(), 0);
    assert_eq!(shrunk.plan.layers[1].intermediate_size, 0);
    assert!(
        shrunk
            .params
            .get(&Linear::AttentionOutput(0).weight())
            .is_err()
    );
    assert!(
        shrunk
            .params
            .get(&Linear::AttentionOutput(0).bias())
            .is_ok()
    );
}

#[test]
fn heads_keep_their_first_numbers_when_pruned_twice() {
    let artifact = tiny_artifact(1, &options());
    let all = |n: usize| (0..n).collect::<Vec<_>>();
    let first = [kept(&[0, 2, 3], &all(12)), kept(&[1, 2], &all(7))];
    let once = shrink(artifact.clone(), &first).unwrap();
    let second = [kept(&[1, 2], &all(12)), kept(&[1], &all(7))];
    let twice = shrink(once, &second).unwrap();
    assert_eq!(twice.plan.layers[0].kept_heads, [2, 3]);
    assert_eq!(twice.plan.layers[1].kept_heads, [2]);

    let direct = [kept(&[2, 3], &all(12)), kept(&[2], &all(7))];
    let direct = shrink(artifact, &direct).unwrap();
    assert_eq!(twice.plan, direct.plan);
    for (name, tensor) in direct.params.iter() {
        assert_eq!(
            tensor.bytes(),
            twice.params.get(name).unwrap().bytes(),
            "{name}"
        );
    }
}

#[test]
fn what_is_not_in_the_model_cannot_be_kept() {
    let refused = |options: &TinyOptions, kept: &[Kept]| {
        let error = shrink(tiny_artifact(1, options), kept)
            .map(drop)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        error.to_string()
    };
    let last = kept(&[0], &[0]);
    assert!(refused(&options(), std::slice::from_ref(&last)).contains("2"));
    let out_of_range = [kept(&[0, 4], &[0]), last.clone()];
    assert!(refused(&options(), &out_of_range).contains("layer 0"));
    let not_rising = [last.clone(), kept(&[0], &[3, 3])];
    assert!(refused(&options(), &not_rising).contains("layer 1"));

    let int8 = TinyOptions {
        int8: Some(TinyInt8::default()),
        ..options()
    };
    assert!(refused(&int8, &[last.clone(), last]).contains("float model"));
}
