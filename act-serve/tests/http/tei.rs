//! `POST /predict` and `GET /info` have the shape of TEI's: of `docs/openapi.json` there.

use act_infer::Engine;
use serde_json::{Value, json};

use crate::support::{Folder, Server, model, plain, post, send};

/// The labels of a text by score.
fn expected(raw: bool) -> Value {
    let answer = &Engine::new(model(1)).unwrap().classify(&["花呗"]).unwrap()[0];
    let scores = if raw {
        &answer.logits
    } else {
        &answer.probabilities
    };
    let mut labels: Vec<usize> = (0..scores.len()).collect();
    labels.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let of = |i: usize| json!({"score": plain(&scores[i]), "label": format!("label {i}")});
    labels.into_iter().map(of).collect()
}

#[test]
fn one_text_and_a_batch_are_told_apart() {
    let folder = Folder::new();
    let server = Server::start(&[&folder.put("m.act", &model(1))], &[]);
    let ask = |body: Value| {
        let (status, answer) = post(server.address, "/predict", &body);
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let one = expected(false);
    assert_eq!(ask(json!({"inputs": "花呗"})), one);
    assert_eq!(ask(json!({"inputs": ["花呗"]})), one);
    assert_eq!(ask(json!({"inputs": [["花呗"]]})), json!([one]));
    let batch = ask(json!({"inputs": [["花呗"], ["花", "呗"]]}));
    assert_eq!((&batch[0], batch.as_array().unwrap().len()), (&one, 2));
    let raw = json!({"inputs": "花呗", "raw_scores": true, "truncate": null});
    assert_eq!(ask(raw), expected(true));
    // The model does not say how many texts it takes, so two strings are a pair, as for TEI.
    assert_eq!(ask(json!({"inputs": ["花", "呗"]})), batch[1]);
    // At the root, as huggingface_hub's client asks.
    let root = json!({"inputs": "花呗", "parameters": {}});
    assert_eq!(post(server.address, "/", &root), (200, one));
    server.end();
}

#[test]
fn a_list_for_a_model_of_single_texts_is_a_batch() {
    let folder = Folder::new();
    let mut single = model(1);
    single.task.columns = Some(act_core::Columns {
        text: "text".into(),
        pair: None,
        label: None,
    });
    let server = Server::start(&[&folder.put("m.act", &single)], &[]);
    let (status, answer) = post(
        server.address,
        "/predict",
        &json!({"inputs": ["花呗", "花呗", "a"]}),
    );
    assert_eq!((status, answer.as_array().unwrap().len()), (200, 3));
    assert_eq!(answer[1], expected(false));
    let (status, answer) = post(server.address, "/predict", &json!({"inputs": [["a", "b"]]}));
    assert_eq!(status, 400, "{answer}");
    server.end();
}

#[test]
fn a_text_that_is_too_long_is_cut_when_the_client_says_so() {
    let folder = Folder::new();
    let server = Server::start(&[&folder.put("m.act", &model(1))], &[]);
    let long = "花".repeat(30);
    let (status, told) = post(server.address, "/predict", &json!({"inputs": long}));
    assert_eq!(status, 413);
    let error = told["error"].as_str().unwrap();
    assert!(error.contains("32 tokens, the model reads 24"), "{error}");
    assert_eq!(told["error_type"], "Validation");
    let body = json!({"inputs": long, "truncate": true, "truncation_direction": "Right"});
    assert_eq!(post(server.address, "/predict", &body).0, 200);
    let body = json!({"inputs": long, "truncate": true, "truncation_direction": "left"});
    assert_eq!(post(server.address, "/predict", &body).0, 400);
    server.end();
}

#[test]
fn info_tells_the_model_and_the_limits() {
    let folder = Folder::new();
    let server = Server::start(&[&folder.put("m.act", &model(1))], &["--max-texts", "7"]);
    let (status, info) = send(server.address, "GET", "/info", "");
    assert_eq!(status, 200);
    for (field, value) in [
        ("model_id", json!("m")),
        ("model_dtype", json!("f32")),
        ("max_input_length", json!(24)),
        ("max_client_batch_size", json!(7)),
        ("auto_truncate", json!(false)),
    ] {
        assert_eq!(info[field], value, "{field}");
    }
    let classifier = &info["model_type"]["classifier"];
    assert_eq!(classifier["id2label"]["2"], "label 2");
    assert_eq!(classifier["label2id"]["label 1"], 1);
    server.end();
}
