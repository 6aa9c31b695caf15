//! The trainable encoder against act-infer's float engine: two implementations, one answer, at
//! every site.

use std::collections::BTreeMap;

use act_core::testing::{ACTIVATIONS, FAMILIES, TinyOptions, tiny_artifact};
use act_core::{Artifact, Batch, Encoding, LayerPlan, Seed, Site};
use act_infer::{Engine, Kernels, Observer};
use act_nn::Device;
use rand::Rng;

/// Random models: all families, both activations, layers as pruning leaves them.
fn models() -> impl Iterator<Item = Artifact> {
    (0..24u64).map(|seed| {
        let mut rng = Seed(seed).stream("shapes");
        let head_dim = rng.random_range(1..9);
        let layers = (0..rng.random_range(1..5))
            .map(|_| LayerPlan::full(rng.random_range(0..4), head_dim, rng.random_range(0..40)))
            .collect();
        let options = TinyOptions {
            family: FAMILIES[seed as usize % 8],
            hidden_act: ACTIVATIONS[seed as usize / 8 % 3],
            hidden_size: rng.random_range(2..40),
            num_labels: rng.random_range(1..6),
            layers,
            ..TinyOptions::default()
        };
        tiny_artifact(seed, &options)
    })
}

/// Sequences of 1 to 24 tokens; pad ids (0) among them are masked keys.
fn encodings() -> Vec<Encoding> {
    let mut rng = Seed(5).stream("encodings");
    (0..9)
        .map(|_| {
            let length = rng.random_range(1..25);
            let id = |t| {
                if t > 0 && rng.random_bool(0.1) {
                    0
                } else {
                    rng.random_range(1..128)
                }
            };
            Encoding {
                input_ids: (0..length).map(id).collect(),
                token_type_ids: (0..length).map(|t| u32::from(t > 9)).collect(),
            }
        })
        .collect()
}

fn assert_close(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (g, w) in got.iter().zip(want) {
        assert!(
            (g - w).abs() <= 1e-4 * w.abs().max(1.0),
            "{what}: {g} is not {w}"
        );
    }
}

#[test]
fn logits_agree_whatever_the_batch() {
    let encodings = encodings();
    for (i, artifact) in models().enumerate() {
        let engine = Engine::new(artifact.clone())
            .unwrap()
            .with_kernels(Kernels::Generic);
        let want = engine.forward(&Batch::new(&encodings)).unwrap();
        for batch_size in [1, 4, 100] {
            let got = act_nn::predict(Device::NdArray, &artifact, &encodings, batch_size).unwrap();
            for (got, want) in got.iter().zip(&want) {
                assert_close(&format!("model {i}"), got, want);
            }
        }
    }
}

#[derive(Default)]
struct Seen(BTreeMap<Site, Vec<f32>>);

impl Observer for Seen {
    fn observe(&mut self, site: Site, values: &[f32], _: usize) {
        self.0.insert(site, values.to_vec());
    }
}

#[test]
fn values_agree_at_every_site() {
    let encodings = encodings();
    for (i, artifact) in models().enumerate() {
        let engine = Engine::new(artifact.clone())
            .unwrap()
            .with_kernels(Kernels::Generic);
        for encoding in &encodings[..3] {
            let mut seen = Seen::default();
            engine
                .forward_observed(&Batch::new([encoding]), &mut seen)
                .unwrap();
            let sites: Vec<Site> = seen.0.keys().copied().collect();
            assert!(sites.contains(&Site::Hidden(0)) && sites.contains(&Site::Logits));
            let one = std::slice::from_ref(encoding);
            let observed = act_nn::observe(Device::NdArray, &artifact, one, &sites).unwrap();
            for (site, ours) in sites.iter().zip(&observed) {
                // The engine computes only the classified token of the last layer.
                let theirs = &seen.0[site];
                assert_close(
                    &format!("model {i}, {site}"),
                    &ours[0][..theirs.len()],
                    theirs,
                );
            }
        }
    }
}

#[test]
fn a_site_that_is_not_there_is_an_error() {
    let artifact = tiny_artifact(1, &TinyOptions::default());
    let error = act_nn::observe(Device::NdArray, &artifact, &encodings(), &[Site::Heads(2)]);
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("no site layer.2.heads")
    );
}

#[test]
fn an_int8_model_is_refused_with_advice() {
    let options = TinyOptions {
        int8: Some(Default::default()),
        ..TinyOptions::default()
    };
    let error = act_nn::predict(
        Device::NdArray,
        &tiny_artifact(1, &options),
        &encodings(),
        4,
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("give the float model")
    );
}
