//! The serving example over real sockets: many clients at once get what the engine says directly;
//! bad requests get a status and a reason; shutting down answers who has asked.

#[path = "../examples/serve/service.rs"]
mod service;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use act_core::testing::tiny_artifact;
use act_core::{Artifact, Linear, Tensor};
use act_infer::Engine;
use serde_json::{Value, json};
use service::{Limits, service};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

fn engine() -> Engine {
    Engine::new(tiny_artifact(1, &Default::default())).unwrap()
}

/// Runs `client` against a server of its own, then shuts that down.
fn with_server(limits: Limits, client: impl FnOnce(SocketAddr)) {
    serving(engine(), limits, client);
}

/// The same of an engine that is given.
fn serving(engine: Engine, limits: Limits, client: impl FnOnce(SocketAddr)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (routes, batcher) = service(engine.with_threads(2), limits);
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = thread::spawn(move || {
        let wait = async { drop(stopped.await) };
        let serve = axum::serve(listener, routes).with_graceful_shutdown(wait);
        runtime.block_on(async { serve.await.unwrap() });
    });
    client(address);
    stop.send(()).unwrap();
    server.join().unwrap();
    batcher.join().unwrap();
}

fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    // A server that refuses a long body may close before it has read it all.
    let _ = stream.write_all(request.as_bytes());
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let status = response[9..12].parse().unwrap();
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    (status, serde_json::from_str(body).unwrap())
}

fn numbers(value: &Value) -> Vec<f32> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn clients_at_once_get_the_answers_of_the_engine() {
    let engine = engine();
    let limits = Limits {
        window: Duration::from_millis(20),
        batch: 5, // Some batches go by size, some by time.
        ..Limits::default()
    };
    with_server(limits, |address| {
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
                    let (status, answer) = send(address, "POST", "/classify", &body.to_string());
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
    });
}

#[test]
fn bad_requests_are_told_why() {
    let limits = Limits {
        request: 2,
        body: 1000,
        ..Limits::default()
    };
    let long = format!("{{\"texts\": [\"{}\"]}}", "a".repeat(2000));
    let cases = [
        ("POST", "/classify", "{", 400, "EOF"),
        ("POST", "/classify", "{}", 400, "either"),
        (
            "POST",
            "/classify",
            r#"{"texts": [], "pairs": []}"#,
            400,
            "either",
        ),
        (
            "POST",
            "/classify",
            r#"{"text": ["a"]}"#,
            400,
            "unknown field",
        ),
        ("POST", "/classify", r#"{"texts": [1]}"#, 400, "string"),
        (
            "POST",
            "/classify",
            r#"{"pairs": [["a"]]}"#,
            400,
            "length 1",
        ),
        (
            "POST",
            "/classify",
            r#"{"texts": ["a","b","c"]}"#,
            400,
            "at most 2",
        ),
        ("POST", "/classify", &long, 413, "length limit"),
        ("GET", "/classify", "", 405, "POST"),
        ("GET", "/", "", 404, "/classify"),
    ];
    with_server(limits, |address| {
        for (method, path, body, status, message) in cases {
            let (got, answer) = send(address, method, path, body);
            let error = answer["error"].as_str().unwrap();
            assert_eq!(got, status, "{body}: {error}");
            assert!(error.contains(message), "{body}: {error}");
        }
        let (status, health) = send(address, "GET", "/health", "");
        assert_eq!((status, &health["task"]), (200, &json!("tiny")));
        let (_, told) = send(
            address,
            "POST",
            "/classify",
            &json!({"texts": ["花", "花".repeat(30)]}).to_string(),
        );
        let cut = |i: usize| told["answers"][i].get("cut");
        assert_eq!(
            (cut(0), cut(1)),
            (None, Some(&json!({"tokens": 32, "read": 24})))
        );
        let (status, none) = send(address, "POST", "/classify", r#"{"texts": []}"#);
        assert_eq!((status, none), (200, json!({"answers": []})));
    });
}

/// A request that waits for its batch when the server is told to end is answered all the same.
#[test]
fn shutting_down_answers_who_has_asked() {
    let limits = Limits {
        window: Duration::from_millis(300),
        ..Limits::default()
    };
    let mut client = None;
    with_server(limits, |address| {
        let ask = move || send(address, "POST", "/classify", r#"{"texts": ["abc"]}"#);
        client = Some(thread::spawn(ask));
        thread::sleep(Duration::from_millis(100));
    });
    let (status, answer) = client.unwrap().join().unwrap();
    assert_eq!(status, 200, "{answer}");
}

/// Multiplies a tensor with a number.
fn scale(model: &mut Artifact, name: &str, factor: f32) {
    let values = model.params.f32(name).unwrap().iter();
    let values: Vec<f32> = values.map(|value| value * factor).collect();
    let shape = model.params.get(name).unwrap().shape().to_vec();
    model.params.insert(name, Tensor::f32(shape, values));
}

/// A text whose scores are no numbers fails alone, with whomever it shared a batch.
#[test]
fn nobody_pays_for_the_text_of_another() {
    // A classifier scaled so that the scores of one text overflow and those of the other do not.
    let mut model = tiny_artifact(1, &Default::default());
    let [weight, bias] = [Linear::Classifier.weight(), Linear::Classifier.bias()];
    scale(&mut model, &bias, 0.0);
    let engine = Engine::new(model.clone()).unwrap();
    let size = |text: &str| {
        let logits = &engine.classify(&[text]).unwrap()[0].logits;
        logits
            .iter()
            .fold(0f32, |size, logit| size.max(logit.abs()))
    };
    let mut texts = ["abc", "花呗", "怎么还款", "花", "a b c d e f g"];
    texts.sort_by(|a, b| size(a).total_cmp(&size(b)));
    let [good, .., bad] = texts;
    scale(&mut model, &weight, 1.05 * (f32::MAX / size(bad)));
    let limits = Limits {
        window: Duration::from_millis(300),
        ..Limits::default()
    };
    serving(Engine::new(model).unwrap(), limits, |address| {
        thread::scope(|scope| {
            for client in 0..8 {
                scope.spawn(move || {
                    let (text, expected) = if client == 3 { (bad, 500) } else { (good, 200) };
                    let body = json!({"texts": [text]}).to_string();
                    let (status, answer) = send(address, "POST", "/classify", &body);
                    assert_eq!(status, expected, "{answer}");
                });
            }
        });
    });
}
