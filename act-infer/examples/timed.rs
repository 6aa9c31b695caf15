//! Times the engine for another program, which may so run it in turn with other engines
//! (`tests/peers/race.py`).
//!
//! `timed MODEL.act THREADS` first prints what loading cost, then answers each line of standard
//! input, a JSON list of sequences of token ids, with a line of JSON: the milliseconds of one
//! forward pass and its logits. Padding, if any, is the caller's.

use std::io::{BufRead, Write};
use std::time::Instant;

use act_core::{Batch, Encoding};
use act_infer::Engine;
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [model, threads] = &args[..] else {
        return Err("timed MODEL.act THREADS".into());
    };
    let start = Instant::now();
    let engine = Engine::open(model)?.with_threads(threads.parse()?);
    let load_ms = milliseconds(start);
    let mut out = std::io::stdout().lock();
    let bytes = std::fs::metadata(model)?.len();
    let loaded = json!({
        "kernels": engine.kernels(),
        "precision": engine.quant().precision(),
        "bytes": bytes,
        "load_ms": load_ms,
        "memory": memory(),
    });
    writeln!(out, "{loaded}")?;
    for line in std::io::stdin().lock().lines() {
        let rows: Vec<Vec<u32>> = serde_json::from_str(&line?)?;
        let encoding = |input_ids: Vec<u32>| Encoding {
            token_type_ids: vec![0; input_ids.len()],
            input_ids,
        };
        let encodings: Vec<Encoding> = rows.into_iter().map(encoding).collect();
        let batch = Batch::new(&encodings);
        let start = Instant::now();
        let logits = engine.forward(&batch)?;
        let ms = milliseconds(start);
        writeln!(
            out,
            "{}",
            json!({"ms": ms, "logits": logits, "memory": memory()})
        )?;
    }
    Ok(())
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// What Linux says of this process's memory, in bytes: the most it ever had, what it has now, and
/// how much of that is not pages of the mapped file. Empty elsewhere.
fn memory() -> serde_json::Value {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib * 1024)
    };
    json!({"peak": value("VmHWM:"), "now": value("VmRSS:"), "own": value("RssAnon:")})
}
