//! Every kernel of this machine on the products of a 768-wide encoder, beside what its
//! instructions reach in registers alone. Ends with the rates and their fraction of that peak.
//!
//! `cargo bench -p act-infer`

#[cfg(target_arch = "x86_64")]
mod peak;

#[cfg(target_arch = "x86_64")]
fn main() {
    kernels::main();
}

#[cfg(not(target_arch = "x86_64"))]
fn main() {
    eprintln!("only the portable kernel exists on this machine: nothing to compare");
}

#[cfg(target_arch = "x86_64")]
mod kernels {
    use std::time::{Duration, Instant};

    use act_core::Activation;
    use act_infer::Kernels;
    use act_infer::gemm::{
        self, Left, Out, PackedF32, PackedI8, Ranges, RowScales, Scheme, ToBytes,
    };
    use criterion::{Criterion, Throughput};

    use super::peak::peak;

    /// Rows, depth, columns: blocks of 96 tokens, one short sequence, one token.
    const SHAPES: [(usize, usize, usize); 5] = [
        (96, 768, 768),
        (96, 768, 3072),
        (96, 3072, 768),
        (32, 768, 768),
        (1, 768, 768),
    ];
    const ROUNDS: usize = 1000;

    pub fn main() {
        let mut bench = Bench {
            criterion: Criterion::default()
                .sample_size(10)
                .warm_up_time(Duration::from_millis(100))
                .measurement_time(Duration::from_millis(300))
                .configure_from_args(),
            table: Vec::new(),
        };
        for kernels in Kernels::available() {
            bench.floats(kernels);
            let mut seen = Vec::new();
            for (high, weight_max) in [(127, 127), (63, 127), (63, 64)] {
                let ranges = Ranges {
                    low: -high,
                    high,
                    weight_max,
                };
                let scheme = gemm::kernel(kernels).scheme(ranges);
                if !seen.contains(&scheme) {
                    seen.push(scheme);
                    bench.integers(kernels, scheme, ranges);
                }
            }
        }
        bench.criterion.final_summary();
        bench.table.iter().for_each(|line| println!("{line}"));
    }

    struct Bench {
        criterion: Criterion,
        table: Vec<String>,
    }

    impl Bench {
        fn floats(&mut self, kernels: Kernels) {
            let kernel = gemm::kernel(kernels);
            let group = format!("{} f32", kernel.name());
            let Some(peak) = self.peak(&group, kernels, None) else {
                return;
            };
            for (m, k, n) in SHAPES {
                let (a, w, bias) = (vec![0.5; m * k], vec![0.25; n * k], vec![0.0; n]);
                let packed = PackedF32::linear(kernel, &w, &bias, k);
                let mut out = vec![0.0; m * n];
                self.rate(
                    &group,
                    &format!("{m}x{k}x{n}"),
                    m * k * n,
                    Some(peak),
                    || {
                        packed.multiply(Left::dense(&a, k), Out::Floats(&mut out), n);
                    },
                );
            }
        }

        fn integers(&mut self, kernels: Kernels, scheme: Scheme, ranges: Ranges) {
            let kernel = gemm::kernel(kernels);
            let group = format!("{} int8 {scheme:?}", kernel.name());
            let Some(peak) = self.peak(&group, kernels, Some(scheme)) else {
                return;
            };
            for (m, k, n) in SHAPES {
                let (scales, bias) = (vec![0.01; n], vec![0.0; n]);
                let packed = PackedI8::linear(kernel, ranges, &vec![3; n * k], &scales, &bias, k);
                let input = vec![5; m * packed.depth()];
                let left = Left::dense(&input, packed.depth());
                let scales = RowScales::All(0.01);
                let shape = format!("{m}x{k}x{n}");
                let (mut floats, mut bytes) = (vec![0.0; m * n], vec![0; m * n]);
                self.rate(&group, &shape, m * k * n, Some(peak), || {
                    packed.multiply(left, scales, Out::Floats(&mut floats), n);
                });
                if n > k {
                    let steps = ToBytes::new(0.02, -127.0, 127.0, 128);
                    let id = format!("{shape} to bytes");
                    self.rate(&group, &id, m * k * n, Some(peak), || {
                        let out = Out::Bytes(&mut bytes, Activation::Gelu, steps);
                        packed.multiply(left, scales, out, n);
                    });
                }
            }
        }

        /// What the instructions reach in registers alone, in multiply-adds a second.
        fn peak(&mut self, group: &str, kernels: Kernels, scheme: Option<Scheme>) -> Option<f64> {
            let peak = peak(kernels, scheme)?;
            self.rate(group, "registers alone", peak.macs * ROUNDS, None, || {
                peak.run(ROUNDS);
            })
        }

        /// Benches and returns the best multiply-adds a second; `None` where a filter left it out.
        fn rate(
            &mut self,
            group: &str,
            id: &str,
            macs: usize,
            peak: Option<f64>,
            mut work: impl FnMut(),
        ) -> Option<f64> {
            let mut best = f64::INFINITY;
            let mut benches = self.criterion.benchmark_group(group);
            benches.throughput(Throughput::Elements(macs as u64));
            benches.bench_function(id, |bencher| {
                bencher.iter_custom(|iterations| {
                    let start = Instant::now();
                    (0..iterations).for_each(|_| work());
                    let elapsed = start.elapsed();
                    best = best.min(elapsed.as_secs_f64() / iterations as f64);
                    elapsed
                });
            });
            benches.finish();
            let rate = macs as f64 / best;
            if rate > 0.0 {
                let part =
                    peak.map_or(String::new(), |peak| format!("{:4.0} %", rate / peak * 1e2));
                let line = format!("{group:32} {id:22} {:6.1} GMAC/s {part}", rate / 1e9);
                self.table.push(line);
            }
            (rate > 0.0).then_some(rate)
        }
    }
}
