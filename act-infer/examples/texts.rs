//! What text in, label out costs, batch by batch: making ids, computing, and choosing the label. Then
//! the same batches with all ids ready, which is the most that a program around the engine can reach.
//!
//! `cargo run --release -p act-infer --example texts -- MODEL.act TEXTS [THREADS [KERNELS]]`
//! with a text a line, one thread and the fastest kernels of the machine.

use std::time::{Duration, Instant};

use act_infer::{Batch, Encoding, Engine, Kernels};

/// As many as `act-eval predict` computes together.
const TOGETHER: usize = 32;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [model, texts, options @ ..] = &args[..] else {
        return Err("texts MODEL.act TEXTS [THREADS [KERNELS]]".into());
    };
    let threads = options.first().map_or(Ok(1), |threads| threads.parse())?;
    let engine = Engine::open(model)?.with_threads(threads);
    let engine = match options.get(1) {
        Some(wanted) => {
            let named = |k: &Kernels| act_infer::gemm::kernel(*k).name() == wanted;
            let kernels = Kernels::available().into_iter().find(named);
            engine.with_kernels(kernels.ok_or("no such kernels")?)
        }
        None => engine,
    };
    let texts = std::fs::read_to_string(texts)?;
    let texts: Vec<&str> = texts.lines().collect();
    let tokenizer = engine.tokenizer()?;

    let mut encoded: Vec<Vec<Encoding>> = Vec::new();
    let (mut tokenising, mut computing, mut labels) = <(Duration, Duration, usize)>::default();
    for batch in texts.chunks(TOGETHER) {
        let start = Instant::now();
        let encodings = batch.iter().map(|text| tokenizer.encode(text, None));
        let encodings: Vec<Encoding> = encodings.collect::<Result<_, _>>()?;
        tokenising += start.elapsed();
        let start = Instant::now();
        let answers = engine.classify_encodings(&encodings)?;
        computing += start.elapsed();
        labels += answers.iter().filter(|a| !a.label.is_empty()).count();
        encoded.push(encodings);
    }
    let start = Instant::now();
    for encodings in &encoded {
        engine.forward(&Batch::new(encodings))?;
    }
    let ready = start.elapsed();

    let tokens: usize = encoded.iter().flatten().map(Encoding::len).sum();
    let count = texts.len();
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
    println!(
        "{count} texts of {:.1} tokens, {labels} labels, {threads} threads, {}",
        tokens as f64 / count as f64,
        engine.kernels()
    );
    println!(
        "tokenising {:.2} us a text, computing {:.2} us: {:.1} % is tokenising",
        micros(tokenising),
        micros(computing),
        100.0 * micros(tokenising) / micros(tokenising + computing)
    );
    println!(
        "with ids ready {:.2} us a text, {:.0} texts/s",
        micros(ready),
        1e6 / micros(ready)
    );
    Ok(())
}
