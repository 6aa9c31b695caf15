//! How it begins, takes other models, and ends.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use act_infer::Engine;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Client, Folder, Server, model, numbers, post, slow};

const TEXT: &str = "花呗怎么还款";

fn ask() -> String {
    json!({"texts": [TEXT]}).to_string()
}

fn logits(seed: u64) -> Vec<f32> {
    let answer = Engine::new(model(seed)).unwrap().classify(&[TEXT]).unwrap();
    answer[0].logits.clone()
}

#[test]
fn what_cannot_be_served_is_told_in_one_line() {
    let folder = Folder::new();
    let good = folder.put("m.act", &model(1));
    let server = Server::start(&[&good], &[]);
    let taken = server.address.to_string();
    std::fs::write(folder.path("bad.act"), "no model").unwrap();
    let bad = folder.path("bad.act");
    let (good, bad) = (good.to_str().unwrap(), bad.to_str().unwrap());
    let pipe = folder.path("pipe");
    Command::new("mkfifo").arg(&pipe).status().unwrap();
    for (args, code, says) in [
        (vec!["/nonexistent.act"], 2, "nonexistent.act"),
        (vec![bad], 3, "bad.act"),
        (vec![pipe.to_str().unwrap()], 2, "is no file"),
        (vec!["."], 2, "cannot be a model's name"),
        (vec!["x=."], 2, "is no file"),
        (vec![good, good], 2, "both called m"),
        (vec![good, "--listen", &taken], 2, "--listen"),
        (vec![good, "--listen", "nowhere"], 2, "--listen nowhere"),
        (vec![good, "--drain", "x"], 2, "a time from"),
        (vec![], 2, "MODEL"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_act-serve"));
        if !args.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let ran = command.args(&args).output().unwrap();
        let told = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(code), "{args:?}: {told}");
        assert!(
            told.contains(says) && told.lines().count() == 1,
            "{args:?}: {told}"
        );
        assert!(told.starts_with("act-serve: "), "{told}");
    }
    server.end();
}

/// Clients that ask without a pause, each until its connection ends, which it may do only as HTTP says:
/// after an answer that says so, or without a byte of an answer to a request that it never read.
fn without_a_pause(
    server: &Server,
    during: impl FnOnce(),
    check: impl Fn(&Value) + Sync,
) -> [usize; 2] {
    let (stop, answered, lost) = (
        AtomicBool::new(false),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = Client::new(server.address);
                while !stop.load(Ordering::SeqCst) {
                    client.send("POST", "/classify", &ask());
                    let Some(got) = client.receive() else {
                        lost.fetch_add(1, Ordering::SeqCst);
                        return;
                    };
                    assert_eq!(got.status, 200, "{got:?}");
                    check(&got.json());
                    answered.fetch_add(1, Ordering::SeqCst);
                    if got.closes() {
                        return;
                    }
                }
            });
        }
        during();
        stop.store(true, Ordering::SeqCst);
    });
    [answered, lost].map(AtomicUsize::into_inner)
}

#[test]
fn under_load_the_end_loses_no_request() {
    let folder = Folder::new();
    let server = Server::start(&[&folder.put("m.act", &model(1))], &["--max-wait", "20ms"]);
    let during = || {
        thread::sleep(Duration::from_millis(400));
        server.signal(Signal::TERM);
        // Everybody is told to go with an answer.
        thread::sleep(Duration::from_millis(1500));
    };
    let [answered, lost] = without_a_pause(&server, during, |_| {});
    assert!(answered > 16, "{answered}");
    assert_eq!(lost, 0, "of {answered} requests");
    assert_eq!(server.ended(Duration::from_secs(5)).code(), Some(0));
}

