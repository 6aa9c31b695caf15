//! Every kernel of this machine on the products of a 768-wide encoder, beside what its
//! instructions reach in registers alone. Ends with the best rates and the median fraction of that
//! peak, which is measured before every product: the clock, and what a neighbour on the core takes,
//! change from one moment to the next. As in a model no product meets the weights of the one
//! before, except where one matrix is said.
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

    use super::peak::{Peak, peak};

    /// Rows, depth, columns: blocks of 96 tokens, one short sequence, one token.
    const SHAPES: [(usize, usize, usize); 5] = [
        (96, 768, 768),
        (96, 768, 3072),
        (96, 3072, 768),
        (32, 768, 768),
        (1, 768, 768),
    ];
    /// Of the loop over registers, at least.
    const ROUNDS: usize = 1000;
    /// Bytes of the weights that are used in turn: more than a second-level cache holds.
    const WEIGHTS: usize = 64 << 20;

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
                let scheme = gemm::kernel(kernels).scheme(ranges, &[weight_max as i8; 8], 8);
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
                let mut out = vec![0.0; m * n];
                let packed = in_turn(4 * n * k, || PackedF32::linear(kernel, &w, &bias, k));
                let mut multiply = |packed: &PackedF32| {
                    packed.multiply(Left::dense(&a, k), Out::Floats(&mut out), n);
                };
                self.rates(&group, (m, k, n), &peak, &packed, &mut multiply);
            }
        }

        fn integers(&mut self, kernels: Kernels, scheme: Scheme, ranges: Ranges) {
            let kernel = gemm::kernel(kernels);
            let group = format!("{} int8 {scheme:?}", kernel.name());
            let Some(peak) = self.peak(&group, kernels, Some(scheme)) else {
                return;
            };
            for (m, k, n) in SHAPES {
                // The largest weights: smaller ones might allow a faster scheme.
                let w = vec![ranges.weight_max as i8; n * k];
                let (scales, bias) = (vec![0.01; n], vec![0.0; n]);
                let linear = || PackedI8::linear(kernel, ranges, &w, &scales, &bias, k);
                let packed = in_turn(n * k, linear);
                let input = vec![5; m * packed[0].depth()];
                let left = Left::dense(&input, packed[0].depth());
                let scales = RowScales::All(0.01);
                let (mut floats, mut bytes) = (vec![0.0; m * n], vec![0; m * n]);
                let mut multiply = |packed: &PackedI8| {
                    packed.multiply(left, scales, Out::Floats(&mut floats), n);
                };
                self.rates(&group, (m, k, n), &peak, &packed, &mut multiply);
                if n > k {
                    let steps = ToBytes::new(0.02, -127.0, 127.0, 128);
                    let mut packed = packed.iter().cycle();
                    let id = format!("{m}x{k}x{n} to bytes");
                    self.rate(&group, &id, m * k * n, Some(&peak), || {
                        let out = Out::Bytes(&mut bytes, Activation::Gelu, steps);
                        packed.next().unwrap().multiply(left, scales, out, n);
                    });
                }
            }
        }

        /// Benches products by matrices in turn, and of the first shape by one.
        fn rates<T>(
            &mut self,
            group: &str,
            (m, k, n): (usize, usize, usize),
            peak: &Peak,
            packed: &[T],
            multiply: &mut impl FnMut(&T),
        ) {
            let id = format!("{m}x{k}x{n}");
            let mut turn = packed.iter().cycle();
            self.rate(group, &id, m * k * n, Some(peak), || {
                multiply(turn.next().unwrap());
            });
            if (m, k, n) == SHAPES[0] {
                let id = format!("{id} one matrix");
                self.rate(group, &id, m * k * n, Some(peak), || multiply(&packed[0]));
            }
        }

        /// What the instructions reach in registers alone; `None` where a filter left it out.
        fn peak(&mut self, group: &str, kernels: Kernels, scheme: Option<Scheme>) -> Option<Peak> {
            let peak = peak(kernels, scheme)?;
            let macs = peak.macs * ROUNDS;
            self.rate(group, "registers alone", macs, None, || peak.run(ROUNDS))
                .then_some(peak)
        }

        /// Benches some multiply-adds, beside a peak if there is one; false where a filter left
        /// them out.
        fn rate(
            &mut self,
            group: &str,
            id: &str,
            macs: usize,
            peak: Option<&Peak>,
            mut work: impl FnMut(),
        ) -> bool {
            let (mut best, mut parts) = (f64::INFINITY, Vec::new());
            let mut benches = self.criterion.benchmark_group(group);
            benches.throughput(Throughput::Elements(macs as u64));
            benches.bench_function(id, |bencher| {
                bencher.iter_custom(|iterations| {
                    let mut elapsed = Duration::ZERO;
                    for _ in 0..iterations {
                        let in_registers = peak.map(|peak| {
                            // Long enough that how it starts does not count.
                            let rounds = (macs / peak.macs / 16).max(ROUNDS);
                            let took = time(|| peak.run(rounds)).as_secs_f64();
                            took / (rounds * peak.macs) as f64 * macs as f64
                        });
                        let took = time(&mut work);
                        best = best.min(took.as_secs_f64());
                        parts.extend(in_registers.map(|ideal| ideal / took.as_secs_f64()));
                        elapsed += took;
                    }
                    elapsed
                });
            });
            benches.finish();
            if best.is_finite() {
                parts.sort_by(f64::total_cmp);
                let part = parts.get(parts.len() / 2);
                let part = part.map_or(String::new(), |part| format!("{:4.0} %", part * 1e2));
                let rate = macs as f64 / best / 1e9;
                let line = format!("{group:32} {id:22} {rate:6.1} GMAC/s {part}");
                self.table.push(line);
            }
            best.is_finite()
        }
    }

    /// As many equal matrices of so many bytes as are used in turn.
    fn in_turn<T>(bytes: usize, matrix: impl FnMut() -> T) -> Vec<T> {
        std::iter::repeat_with(matrix)
            .take(WEIGHTS.div_ceil(bytes))
            .collect()
    }

    fn time(work: impl FnOnce()) -> Duration {
        let start = Instant::now();
        work();
        start.elapsed()
    }
}
