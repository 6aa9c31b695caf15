//! Where the time of one batch goes: milliseconds of each part of a random 6 x 768 encoder, and
//! the rate of the matrix products. About a minute on one core for all kernels.
//!
//! `cargo run --release -p act-infer --example profile -- [avx2 | avx-vnni | avx512-vnni | amx-int8]`

use std::time::Duration;

use act_core::testing::{self, TinyInt8, TinyOptions};
use act_core::{Artifact, Batch, LayerPlan};
use act_infer::profile::Phase;
use act_infer::{Engine, Kernels};

const LAYERS: usize = 6;
const HIDDEN: usize = 768;
const NEURONS: usize = 3072;

fn main() -> act_core::Result<()> {
    let wanted = std::env::args().nth(1);
    let real: Vec<usize> = (0..32).map(|i| 12 + i * 37 % 36).collect();
    let shapes = [
        ("32 x 128", vec![128; 32]),
        ("32 x ~30", real),
        ("1 x 32", vec![32]),
    ];
    let float = model(None);
    let int8 = model(Some(TinyInt8 {
        weight_max: 127,
        activation_max: 127,
        dynamic: false,
    }));
    for kernels in Kernels::available() {
        let name = act_infer::gemm::kernel(kernels).name();
        if kernels == Kernels::Generic || wanted.as_ref().is_some_and(|w| w != name) {
            continue;
        }
        for (precision, artifact) in [("f32", &float), ("int8", &int8)] {
            let engine = Engine::new(artifact.clone())?.with_kernels(kernels);
            println!("\n{name}, {precision}, one thread: ms (GMAC/s)");
            print!("{:18}", "");
            shapes.iter().for_each(|(shape, _)| print!(" {shape:>18}"));
            println!();
            let mut columns = Vec::new();
            for (_, lengths) in &shapes {
                columns.push(best(&engine, &batch(lengths))?);
            }
            for part in Phase::ALL {
                print!("{:18}", format!("{part:?}"));
                for (column, (_, lengths)) in columns.iter().zip(&shapes) {
                    let ms = column[part as usize].as_secs_f64() * 1e3;
                    match products(part, lengths) {
                        Some(macs) => print!(" {ms:>10.3} ({:>5.0})", macs / ms / 1e6),
                        None => print!(" {ms:>10.3}        "),
                    }
                }
                println!();
            }
            print!("{:18}", "all");
            for column in &columns {
                let all: Duration = column.iter().sum();
                print!(" {:>10.3}        ", all.as_secs_f64() * 1e3);
            }
            println!();
        }
    }
    Ok(())
}

/// The times of the parts in the fastest of a few passes.
fn best(engine: &Engine, batch: &Batch) -> act_core::Result<Vec<Duration>> {
    let mut best: Vec<Duration> = Vec::new();
    let rounds = (4096 / batch.tokens()).clamp(2, 40);
    for _ in 0..rounds {
        let times: Vec<Duration> = engine.profile(batch)?.into_iter().map(|(_, t)| t).collect();
        if best.is_empty() || times.iter().sum::<Duration>() < best.iter().sum() {
            best = times;
        }
    }
    Ok(best)
}

/// Multiply-adds of a part: all layers for every token, but the last only where it is needed.
fn products(part: Phase, lengths: &[usize]) -> Option<f64> {
    let (all, first) = (lengths.iter().sum::<usize>() as f64, lengths.len() as f64);
    let rows = (LAYERS - 1) as f64 * all + first;
    let square = (HIDDEN * HIDDEN) as f64;
    let scores = |keys: usize| (HIDDEN * keys * ((LAYERS - 1) * keys + 1)) as f64;
    Some(match part {
        Phase::Projections => square * (rows + 2.0 * LAYERS as f64 * all),
        Phase::AttentionOutput => square * rows,
        Phase::Intermediate | Phase::Output => (HIDDEN * NEURONS) as f64 * rows,
        Phase::AttentionScores | Phase::AttentionContext => {
            lengths.iter().map(|&keys| scores(keys)).sum()
        }
        _ => return None,
    })
}

fn model(int8: Option<TinyInt8>) -> Artifact {
    testing::tiny_artifact(
        1,
        &TinyOptions {
            hidden_size: HIDDEN,
            layers: vec![LayerPlan::full(12, 64, NEURONS); LAYERS],
            vocab_size: 21128,
            max_position_embeddings: 512,
            max_seq_length: 128,
            int8,
            ..TinyOptions::default()
        },
    )
}

fn batch(lengths: &[usize]) -> Batch {
    let tokens: usize = lengths.iter().sum();
    Batch {
        input_ids: (0..tokens).map(|i| 5 + (i * 7919 % 21000) as u32).collect(),
        token_type_ids: vec![0; tokens],
        lengths: lengths.to_vec(),
    }
}
