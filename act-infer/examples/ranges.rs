//! What narrower integer ranges gain: milliseconds of one batch through a random 6 x 384 encoder
//! (MiniLM's shape), for every kernel of this machine and every pair of `weight_max` and
//! `activation_max` that allows a faster scheme. The pairs take turns. About 20 seconds on one core.
//!
//! `cargo run --release -p act-infer --example ranges`

use std::time::{Duration, Instant};

use act_core::testing::{self, TinyInt8, TinyOptions};
use act_core::{Artifact, Batch, LayerPlan};
use act_infer::{Engine, Kernels};

const RANGES: [(u8, u8); 4] = [(127, 127), (64, 127), (127, 63), (64, 63)];
const ROUNDS: usize = 7;

fn main() -> act_core::Result<()> {
    println!(
        "{:12} {:>10} {:>15} {:>10}",
        "kernels", "weight_max", "activation_max", "ms"
    );
    for kernels in Kernels::available() {
        if kernels == Kernels::Generic {
            continue;
        }
        let engines: Vec<Engine> = RANGES
            .iter()
            .map(|&ranges| Ok(Engine::new(model(ranges))?.with_kernels(kernels)))
            .collect::<act_core::Result<_>>()?;
        let batch = batch();
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
        for ((weight_max, activation_max), mut times) in RANGES.into_iter().zip(times) {
            times.sort();
            let median: Duration = times[ROUNDS / 2];
            let (name, ms) = (engines[0].kernels(), median.as_secs_f64() * 1e3);
            println!("{name:12} {weight_max:>10} {activation_max:>15} {ms:>10.1}");
        }
    }
    Ok(())
}

fn model((weight_max, activation_max): (u8, u8)) -> Artifact {
    testing::tiny_artifact(
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
    )
}

/// 32 sequences of 128 tokens.
fn batch() -> Batch {
    let tokens = 32 * 128;
    Batch {
        input_ids: (0..tokens).map(|i| 5 + (i * 7919 % 90) as u32).collect(),
        token_type_ids: vec![0; tokens],
        lengths: vec![128; 32],
    }
}
