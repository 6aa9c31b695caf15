//! Training speed in seconds a step, on random weights and random tokens.
//!
//! `cargo run --release -p act-nn --example throughput [threads] [steps] [layers] [hidden] [heads]`
//! (defaults 1, 10, 4, 256, 4; the feed-forward block is 4 x hidden, the vocabulary 21,128, a batch
//! 16 sequences of 128 tokens). The same model, batch and optimiser as
//! `tests/peers/paddle_train_step.py`. Prints the seconds of every step after the first, the least
//! and the most memory last.

use std::time::Instant;

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Encoding, LayerPlan, Seed, Target};
use act_nn::checkpoint::Unkept;
use act_nn::{
    Decay, Device, Examples, Journal, Objective, OptimizerOptions, Schedule, TrainEvent,
    TrainOptions, Training,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 16;
const TOKENS: usize = 128;
const VOCABULARY: usize = 21_128;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: usize| match arguments.next() {
        Some(text) => text.parse().expect("arguments are numbers"),
        None => default,
    };
    let (threads, steps) = (next(1), next(10));
    let (layers, hidden, heads) = (next(4), next(256), next(4));
    let artifact = tiny_artifact(
        1,
        &TinyOptions {
            hidden_size: hidden,
            layers: vec![LayerPlan::full(heads, hidden / heads, 4 * hidden); layers],
            vocab_size: VOCABULARY,
            max_position_embeddings: 128,
            ..TinyOptions::default()
        },
    );
    let encodings: Vec<Encoding> = (0..BATCH as u32 * 8)
        .map(|i| Encoding {
            input_ids: (0..TOKENS as u32)
                .map(|t| 5 + (i * 7919 + t * 104_729) % (VOCABULARY as u32 - 5))
                .collect(),
            token_type_ids: vec![0; TOKENS],
        })
        .collect();
    let labels: Vec<Target> = (0..encodings.len() as u32)
        .map(|i| Target::Class(i % 3))
        .collect();
    let options = TrainOptions {
        epochs: usize::MAX / encodings.len(),
        max_steps: Some(steps + 1),
        batch_size: BATCH,
        micro_batch: Some(8),
        eval_every: None,
        log_every: 1,
        learning_rate: Schedule::Peak {
            rate: 1e-4,
            decay: Decay::Linear,
        },
        warmup_ratio: 0.1,
        optimizer: OptimizerOptions::ADAMW,
        dropout: 0.1,
        mixed_precision: false,
        target_score: None,
        patience: None,
        threads,
        seed: Seed(42),
    };
    let examples = Examples {
        encodings: &encodings,
        labels: &labels,
        teacher_logits: None,
        teacher: None,
    };
    let training = Training {
        artifact: &artifact,
        train: examples,
        validation: None,
        quantizing: None,
        objective: Objective::LABELS,
        options: &options,
    };
    let (mut since, mut taken) = (Instant::now(), Vec::new());
    let mut listener = |event: &TrainEvent, _: &Journal| {
        if let TrainEvent::Step { .. } = event {
            taken.push(since.elapsed().as_secs_f64());
            since = Instant::now();
        }
        Ok(())
    };
    act_nn::train(Device::NdArray, training, &mut Unkept, &mut listener).expect("training runs");
    let steady = taken.get(1..).unwrap_or_default();
    let all: Vec<String> = steady.iter().map(|s| format!("{s:.3}")).collect();
    let least = steady.iter().copied().fold(f64::INFINITY, f64::min);
    println!("{}", all.join(" "));
    println!(
        "act, {layers} x {hidden}, {threads} thread(s): {least:.3} s a step at best, {:.0} tokens/s{}",
        (BATCH * TOKENS) as f64 / least,
        peak_memory()
    );
}

/// `, 512 MB at most`, where the system tells.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|l| l.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.map_or(String::new(), |k| {
        format!(", {} MB at most", k * 1024 / 1_000_000)
    })
}
