//! A server of its own for each test, models for it, and clients.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Artifact, LayerPlan, Linear, Tensor};
use act_infer::Engine;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Files of models.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a model as a deployment does: beside its place, then renamed.
    pub fn put(&self, name: &str, model: &Artifact) -> PathBuf {
        let path = self.path(name);
        std::fs::write(self.path("new"), model.to_bytes().unwrap()).unwrap();
        std::fs::rename(self.path("new"), &path).unwrap();
        path
    }
}

pub fn model(seed: u64) -> Artifact {
    tiny_artifact(seed, &TinyOptions::default())
}

/// A model that takes some hundredths of a second for a text of 500 tokens.
pub fn slow() -> Artifact {
    let options = TinyOptions {
        hidden_size: 256,
        layers: vec![LayerPlan::full(4, 64, 1024); 4],
        max_position_embeddings: 512,
        max_seq_length: 512,
        ..TinyOptions::default()
    };
    tiny_artifact(1, &options)
}

/// A model whose scores of `bad` overflow, and of `good` not.
pub fn overflowing() -> (Artifact, [&'static str; 2]) {
    let mut model = model(1);
    let [weight, bias] = [Linear::Classifier.weight(), Linear::Classifier.bias()];
    scale(&mut model, &bias, 0.0);
    let engine = Engine::new(model.clone()).unwrap();
    let size = |text: &str| {
        let logits = &engine.classify(&[text]).unwrap()[0].logits;
        logits.iter().fold(0f32, |size, x| size.max(x.abs()))
    };
    let mut texts = ["abc", "花呗", "怎么还款", "花", "a b c d e f g", "1"];
    texts.sort_by(|a, b| size(a).total_cmp(&size(b)));
    let bad = texts[5];
    // What the server asks a model first must have an answer.
    assert!(size("1") < 0.985 * size(bad), "the fixture's model changed");
    scale(&mut model, &weight, 1.01 * (f32::MAX / size(bad)));
    (model, [texts[0], bad])
}

fn scale(model: &mut Artifact, name: &str, factor: f32) {
    let values = model.params.f32(name).unwrap().iter();
    let values: Vec<f32> = values.map(|value| value * factor).collect();
    let shape = model.params.get(name).unwrap().shape().to_vec();
    model.params.insert(name, Tensor::f32(shape, values));
}

/// A running server.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    said: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Of these models, with these flags.
    pub fn start(models: &[&Path], flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_act-serve"))
            .args(models)
            .args(["--listen", "127.0.0.1:0", "--threads", "2"])
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = Arc::new(Mutex::new(Vec::new()));
        let address = loop {
            let line = lines.next().expect("it says where it listens").unwrap();
            if let Some((_, address)) = line.split_once("listening on http://") {
                break address.parse().unwrap();
            }
            said.lock().unwrap().push(line);
        };
        let all = said.clone();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                all.lock().unwrap().push(line);
            }
        });
        Self {
            child,
            address,
            said,
        }
    }

    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Waits for a line that it says.
    pub fn says(&self, words: &str) {
        self.says_times(words, 1);
    }

    /// Waits until it has said something so often.
    pub fn says_times(&self, words: &str, times: usize) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let said = self.said.lock().unwrap().clone();
            if said.iter().filter(|line| line.contains(words)).count() >= times {
                return;
            }
            assert!(Instant::now() < end, "{words:?} is not in {said:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for its end, which must come soon.
    pub fn ended(mut self, within: Duration) -> ExitStatus {
        let end = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "it does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Tells it to end and holds it to a good end.
    pub fn end(self) {
        self.signal(Signal::TERM);
        let status = self.ended(Duration::from_secs(20));
        assert_eq!(status.code(), Some(0));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Whether the connection ends with it.
    pub fn closes(&self) -> bool {
        self.head.to_lowercase().contains("connection: close")
    }
}

/// A connection that is kept.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        let most = Some(Duration::from_secs(30));
        stream.set_read_timeout(most).unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Sends bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) {
        // A server that refuses a long body may close before it has read it all.
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// The same, and whether the server takes them, which it may do slowly.
    pub fn wrote(&mut self, bytes: &[u8]) -> bool {
        self.stream.get_mut().write_all(bytes).is_ok()
    }

    pub fn send(&mut self, method: &str, path: &str, body: &str) {
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        self.write(format!("{head}{body}").as_bytes());
    }

    /// The next answer; none if the connection ended before it began.
    pub fn receive(&mut self) -> Option<Got> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head).ok()? == 0 {
                assert!(head.is_empty(), "half a header: {head}");
                return None;
            }
        }
        let status = head[9..12].parse().unwrap();
        let lower = head.to_lowercase();
        let length = lower
            .lines()
            .find_map(|l| l.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |n| n.parse().unwrap())];
        self.stream.read_exact(&mut body).expect("a whole body");
        let body = String::from_utf8(body).unwrap();
        Some(Got { status, head, body })
    }

    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> Got {
        self.send(method, path, body);
        self.receive().expect("an answer")
    }
}

/// Asks on a connection of its own.
pub fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
    let got = Client::new(address).ask(method, path, body);
    (got.status, got.json())
}

pub fn post(address: SocketAddr, path: &str, body: &Value) -> (u16, Value) {
    send(address, "POST", path, &body.to_string())
}

/// A value as it is after its way through JSON.
pub fn plain(value: &impl serde::Serialize) -> Value {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

pub fn numbers(value: &Value) -> Vec<f32> {
    serde_json::from_value(value.clone()).unwrap()
}
