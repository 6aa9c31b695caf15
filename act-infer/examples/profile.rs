//! Where the time of one batch goes: milliseconds of each part of a random encoder, and the rate of
//! the matrix products. The encoder has 6 layers, 768 units and 12 heads, or those that are named; all-int8
//! multiplies bytes in attention too. Two minutes on one core for all kernels.
//!
//! `cargo run --release -p act-infer --example profile -- [avx2 | avx-vnni | avx512-vnni | amx-int8] [f32 | int8 | all-int8] [4x128x4]`

use std::time::{Duration, Instant};

use act_core::testing::{self, TinyInt8, TinyOptions, within_16_bits};
use act_core::{Artifact, Batch, Error, LayerPlan, Result};
use act_infer::profile::Phase;
use act_infer::{Engine, Kernels};

/// The least time that a batch is measured for.
const MEASURED: Duration = Duration::from_secs(1);

/// What is measured.
struct Wanted {
    shape: Shape,
    /// All where it is `None`.
    kernel: Option<String>,
    precision: Option<String>,
}

#[derive(Clone, Copy)]
struct Shape {
    layers: usize,
    hidden: usize,
    heads: usize,
}

fn main() -> Result<()> {
    let wanted = wanted(std::env::args().skip(1))?;
    let shape = wanted.shape;
    let real: Vec<usize> = (0..32).map(|i| 12 + i * 37 % 36).collect();
    let batches = [
        ("32 x 128", vec![128; 32]),
        ("32 x ~30", real),
        ("1 x 32", vec![32]),
    ];
    let int8 = TinyInt8 {
        weight_max: 127,
        activation_max: 127,
        dynamic: false,
    };
    // What act-quant makes by default keeps pairs of weights within 16 bits.
    let int8 = within_16_bits(shape.model(Some(int8)), 2);
    let mut all_int8 = int8.clone();
    all_int8.quant.attention = (0..shape.layers).collect();
    let models = [
        ("f32", shape.model(None)),
        ("int8", int8),
        ("all-int8", all_int8),
    ];
    for kernels in Kernels::available() {
        let name = act_infer::gemm::kernel(kernels).name();
        if kernels == Kernels::Generic || wanted.kernel.as_ref().is_some_and(|k| k != name) {
            continue;
        }
        for (precision, artifact) in &models {
            if wanted.precision.as_ref().is_some_and(|p| p != precision) {
                continue;
            }
            let engine = Engine::new(artifact.clone())?.with_kernels(kernels);
            println!("\n{name}, {precision}, one thread: ms (GMAC/s)");
            print!("{:18}", "");
            batches.iter().for_each(|(batch, _)| print!(" {batch:>18}"));
            println!();
            let mut columns = Vec::new();
            for (_, lengths) in &batches {
                columns.push(best(&engine, &testing::batch(lengths, 21128))?);
            }
            for part in Phase::ALL {
                print!("{:18}", format!("{part:?}"));
                for (column, (_, lengths)) in columns.iter().zip(&batches) {
                    let ms = column[part as usize].as_secs_f64() * 1e3;
                    match shape.products(part, lengths) {
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

/// The arguments, in any order.
fn wanted(arguments: impl Iterator<Item = String>) -> Result<Wanted> {
    let mut wanted = Wanted {
        shape: Shape {
            layers: 6,
            hidden: 768,
            heads: 12,
        },
        kernel: None,
        precision: None,
    };
    for argument in arguments {
        let numbers: Option<Vec<usize>> = argument.split('x').map(|n| n.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[layers, hidden, heads]) if layers * heads > 0 && hidden % heads == 0 => {
                wanted.shape = Shape {
                    layers,
                    hidden,
                    heads,
                };
            }
            Some(_) => {
                let what = format!("{argument}: not LAYERSxHIDDENxHEADS");
                return Err(Error::usage(what));
            }
            None if ["f32", "int8", "all-int8"].contains(&argument.as_str()) => {
                wanted.precision = Some(argument);
            }
            None => wanted.kernel = Some(argument),
        }
    }
    Ok(wanted)
}

/// The times of the parts in the fastest of a few passes.
fn best(engine: &Engine, batch: &Batch) -> Result<Vec<Duration>> {
    let mut best: Vec<Duration> = Vec::new();
    let (start, mut rounds) = (Instant::now(), 0);
    while rounds < 2 || start.elapsed() < MEASURED {
        rounds += 1;
        let times: Vec<Duration> = engine.profile(batch)?.into_iter().map(|(_, t)| t).collect();
        if best.is_empty() || times.iter().sum::<Duration>() < best.iter().sum() {
            best = times;
        }
    }
    Ok(best)
}

impl Shape {
    /// Neurons of a feed-forward block.
    fn neurons(self) -> usize {
        4 * self.hidden
    }

    /// Multiply-adds of a part: all layers for every token, but the last only where it is needed.
    fn products(self, part: Phase, lengths: &[usize]) -> Option<f64> {
        let (all, first) = (lengths.iter().sum::<usize>() as f64, lengths.len() as f64);
        let Shape { layers, hidden, .. } = self;
        let rows = (layers - 1) as f64 * all + first;
        let square = (hidden * hidden) as f64;
        let scores = |keys: usize| (hidden * keys * ((layers - 1) * keys + 1)) as f64;
        Some(match part {
            Phase::Projections => square * (rows + 2.0 * layers as f64 * all),
            Phase::AttentionOutput => square * rows,
            Phase::Intermediate | Phase::Output => (hidden * self.neurons()) as f64 * rows,
            Phase::AttentionScores | Phase::AttentionContext => {
                lengths.iter().map(|&keys| scores(keys)).sum()
            }
            _ => return None,
        })
    }

    fn model(self, int8: Option<TinyInt8>) -> Artifact {
        let head_dim = self.hidden / self.heads;
        let layer = LayerPlan::full(self.heads, head_dim, self.neurons());
        testing::tiny_artifact(
            1,
            &TinyOptions {
                hidden_size: self.hidden,
                layers: vec![layer; self.layers],
                int8,
                ..TinyOptions::with_real_tables()
            },
        )
    }
}
