//! The real English MiniLM against a reference implementation, on request:
//! `tests/peers/minilm_reference.py` says how to make what this test reads.

use std::collections::BTreeMap;
use std::path::Path;

use act_convert::ImportOptions;
use act_convert::hf;
use act_core::{Batch, Linear, Site};
use act_infer::{Engine, Observer};
use serde_json::Value;

use super::folder::options;

const TOLERANCE: f64 = 1e-4;

/// Keeps every hidden state and what goes into the classifier.
#[derive(Default)]
struct States(BTreeMap<Site, Vec<f32>>);

impl Observer for States {
    fn observe(&mut self, site: Site, values: &[f32], _: usize) {
        if matches!(site, Site::Hidden(_) | Site::Input(Linear::Classifier)) {
            self.0.insert(site, values.to_vec());
        }
    }
}

/// The numbers of nested lists, flat.
fn flat(value: &Value) -> Vec<f64> {
    match value.as_array() {
        Some(list) => list.iter().flat_map(flat).collect(),
        None => vec![value.as_f64().unwrap()],
    }
}

/// Largest difference of `ours` from the first of `theirs`.
fn difference(ours: &[f32], theirs: &Value) -> f64 {
    let theirs = flat(theirs);
    assert!(!ours.is_empty() && ours.len() <= theirs.len());
    let pairs = ours.iter().zip(theirs);
    pairs.fold(0.0, |most, (&a, b)| most.max((f64::from(a) - b).abs()))
}

#[test]
fn minilm_computes_what_the_reference_does() {
    let variable = |name| std::env::var_os(name);
    let (Some(folder), Some(reference)) =
        (variable("ACT_MINILM"), variable("ACT_MINILM_REFERENCE"))
    else {
        eprintln!(
            "SKIPPED: the real MiniLM is not compared. Set ACT_MINILM (folder) and \
             ACT_MINILM_REFERENCE (JSON); see tests/peers/minilm_reference.py"
        );
        return;
    };
    let with_labels = ImportOptions {
        labels: Some(["negative", "positive"].map(String::from).to_vec()),
        ..options()
    };
    let model = hf::import(Path::new(&folder), &with_labels).unwrap();
    assert_eq!((model.plan.layers.len(), model.plan.hidden_size), (6, 384));
    let engine = Engine::new(model).unwrap();
    let answers = std::fs::read(reference).unwrap();
    let answers: Vec<Value> = serde_json::from_slice(&answers).unwrap();
    assert!(!answers.is_empty());

    let (mut hidden, mut pooled) = (0.0f64, 0.0f64);
    for answer in &answers {
        let text = answer["text"].as_str().unwrap();
        let encoding = engine.tokenizer().unwrap();
        let encoding = encoding.encode(text, answer["pair"].as_str()).unwrap();
        let ids = |key: &str, ids: &[u32]| {
            let ids: Vec<f64> = ids.iter().map(|&id| f64::from(id)).collect();
            assert_eq!(ids, flat(&answer[key]), "{key} of {text:?}");
        };
        ids("input_ids", &encoding.input_ids);
        ids("token_type_ids", &encoding.token_type_ids);

        let mut states = States::default();
        let batch = Batch::new([&encoding]);
        engine.forward_observed(&batch, &mut states).unwrap();
        for l in 0..6 {
            let ours = &states.0[&Site::Hidden(l)];
            assert_eq!(ours.len(), encoding.len() * 384);
            hidden = hidden.max(difference(ours, &answer["hidden"][l]));
        }
        let ours = &states.0[&Site::Input(Linear::Classifier)];
        pooled = pooled.max(difference(ours, &answer["pooled"]));
    }
    let n = answers.len();
    eprintln!("MiniLM, {n} sentences: hidden states within {hidden:.2e}, pooled {pooled:.2e}");
    assert!(hidden <= TOLERANCE && pooled <= TOLERANCE);
}
