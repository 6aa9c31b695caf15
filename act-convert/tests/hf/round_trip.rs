//! What goes out comes in again, bit by bit; what `transformers` cannot hold does not go out.

use std::fs;

use act_convert::{DataTask, ImportOptions, hf};
use act_core::testing::{TinyInt8, TinyOptions, tiny_artifact};
use act_core::{Activation, Artifact, ErrorKind, Family, LayerPlan, Problem, ProblemKind};
use serde_json::Value;

use super::folder::{as_transformers, logits, options, tiny};

fn of(layers: Vec<LayerPlan>) -> Artifact {
    let options = TinyOptions {
        layers,
        ..TinyOptions::default()
    };
    tiny_artifact(3, &options)
}

/// A layer of the heads `kept` out of two.
fn layer(kept: &[u16], intermediate_size: usize) -> LayerPlan {
    LayerPlan {
        head_dim: 4,
        kept_heads: kept.to_vec(),
        intermediate_size,
        window: None,
    }
}

#[test]
fn what_the_answers_are_goes_out_and_comes_in() {
    let parent = tempfile::tempdir().unwrap();
    for (kind, labels, said) in [
        (ProblemKind::SingleLabel, 3, "single_label_classification"),
        (ProblemKind::MultiLabel, 3, "multi_label_classification"),
        (ProblemKind::Regression, 1, "regression"),
    ] {
        let options = TinyOptions {
            layers: vec![LayerPlan::full(2, 4, 12); 2],
            num_labels: labels,
            ..TinyOptions::default()
        };
        let mut model = tiny_artifact(7, &options);
        model.task.problem = Problem::new(kind, labels);
        let dir = parent.path().join(said);
        hf::export(&model, &dir).unwrap();
        let config: Value =
            serde_json::from_slice(&fs::read(dir.join("config.json")).unwrap()).unwrap();
        assert_eq!(config["problem_type"], said);
        let again = hf::import(&dir, &self::options()).unwrap();
        assert_eq!(again.task.problem, model.task.problem);
        assert_eq!(again.task.labels, model.task.labels);
        let wrong = ImportOptions {
            data: Some(DataTask {
                task: "own".into(),
                labels: model.task.labels.clone(),
                problem: match kind {
                    ProblemKind::SingleLabel => ProblemKind::MultiLabel,
                    _ => ProblemKind::SingleLabel,
                },
                columns: None,
            }),
            ..self::options()
        };
        let error = hf::import(&dir, &wrong).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(
            error
                .to_string()
                .contains(&format!("the model gives {kind} answers")),
            "{error}"
        );
    }
}

#[test]
fn what_goes_out_comes_in_again() {
    let parent = tempfile::tempdir().unwrap();
    let mut relu = tiny(Family::Bert);
    relu.plan.block.activation = Activation::Relu;
    relu.plan.layer_norm_eps = 1e-5;
    relu.tokenizer.word_piece_mut().unwrap().lowercase = false;
    let pruned = of(vec![layer(&[0, 1], 5), layer(&[1], 5), layer(&[0], 5)]);
    let models = [tiny(Family::Bert), tiny(Family::Ernie), relu, pruned];
    for (i, model) in models.into_iter().enumerate() {
        let dir = parent.path().join(format!("model {i}"));
        hf::export(&model, &dir).unwrap();
        let again = hf::import(&dir, &options()).unwrap();
        assert_eq!(again.plan, model.plan);
        assert_eq!(again.tokenizer, as_transformers(&model.tokenizer));
        assert_eq!(again.task.labels, model.task.labels);
        assert_eq!(again.task.max_seq_length, model.task.max_seq_length);
        assert_eq!(logits(again), logits(model.clone()));
        // The same model gives the same bytes.
        let twin = parent.path().join(format!("twin {i}"));
        hf::export(&model, &twin).unwrap();
        for file in fs::read_dir(&dir).unwrap() {
            let name = file.unwrap().file_name();
            let bytes = |dir: &std::path::Path| fs::read(dir.join(&name)).unwrap();
            assert!(bytes(&dir) == bytes(&twin), "{name:?}");
        }
    }
    // Eight folders, and nothing left beside them.
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 8);
}

#[test]
fn the_configuration_is_what_transformers_reads() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("out");
    hf::export(&of(vec![layer(&[1], 5), layer(&[0, 1], 5)]), &dir).unwrap();
    let config = fs::read(dir.join("config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["pruned_heads"], serde_json::json!({"0": [0]}));
    assert_eq!(config["num_attention_heads"], 2);
    assert_eq!(config["layer_norm_eps"], 1e-12);
    assert_eq!(config["id2label"]["2"], "label 2");
    assert_eq!(config["architectures"][0], "BertForSequenceClassification");
}

#[test]
fn what_cannot_be_said_is_refused_by_layer() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("out");
    let refused = |model: &Artifact, words: &str| {
        let error = hf::export(model, &dir).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(words), "{error}");
    };
    let full = layer(&[0, 1], 5);
    let with = |other: LayerPlan| of(vec![full.clone(), other]);
    refused(
        &with(layer(&[0, 1], 6)),
        "layer 1 has 6 feed-forward neurons",
    );
    refused(&with(layer(&[], 5)), "layer 1 has no attention head left");
    refused(&with(layer(&[0], 0)), "layer 1 has no feed-forward neuron");
    refused(&with(layer(&[2], 5)), "layer 1 has heads of size 4 up to");
    refused(
        &with(LayerPlan::full(2, 3, 5)),
        "layer 1 has heads of size 3",
    );
    let int8 = TinyOptions {
        int8: Some(TinyInt8::default()),
        ..TinyOptions::default()
    };
    refused(&tiny_artifact(1, &int8), "float student");
    let mut words = tiny(Family::Bert);
    words.tokenizer.word_piece_mut().unwrap().max_word_chars = 50;
    refused(&words, "more than 50 characters");
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_is_there_stays() {
    let parent = tempfile::tempdir().unwrap();
    fs::write(parent.path().join("mine"), "x").unwrap();
    let model = tiny(Family::Bert);
    let error = hf::export(&model, parent.path()).unwrap_err().to_string();
    assert!(error.contains("is there already"), "{error}");
    assert!(hf::export(&model, &parent.path().join("mine")).is_err());
    let empty = parent.path().join("empty");
    fs::create_dir(&empty).unwrap();
    hf::export(&model, &empty).unwrap();
    assert!(empty.join("model.safetensors").exists());
}
