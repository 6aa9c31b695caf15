//! What limits of integers gain: milliseconds of one batch through a random 6 x 384 encoder (MiniLM's
//! shape), for every kernel of this machine: full ranges, groups of weights within 16 bits, and narrow
//! ranges. They take turns. About 30 seconds on one core.
//!
//! `cargo run --release -p act-infer --example ranges`

use std::time::{Duration, Instant};

use act_core::testing::{self, TinyInt8, TinyOptions, within_16_bits};
use act_core::{Artifact, LayerPlan};
use act_infer::{Engine, Kernels};

/// `weight_max`, `activation_max`, and the size of groups that are kept within 16 bits.
const RANGES: [(u8, u8, Option<u8>); 6] = [
    (127, 127, None),
    (127, 127, Some(2)),
    (127, 127, Some(4)),
    (64, 127, None),
    (127, 63, None),
    (64, 63, None),
];
const ROUNDS: usize = 7;

fn main() -> act_core::Result<()> {
    println!(
        "{:12} {:>10} {:>15} {:>7} {:>8}",
        "kernels", "weight_max", "activation_max", "groups", "ms"
    );
    for kernels in Kernels::available() {
        if kernels == Kernels::Generic {
            continue;
        }
        let engines: Vec<Engine> = RANGES
            .iter()
            .map(|&ranges| Ok(Engine::new(model(ranges))?.with_kernels(kernels)))
            .collect::<act_core::Result<_>>()?;
        let batch = testing::batch(&[128; 32], 95);
        let mut times = vec![Vec::new(); RANGES.len()];
        for round in 0..=ROUNDS {
            for (engine, times) in engines.iter().zip(&mut times) {
                let start = Instant::now();
                engine.forward(&batch)?;
                // The first round warms up.
                if round > 0 {
                    times.push(start.elapsed());
                }
            }
        }
        for ((weight_max, activation_max, groups), mut times) in RANGES.into_iter().zip(times) {
            times.sort();
            let median: Duration = times[ROUNDS / 2];
            let (name, ms) = (engines[0].kernels(), median.as_secs_f64() * 1e3);
            let groups = groups.map_or("none".into(), |size| size.to_string());
            println!("{name:12} {weight_max:>10} {activation_max:>15} {groups:>7} {ms:>8.1}");
        }
    }
    Ok(())
}

fn model((weight_max, activation_max, groups): (u8, u8, Option<u8>)) -> Artifact {
    let model = testing::tiny_artifact(
        1,
        &TinyOptions {
            hidden_size: 384,
            layers: vec![LayerPlan::full(12, 32, 1536); 6],
            max_position_embeddings: 512,
            max_seq_length: 128,
            int8: Some(TinyInt8 {
                weight_max,
                activation_max,
                dynamic: false,
            }),
            ..TinyOptions::default()
        },
    );
    match groups {
        Some(size) => within_16_bits(model, size),
        None => model,
    }
}
