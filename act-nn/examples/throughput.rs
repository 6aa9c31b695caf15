//! Training speed in tokens per second, on random weights and random tokens.
//!
//! `cargo run --release -p act-nn --example throughput [threads] [steps] [layers] [hidden] [heads]`
//! (defaults 1, 60, 4, 128, 4; the feed-forward block is 4 x hidden, a batch 32 sequences of 24
//! tokens). Prints one line per run of a third of the steps, the best last.

use std::time::Instant;

use act_core::testing::{TinyOptions, tiny_artifact};
use act_core::{Encoding, LayerPlan, Seed};
use act_nn::{Device, Examples, Objective, TrainEvent, TrainOptions};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 32;
const TOKENS: usize = 24;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: usize| match arguments.next() {
        Some(text) => text.parse().expect("arguments are numbers"),
        None => default,
    };
    let (threads, steps) = (next(1), next(60));
    let (layers, hidden, heads) = (next(4), next(128), next(4));
    let artifact = tiny_artifact(
        1,
        &TinyOptions {
            hidden_size: hidden,
            layers: vec![LayerPlan::full(heads, hidden / heads, 4 * hidden); layers],
            vocab_size: 5000,
            max_position_embeddings: 128,
            ..TinyOptions::default()
        },
    );
    let encodings: Vec<Encoding> = (0..BATCH as u32 * 8)
        .map(|i| Encoding {
            input_ids: (0..TOKENS as u32)
                .map(|t| 5 + (i * 7919 + t * 104_729) % 4995)
                .collect(),
            token_type_ids: vec![0; TOKENS],
        })
        .collect();
    let labels: Vec<u32> = (0..encodings.len() as u32).map(|i| i % 3).collect();
    let options = TrainOptions {
        epochs: usize::MAX / encodings.len(),
        max_steps: Some(steps),
        batch_size: BATCH,
        micro_batch: 16,
        eval_every: None,
        log_every: (steps / 3).max(1),
        learning_rate: 1e-4,
        warmup_ratio: 0.1,
        linear_decay: true,
        weight_decay: 0.01,
        grad_clip: 1.0,
        dropout: 0.1,
        target_accuracy: None,
        threads,
        seed: Seed(42),
    };
    let examples = Examples {
        encodings: &encodings,
        labels: &labels,
        teacher_logits: None,
        teacher: None,
    };
    let objective = Objective::LABELS;
    let (mut since, mut best) = (Instant::now(), 0f64);
    let mut on_event = |event| {
        if let TrainEvent::Step { tokens, loss, .. } = event {
            let speed = tokens as f64 / since.elapsed().as_secs_f64();
            println!("{speed:8.0} tokens/s, loss {loss:.6}");
            best = best.max(speed);
            since = Instant::now();
        }
        true
    };
    act_nn::train(
        Device::NdArray,
        &artifact,
        examples,
        None,
        objective,
        &options,
        &mut on_event,
    )
    .expect("training runs");
    println!("{best:8.0} tokens/s at best, {threads} thread(s)");
}
