//! Answers are the engine's, whatever the model's kind and whoever else asks.

use std::thread;

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Problem, ProblemKind};
use act_infer::Engine;
use serde_json::json;

use crate::support::{Client, Folder, Server, model, numbers, overflowing, plain, post, send};

#[test]
fn clients_at_once_get_the_answers_of_the_engine() {
    let (folder, engine) = (Folder::new(), Engine::new(model(1)).unwrap());
    let server = Server::start(&[&folder.put("m.act", &model(1))], &["--max-wait", "2ms"]);
    let address = server.address;
    thread::scope(|scope| {
        for client in 0..12 {
            let engine = &engine;
            scope.spawn(move || {
                let text = "花呗怎么还款".repeat(1 + client % 4);
                let (body, expected) = match client % 3 {
                    0 => {
                        let answers = engine.classify_pairs(&[(&text, "借款")]).unwrap();
                        (json!({"pairs": [[text, "借款"]]}), answers)
                    }
                    _ => {
                        let texts = [&text, "abc", ""];
                        (json!({"texts": texts}), engine.classify(&texts).unwrap())
                    }
                };
                let (status, answer) = post(address, "/classify", &body);
                assert_eq!(status, 200, "{answer}");
                let answers = answer["answers"].as_array().unwrap();
                assert_eq!(answers.len(), expected.len());
                for (answer, expected) in answers.iter().zip(&expected) {
                    assert_eq!(answer["label"], json!(expected.label));
                    assert_eq!(numbers(&answer["logits"]), expected.logits);
                    assert_eq!(numbers(&answer["probabilities"]), expected.probabilities);
                }
            });
        }
    });
    server.end();
}

/// A text whose scores are no numbers fails alone, with whomever it shared a batch.
#[test]
fn nobody_pays_for_the_text_of_another() {
    let (model, [good, bad]) = overflowing();
    let folder = Folder::new();
    let server = Server::start(&[&folder.put("m.act", &model)], &["--max-wait", "300ms"]);
    let address = server.address;
    thread::scope(|scope| {
        for client in 0..8 {
            scope.spawn(move || {
                let (text, expected) = if client == 3 { (bad, 500) } else { (good, 200) };
                let (status, answer) = post(address, "/classify", &json!({"texts": [text]}));
                assert_eq!(status, expected, "{answer}");
            });
        }
    });
    server.end();
}

#[test]
fn several_labels_and_scores_are_told_as_predict_tells_them() {
    let several = {
        let mut model = model(1);
        model.task.problem = Problem::new(ProblemKind::MultiLabel, 3);
        model
    };
    let score = {
        let options = TinyOptions {
            num_labels: 1,
            ..TinyOptions::default()
        };
        let mut model = tiny_artifact(2, &options);
        model.task.problem = Problem::Regression;
        model
    };
    let folder = Folder::new();
    let paths = [
        folder.put("several.act", &several),
        folder.put("score.act", &score),
    ];
    let server = Server::start(&[&paths[0], &paths[1]], &[]);
    let ask = |path: &str, body| {
        let (status, answer) = post(server.address, path, &body);
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let text = "花呗怎么还款";
    let expected = &Engine::new(several).unwrap().classify(&[text]).unwrap()[0];
    let own = ask("/models/several/classify", json!({"texts": [text]}));
    let told = json!({
        "labels": expected.labels,
        "probabilities": plain(&expected.probabilities),
        "logits": plain(&expected.logits),
    });
    assert_eq!(own["answers"][0], told);
    let tei = ask("/models/several/predict", json!({"inputs": text}));
    let mut scores = expected.probabilities.clone();
    scores.sort_by(|a, b| b.total_cmp(a));
    for (i, score) in scores.iter().enumerate() {
        assert_eq!(tei[i]["score"], plain(score));
    }

    let expected = &Engine::new(score).unwrap().classify(&[text]).unwrap()[0];
    let own = ask("/models/score/classify", json!({"texts": [text]}));
    let told = json!({"score": plain(&expected.score), "logits": plain(&expected.logits)});
    assert_eq!(own["answers"][0], told);
    let tei = ask("/predict", json!({"model": "score", "inputs": text}));
    let told = json!([{"score": plain(&expected.score), "label": expected.label}]);
    assert_eq!(tei, told);
    server.end();
}

#[test]
fn a_model_is_named_by_the_path_or_the_body() {
    let folder = Folder::new();
    let paths = [
        folder.put("a.act", &model(1)),
        folder.put("b.act", &model(2)),
    ];
    let server = Server::start(&[&paths[0], &paths[1]], &[]);
    let logits = |path: &str, body| {
        let (status, answer) = post(server.address, path, &body);
        assert_eq!(status, 200, "{answer}");
        numbers(&answer["answers"][0]["logits"])
    };
    for (name, seed) in [("a", 1), ("b", 2)] {
        let expected = Engine::new(model(seed)).unwrap().classify(&["花"]).unwrap();
        let path = format!("/models/{name}/classify");
        assert_eq!(logits(&path, json!({"texts": ["花"]})), expected[0].logits);
        let body = json!({"texts": ["花"], "model": name});
        assert_eq!(logits("/classify", body), expected[0].logits);
    }
    for (path, body, status, says) in [
        ("/classify", json!({"texts": ["a"]}), 400, "one of a, b"),
        ("/predict", json!({"inputs": "a"}), 400, "one of a, b"),
        (
            "/models/c/predict",
            json!({"inputs": "a"}),
            404,
            "there are a, b",
        ),
        (
            "/models/a/classify",
            json!({"texts": ["a"], "model": "b"}),
            400,
            "two models",
        ),
    ] {
        let (got, answer) = post(server.address, path, &body);
        let error = answer["error"].as_str().unwrap();
        assert!(got == status && error.contains(says), "{path}: {answer}");
    }
    let (_, health) = send(server.address, "GET", "/health", "");
    assert_eq!(health["models"]["b"]["task"], "tiny");
    let (_, info) = send(server.address, "GET", "/models/b/info", "");
    let digest = model(2).model_digest().unwrap().to_string();
    assert_eq!(info["model_sha"], json!(digest));
    server.end();
}

#[test]
fn what_was_done_is_counted() {
    let folder = Folder::new();
    let server = Server::start(&[&folder.put("m.act", &model(1))], &[]);
    let mut client = Client::new(server.address);
    for _ in 0..3 {
        client.ask("POST", "/classify", r#"{"texts": ["a", "b"]}"#);
    }
    client.ask("POST", "/predict", "{");
    client.ask("GET", "/nowhere", "");
    let digest = model(1).model_digest().unwrap();
    let text = client.ask("GET", "/metrics", "").body;
    for line in [
        "act_requests_total{route=\"/classify\",status=\"200\"} 3",
        "act_requests_total{route=\"/predict\",status=\"400\"} 1",
        "act_requests_total{route=\"other\",status=\"404\"} 1",
        "act_request_duration_seconds_count{route=\"/classify\"} 3",
        "act_texts_total{model=\"m\"} 6",
        "act_batch_texts_count{model=\"m\"} 3",
        "act_waiting_texts{model=\"m\"} 0",
        "act_connections 1",
        &format!("act_model{{model=\"m\",task=\"tiny\",precision=\"f32\",digest=\"{digest}\"}} 1"),
        "# EOF",
    ] {
        assert!(text.lines().any(|l| l == line), "no {line} in {text}");
    }
    server.end();
}
