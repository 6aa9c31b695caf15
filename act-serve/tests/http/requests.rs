//! Requests that have no answer are told why.

use std::thread;

use serde_json::json;

use crate::support::{Client, Folder, Server, model, post, send, slow};

#[test]
fn bad_requests_are_told_why() {
    let folder = Folder::new();
    let flags = [
        "--max-texts",
        "2",
        "--max-body",
        "1000",
        "--max-text",
        "500",
    ];
    let server = Server::start(&[&folder.put("m.act", &model(1))], &flags);
    let long_body = json!({"texts": ["a".repeat(2000)]}).to_string();
    let long_text = json!({"texts": ["a", "b".repeat(501)]}).to_string();
    let texts = |body| ("POST", "/classify", body);
    for ((method, path, body), status, message) in [
        (texts("{"), 400, "EOF"),
        (texts("{}"), 400, "either"),
        (texts(r#"{"texts": [], "pairs": []}"#), 400, "either"),
        (texts(r#"{"text": ["a"]}"#), 400, "unknown field"),
        (texts(r#"{"texts": [1]}"#), 400, "string"),
        (texts(r#"{"pairs": [["a"]]}"#), 400, "length 1"),
        (texts(r#"{"texts": ["a","b","c"]}"#), 400, "at most 2"),
        (texts(&long_body), 413, "at most 1000 bytes"),
        (texts(&long_text), 413, "text 1 has 501 bytes"),
        (("POST", "/predict", r#"{"inputs": []}"#), 400, "empty"),
        (("POST", "/predict", "{}"), 400, "missing field `inputs`"),
        (("GET", "/classify", ""), 405, "POST"),
        (("POST", "/health", ""), 405, "GET"),
        (("GET", "/nowhere", ""), 404, "/classify"),
        (("POST", "/models/m/health", ""), 404, "/classify"),
    ] {
        let (got, answer) = send(server.address, method, path, body);
        let error = answer["error"].as_str().unwrap();
        assert_eq!(got, status, "{body}: {error}");
        assert!(error.contains(message), "{body}: {error}");
    }
    let (status, health) = send(server.address, "GET", "/health", "");
    assert_eq!((status, &health["task"]), (200, &json!("tiny")));
    let texts = json!({"texts": ["花", "花".repeat(30)]});
    let (_, told) = post(server.address, "/classify", &texts);
    let cut = |i: usize| told["answers"][i].get("cut");
    let expected = json!({"tokens": 32, "read": 24});
    assert_eq!((cut(0), cut(1)), (None, Some(&expected)));
    let none = post(server.address, "/classify", &json!({"texts": []}));
    assert_eq!(none, (200, json!({"answers": []})));
    server.end();
}

#[test]
fn what_is_no_http_ends_its_connection_alone() {
    let folder = Folder::new();
    let server = Server::start(&[&folder.put("m.act", &model(1))], &[]);
    let header = format!("GET /health HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(1 << 20));
    let both = "POST /classify HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n{}  ";
    for bytes in [
        &b"\x16\x03\x01\x02\x00"[..],
        b"\0\0\r\n\r\n",
        header.as_bytes(),
        both.as_bytes(),
    ] {
        let mut client = Client::new(server.address);
        client.write(bytes);
        client.write(b"\r\n\r\n");
        if let Some(got) = client.receive() {
            assert!([400, 431].contains(&got.status), "{got:?}");
        }
        assert_eq!(send(server.address, "GET", "/health", "").0, 200);
    }
    server.end();
}

#[test]
fn a_full_queue_is_said_and_not_waited_for() {
    let folder = Folder::new();
    let flags = ["--max-queue", "4", "--max-texts", "4"];
    let server = Server::start(&[&folder.put("m.act", &slow())], &flags);
    let (address, text) = (server.address, "花".repeat(500));
    let body = json!({"texts": [text, text, text, text]}).to_string();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let ask = || Client::new(address).ask("POST", "/classify", &body);
        let asked: Vec<_> = (0..24).map(|_| scope.spawn(ask)).collect();
        let got = asked.into_iter().map(|asked| asked.join().unwrap());
        got.map(|got| {
            let retry = got.head.contains("retry-after: 1");
            assert_eq!(got.status == 429, retry, "{got:?}");
            got.status
        })
        .collect()
    });
    for status in [200, 429] {
        assert!(statuses.contains(&status), "{statuses:?}");
    }
    assert!(
        statuses.iter().all(|s| [200, 429].contains(s)),
        "{statuses:?}"
    );
    server.end();
}
