//! Clients that stall, that are many, that send what is long. `tests/campaign` has the same at large.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Client, Folder, Server, model, post};

const STALLS: [&[u8]; 4] = [
    b"",
    b"POST /cl",
    b"POST /classify HTTP/1.1\r\nContent-Length: 9\r\n",
    b"POST /classify HTTP/1.1\r\nContent-Length: 9\r\n\r\n{",
];

fn stalled(address: SocketAddr, count: usize) -> Vec<Client> {
    let stall = |i: usize| {
        let mut client = Client::new(address);
        client.write(STALLS[i % STALLS.len()]);
        client
    };
    (0..count).map(stall).collect()
}

#[test]
fn stalled_clients_keep_nobody_waiting_and_are_left() {
    let folder = Folder::new();
    let flags = ["--client-timeout", "1500ms", "--idle-timeout", "1500ms"];
    let server = Server::start(&[&folder.put("m.act", &model(1))], &flags);
    let mut clients = stalled(server.address, 200);
    let start = Instant::now();
    for _ in 0..20 {
        let (status, _) = post(server.address, "/classify", &json!({"texts": ["花"]}));
        assert_eq!(status, 200);
    }
    let took = start.elapsed();
    assert!(
        took < Duration::from_millis(1500),
        "{took:?}: they were waited for"
    );
    for (i, client) in clients.iter_mut().enumerate() {
        // A body that does not come is told, a header that does not is not.
        let got = client.receive().map(|got| got.status);
        assert_eq!(got, (i % STALLS.len() == 3).then_some(408), "{i}");
    }
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    server.end();
}

#[test]
fn a_connection_rests_as_long_as_it_may() {
    let folder = Folder::new();
    let flags = ["--client-timeout", "700ms", "--idle-timeout", "3s"];
    let server = Server::start(&[&folder.put("m.act", &model(1))], &flags);
    let mut client = Client::new(server.address);
    client.ask("GET", "/health", "");
    thread::sleep(Duration::from_millis(1200));
    client.ask("GET", "/health", "");
    // Half a header is due at once, on a connection of any age.
    let start = Instant::now();
    client.write(b"GET /he");
    assert!(client.receive().is_none());
    let took = start.elapsed();
    assert!(took < Duration::from_millis(2500), "{took:?}");
    let mut client = Client::new(server.address);
    client.ask("GET", "/health", "");
    let start = Instant::now();
    assert!(client.receive().is_none());
    let took = start.elapsed();
    assert!(took > Duration::from_millis(2800), "{took:?}");
    server.end();
}

/// A client that takes no answers is left, and the memory that they take is bounded.
#[test]
fn who_takes_no_answers_is_left() {
    let folder = Folder::new();
    let flags = ["--client-timeout", "500ms"];
    let server = Server::start(&[&folder.put("m.act", &model(1))], &flags);
    let mut client = Client::new(server.address);
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
    let start = Instant::now();
    // Once its answers fill the way back the server reads no more, and then ends the connection.
    while client.wrote(&request) {
        assert!(
            start.elapsed() < Duration::from_secs(25),
            "it is served for ever"
        );
    }
    assert_eq!(
        post(server.address, "/classify", &json!({"texts": ["花"]})).0,
        200
    );
    server.end();
}

#[test]
fn connections_are_bounded_and_others_wait_for_their_turn() {
    let folder = Folder::new();
    let flags = ["--max-connections", "20", "--client-timeout", "1s"];
    let server = Server::start(&[&folder.put("m.act", &model(1))], &flags);
    let _stalled = stalled(server.address, 30);
    let start = Instant::now();
    assert_eq!(
        post(server.address, "/classify", &json!({"texts": ["花"]})).0,
        200
    );
    let took = start.elapsed();
    let waited = Duration::from_millis(500)..Duration::from_secs(10);
    assert!(waited.contains(&took), "{took:?}");
    server.end();
}

#[test]
fn many_clients_are_all_answered() {
    let folder = Folder::new();
    let server = Server::start(&[&folder.put("m.act", &model(1))], &[]);
    let address = server.address;
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(move || {
                let mut client = Client::new(address);
                for _ in 0..5 {
                    let got = client.ask("POST", "/classify", r#"{"texts": ["花呗", "abc"]}"#);
                    assert_eq!(got.status, 200);
                }
            });
        }
    });
    server.end();
}

#[test]
fn long_texts_keep_short_ones_waiting_for_a_moment_only() {
    let folder = Folder::new();
    let flags = ["--max-text", "2MB"];
    let server = Server::start(&[&folder.put("m.act", &model(1))], &flags);
    let (address, long) = (
        server.address,
        json!({"texts": ["!".repeat(1 << 20)]}).to_string(),
    );
    thread::scope(|scope| {
        let ask = || Client::new(address).ask("POST", "/classify", &long).status;
        let long: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        let (mut client, mut times) = (Client::new(address), Vec::new());
        while long.iter().any(|asked| !asked.is_finished()) {
            let start = Instant::now();
            let got = client.ask("POST", "/classify", r#"{"texts": ["花"]}"#);
            times.push(start.elapsed());
            assert_eq!(got.status, 200);
        }
        for asked in long {
            assert_eq!(asked.join().unwrap(), 200);
        }
        times.sort();
        let (middle, all) = (times[times.len() / 2], times.len());
        // One after the other they take seconds; a short one waits for none of them.
        assert!(
            all > 20 && middle < Duration::from_millis(100),
            "{middle:?} of {all}"
        );
    });
    server.end();
}
