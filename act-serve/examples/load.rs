//! An open-loop load: `load ADDRESS RATE SECONDS TEXTS [PATH]` asks a server of classifiers RATE times
//! a second, whether it keeps up or not, and prints one line of JSON.
//!
//! Requests come as Poisson's do, each with the next line of the file TEXTS, as TEI's `/predict` takes
//! them. The time of an answer counts from when its request was to be sent, so that a server that
//! falls behind cannot make its clients ask less (coordinated omission).

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Mutex as Turn, mpsc};

/// Connections, which are kept: the most requests that are under way at a time.
const CONNECTIONS: usize = 128;

/// Of the beginning nothing counts: connections, caches, clocks.
const WARM_UP: Duration = Duration::from_secs(1);

/// A request that was to be sent at a time.
struct Due {
    at: Instant,
    request: Arc<[u8]>,
}

#[derive(Default)]
struct Outcome {
    /// Seconds of each answer.
    seconds: Vec<f64>,
    failed: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, rate, seconds, texts, path @ ..] = &*args else {
        return Err("load ADDRESS RATE SECONDS TEXTS [PATH]".into());
    };
    let path = path.first().map_or("/predict", String::as_str);
    let (rate, length) = (rate.parse::<f64>()?, seconds.parse::<f64>()?);
    let texts = std::fs::read_to_string(texts)?;
    let requests: Vec<Arc<[u8]>> = texts.lines().map(|text| request(path, text)).collect();
    if requests.is_empty() || !(rate > 0.0 && length > 0.0) {
        return Err("a rate and seconds above 0, and a file with texts".into());
    }

    let start = Instant::now();
    let counted = start + WARM_UP;
    let (to, due) = mpsc::unbounded_channel();
    let sender = thread::spawn(move || {
        send(
            &requests,
            rate,
            counted + Duration::from_secs_f64(length),
            &to,
        )
    });
    let (due, outcome) = (
        Arc::new(Turn::new(due)),
        Arc::new(Mutex::new(Outcome::default())),
    );
    let ask = |_| tokio::spawn(ask(address.clone(), due.clone(), outcome.clone(), counted));
    let clients: Vec<_> = (0..CONNECTIONS).map(ask).collect();
    for client in clients {
        client.await?;
    }
    let sent = sender.join().map_err(|_| "the sender has panicked")?;
    let mut outcome = std::mem::take(&mut *outcome.lock().map_err(|e| e.to_string())?);
    outcome.seconds.sort_by(f64::total_cmp);
    let answered = outcome.seconds.len();
    let at = |share: f64| {
        let rank = ((answered as f64 * share) as usize).min(answered.saturating_sub(1));
        outcome.seconds.get(rank).map(|s| (s * 1e5).round() / 1e2)
    };
    let told = json!({
        "rate": rate, "sent": sent, "answered": answered, "failed": outcome.failed,
        "p50_ms": at(0.5), "p90_ms": at(0.9), "p99_ms": at(0.99), "p999_ms": at(0.999), "max_ms": at(1.0),
        "behind_s": (start.elapsed() - WARM_UP).as_secs_f64() - length,
    });
    println!("{told}");
    Ok(())
}

fn request(path: &str, text: &str) -> Arc<[u8]> {
    let body = json!({"inputs": text, "truncate": true}).to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    format!("{head}{body}").into_bytes().into()
}

/// Hands requests out at their times until the end; their number.
fn send(requests: &[Arc<[u8]>], rate: f64, end: Instant, to: &mpsc::UnboundedSender<Due>) -> usize {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let (mut at, mut sent) = (Instant::now(), 0);
    loop {
        let wait = -(1.0 - random.random::<f64>()).ln() / rate;
        at += Duration::from_secs_f64(wait);
        if at > end {
            return sent;
        }
        thread::sleep(at.saturating_duration_since(Instant::now()));
        let request = requests[sent % requests.len()].clone();
        if to.send(Due { at, request }).is_err() {
            return sent;
        }
        sent += 1;
    }
}

/// A connection: asks what is due next, until nothing is.
async fn ask(
    address: String,
    due: Arc<Turn<mpsc::UnboundedReceiver<Due>>>,
    outcome: Arc<Mutex<Outcome>>,
    counted: Instant,
) {
    let mut stream = None;
    loop {
        let next = due.lock().await.recv().await;
        let Some(Due { at, request }) = next else {
            return;
        };
        let answered = exchange(&address, &mut stream, &request).await;
        let took = at.elapsed();
        if at < counted {
            continue;
        }
        let Ok(mut outcome) = outcome.lock() else {
            return;
        };
        match answered {
            Ok(true) => outcome.seconds.push(took.as_secs_f64()),
            Ok(false) => outcome.failed += 1,
            Err(_) => {
                outcome.failed += 1;
                stream = None;
            }
        }
    }
}

/// Sends a request and reads its answer; whether that is one.
async fn exchange(
    address: &str,
    stream: &mut Option<BufReader<TcpStream>>,
    request: &[u8],
) -> std::io::Result<bool> {
    let stream = match stream {
        Some(stream) => stream,
        none => {
            let new = TcpStream::connect(address).await?;
            new.set_nodelay(true)?;
            none.insert(BufReader::new(new))
        }
    };
    stream.get_mut().write_all(request).await?;
    let (mut ok, mut length, mut line) = (false, 0usize, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let lower = line.trim().to_ascii_lowercase();
        if lower.is_empty() {
            break;
        }
        ok |= lower.starts_with("http/1.1 200");
        if let Some(n) = lower.strip_prefix("content-length:") {
            length = n.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(ok)
}
