//! How fast this machine multiplies and classifies: GMAC/s of every kernel, and milliseconds of a
//! random 6 x 768 encoder on 32 sequences of 128 tokens. About 15 seconds on one core.
//!
//! `cargo run --release -p act-infer --example bench`

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use act_core::quant::{ActivationScheme, Calibrator, LinearQuant};
use act_core::{Artifact, LayerPlan, Seed, Tensor, testing};
use act_infer::gemm::{self, Left, Out, PackedF32, PackedI8, Ranges, RowScales};
use act_infer::{Engine, Kernels};
use rand::Rng;

fn main() -> act_core::Result<()> {
    println!("GMAC/s, one thread, best of several");
    println!(
        "{:12} {:>16} {:>7} {:>9} {:>9} {:>9}",
        "", "", "f32", "u8 x s8", "u7 x s8", "u7 x s7"
    );
    for kernels in Kernels::available() {
        for (m, k, n) in [
            (96, 768, 768),
            (96, 768, 3072),
            (96, 3072, 768),
            (1, 768, 768),
        ] {
            bench_products(kernels, m, k, n);
        }
    }
    println!("\nms of a 6 x 768 encoder, one thread, best (median)");
    println!(
        "{:12} {:>4} {:>16} {:>16} {:>16}",
        "", "", "32 x 128", "32 x ~30", "1 x 32"
    );
    let float = base_model();
    let int8 = quantized(&float);
    let real: Vec<usize> = (0..32).map(|i| 12 + i * 37 % 36).collect();
    for kernels in [Kernels::Avx2, Kernels::Auto] {
        for (name, artifact) in [("f32", &float), ("int8", &int8)] {
            let engine = Engine::new(artifact.clone())?.with_kernels(kernels);
            let times = [vec![128; 32], real.clone(), vec![32]].map(|lengths| {
                let batch = testing::batch(&lengths, 21128);
                let run = || drop(engine.forward(&batch).expect("a batch inside the plan"));
                milliseconds(250, run)
            });
            print!("{:12} {name:>4}", engine.kernels());
            times
                .iter()
                .for_each(|(best, median)| print!(" {best:>7.1} ({median:>6.1})"));
            println!();
        }
    }
    Ok(())
}

/// Prints one line: float, and int8 at the ranges that matter.
fn bench_products(kernels: Kernels, m: usize, k: usize, n: usize) {
    let kernel = gemm::kernel(kernels);
    let (a, w, bias) = (vec![0.5; m * k], vec![0.25; n * k], vec![0.0; n]);
    let mut out = vec![0.0; m * n];
    let gmacs = (m * k * n) as f64 / 1e6;
    let packed = PackedF32::linear(kernel, &w, &bias, k);
    let (best, _) = milliseconds(60, || {
        packed.multiply(Left::dense(&a, k), Out::Floats(&mut out), n)
    });
    print!(
        "{:12} {:>16} {:>7.1}",
        kernel.name(),
        format!("{m}x{k}x{n}"),
        gmacs / best
    );
    for (high, weight_max) in [(127, 127), (63, 127), (63, 64)] {
        let ranges = Ranges {
            low: -high,
            high,
            weight_max,
        };
        // The largest weights: smaller ones might allow a faster scheme.
        let weight = vec![weight_max as i8; n * k];
        let packed = PackedI8::linear(kernel, ranges, &weight, &w[..n], &bias, k);
        let bytes = vec![5; m * packed.depth()];
        let left = Left::dense(&bytes, packed.depth());
        let scales = RowScales::All(0.1);
        let (best, _) = milliseconds(60, || {
            packed.multiply(left, scales, Out::Floats(&mut out), n)
        });
        print!(" {:>9.1}", gmacs / best);
    }
    println!();
}

/// Best and median of the runs that fit `budget` milliseconds, after one that does not count.
fn milliseconds(budget: u64, mut work: impl FnMut()) -> (f64, f64) {
    let (start, budget) = (Instant::now(), Duration::from_millis(budget));
    work();
    let mut times = Vec::new();
    while times.is_empty() || start.elapsed() < budget {
        let (busy, wall) = (cpu_time(), Instant::now());
        work();
        let wall = wall.elapsed();
        let busy = cpu_time().zip(busy).map(|(end, start)| end - start);
        times.push(busy.unwrap_or(wall).as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2])
}

/// Time that this thread has computed, where Linux tells it: it leaves out what others did.
fn cpu_time() -> Option<Duration> {
    thread::yield_now(); // Linux brings its books up to date.
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

fn base_model() -> Artifact {
    testing::tiny_artifact(
        1,
        &testing::TinyOptions {
            hidden_size: 768,
            layers: vec![LayerPlan::full(12, 64, 3072); 6],
            ..testing::TinyOptions::with_real_tables()
        },
    )
}

/// Every encoder linear in int8 over the full ranges.
fn quantized(float: &Artifact) -> Artifact {
    let mut int8 = float.clone();
    for linear in int8.plan.linears() {
        let [n, k] = int8.plan.linear_shape(linear);
        let mut rng = Seed(7).stream(&linear.weight());
        let weight: Vec<i8> = (0..n * k).map(|_| rng.random_range(-127..=127)).collect();
        let scale = (3.0 / k as f32).sqrt() / 127.0;
        int8.params
            .insert(linear.weight(), Tensor::i8([n, k], weight));
        int8.params
            .insert(linear.scale(), Tensor::f32([n], vec![scale; n]));
        int8.quant.linears.push(LinearQuant {
            activation: ActivationScheme::Static {
                scale: 4.0 / 127.0,
                zero_point: 128,
            },
            calibrator: Some(Calibrator::AbsMax),
            ..LinearQuant::dynamic(linear)
        });
    }
    int8
}