#[test]
fn a_reload_under_load_loses_no_request_and_takes_whole_models_only() {
    let folder = Folder::new();
    let server = Server::start(&[&folder.put("m.act", &model(1))], &[]);
    let during = || {
        for (times, seed) in [2, 1, 2].into_iter().enumerate() {
            thread::sleep(Duration::from_millis(100));
            folder.put("m.act", &model(seed));
            server.signal(Signal::HUP);
            server.says_times("from now on", times + 1);
        }
        std::fs::write(folder.path("m.act"), "no model").unwrap();
        server.signal(Signal::HUP);
        server.says("m stays as it is: ");
    };
    let known = [logits(1), logits(2)];
    let check = |answer: &Value| {
        let got = numbers(&answer["answers"][0]["logits"]);
        assert!(known.contains(&got), "{got:?}");
    };
    let [answered, lost] = without_a_pause(&server, during, check);
    assert!(answered > 30 && lost == 0, "{answered}, {lost}");
    let (status, answer) = post(server.address, "/classify", &json!({"texts": [TEXT]}));
    assert_eq!(status, 200);
    assert_eq!(numbers(&answer["answers"][0]["logits"]), logits(2));
    let metrics = Client::new(server.address).ask("GET", "/metrics", "").body;
    for line in [
        "act_reloads_total{model=\"m\",outcome=\"replaced\"} 3",
        "act_reloads_total{model=\"m\",outcome=\"failed\"} 1",
    ] {
        assert!(metrics.lines().any(|l| l == line), "no {line} in {metrics}");
    }
    let now = model(2).model_digest().unwrap().to_string();
    let models: Vec<&str> = metrics
        .lines()
        .filter(|l| l.starts_with("act_model{"))
        .collect();
    assert!(models.len() == 1 && models[0].contains(&now), "{models:?}");
    server.end();
}

/// Writing over a model's file in place changes no answer: the server has read it whole.
#[test]
fn a_file_that_is_written_over_changes_nothing() {
    let folder = Folder::new();
    let server = Server::start(&[&folder.put("m.act", &model(1))], &[]);
    std::fs::write(folder.path("m.act"), "").unwrap();
    let (status, answer) = post(server.address, "/classify", &json!({"texts": [TEXT]}));
    assert_eq!(status, 200);
    assert_eq!(numbers(&answer["answers"][0]["logits"]), logits(1));
    server.end();
}

#[test]
fn who_has_asked_is_answered_before_the_end() {
    let folder = Folder::new();
    let server = Server::start(&[&folder.put("m.act", &slow())], &[]);
    let (address, text) = (server.address, "花".repeat(500));
    let body = json!({"texts": vec![text; 16]}).to_string();
    thread::scope(|scope| {
        let asked = scope.spawn(|| Client::new(address).ask("POST", "/classify", &body));
        thread::sleep(Duration::from_millis(100));
        server.signal(Signal::TERM);
        server.says("ending");
        assert_eq!(asked.join().unwrap().status, 200);
    });
    assert_eq!(server.ended(Duration::from_secs(5)).code(), Some(0));
}

#[test]
fn the_second_signal_ends_at_once_and_the_drain_has_a_bound() {
    let folder = Folder::new();
    let path = folder.put("m.act", &model(1));
    let half = b"POST /classify HTTP/1.1\r\nContent-Length: 9\r\n\r\n{";
    let slow = ["--client-timeout", "60s", "--idle-timeout", "60s"];
    let server = Server::start(&[&path], &[&slow[..], &["--drain", "60s"]].concat());
    let mut stalled = Client::new(server.address);
    stalled.write(half);
    thread::sleep(Duration::from_millis(50));
    server.signal(Signal::TERM);
    server.says("ending");
    server.signal(Signal::INT);
    assert_eq!(server.ended(Duration::from_secs(5)).code(), Some(130));

    let server = Server::start(&[&path], &[&slow[..], &["--drain", "500ms"]].concat());
    let mut stalled = Client::new(server.address);
    stalled.write(half);
    thread::sleep(Duration::from_millis(50));
    server.signal(Signal::TERM);
    assert_eq!(server.ended(Duration::from_secs(5)).code(), Some(0));
}
