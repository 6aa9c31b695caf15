//! What more threads do for one sequence: milliseconds on one thread and on several, in turn, medians,
//! and the ratio, of random encoders. About 20 seconds, on cores with nothing else to do.
//!
//! `cargo run --release -p act-infer --example threads -- [THREADS [avx2 | avx-vnni | ..]]`

use std::time::{Duration, Instant};

use act_core::testing::{self, TinyInt8, TinyOptions};
use act_core::{Artifact, Batch, LayerPlan};
use act_infer::{Engine, Kernels};

fn main() -> act_core::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let threads = args.first().and_then(|n| n.parse().ok()).unwrap_or(0);
    let named =
        |k: &Kernels| Some(act_infer::gemm::kernel(*k).name()) == args.get(1).map(|s| s.as_str());
    let kernels = Kernels::available().into_iter().find(named);
    let kernels = kernels.unwrap_or(Kernels::Auto);
    let full = |heads, neurons, layers| vec![LayerPlan::full(heads, 64, neurons); layers];
    let models = [
        ("6 x 768", 768, full(12, 3072, 6)),
        ("6 x 768, pruned", 768, full(9, 2304, 6)),
        ("4 x 128", 128, full(2, 512, 4)),
    ];
    for (name, hidden, layers) in models {
        for int8 in [None, Some(TinyInt8::default())] {
            let precision = if int8.is_some() { "int8" } else { "f32" };
            let model = model(hidden, layers.clone(), int8);
            let engine =
                |n| Engine::new(model.clone()).map(|e| e.with_kernels(kernels).with_threads(n));
            let [one, many] = [engine(1)?, engine(threads)?];
            println!(
                "{name}, {precision}, {}: ms on 1 thread, on {}, ratio",
                many.kernels(),
                many.threads()
            );
            for lengths in [&[1][..], &[8], &[32], &[128], &[128, 20, 20]] {
                let [a, b] = in_turn([&one, &many], &testing::batch(lengths, 21128))?;
                println!(
                    "{:>16} {a:>8.3} {b:>8.3} {:>6.2}",
                    format!("{lengths:?}"),
                    a / b
                );
            }
        }
    }
    Ok(())
}

/// Median milliseconds of both engines.
fn in_turn(engines: [&Engine; 2], batch: &Batch) -> act_core::Result<[f64; 2]> {
    let (start, mut times, mut logits) = (Instant::now(), [vec![], vec![]], Vec::new());
    while times[0].len() < 5 || start.elapsed() < Duration::from_millis(400) {
        for (engine, times) in engines.iter().zip(&mut times) {
            let start = Instant::now();
            engine.forward_into(batch, &mut logits)?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }))
}

fn model(hidden_size: usize, layers: Vec<LayerPlan>, int8: Option<TinyInt8>) -> Artifact {
    testing::tiny_artifact(
        1,
        &TinyOptions {
            hidden_size,
            layers,
            int8,
            ..TinyOptions::with_real_tables()
        },
    )
}
