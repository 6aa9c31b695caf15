//! Every kernel of this machine against products written out, over odd shapes and extreme values.

use act_core::Activation;
use act_core::arithmetic::activation::{gelu, gelu_tanh, relu};
use act_core::quant::GroupLimit;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Kernels;
use super::{Kernel, Left, Out, PackedF32, PackedI8, Ranges, RowScales, Scheme, ToBytes, kernel};
use crate::ops::quantize::quantize;

fn kernels() -> impl Iterator<Item = &'static dyn Kernel> {
    Kernels::available().into_iter().map(kernel)
}

/// Sizes around the kernels' tiles, some panels at once and a row or two among them.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![Just(1), 1usize..10, 10usize..70, 120usize..140]
}

fn floats(rng: &mut ChaCha8Rng, len: usize) -> Vec<f32> {
    (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// The same cases in every run.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 96,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn f32_is_a_chain_of_fused_steps(m in size(), n in size(), k in size(), seed: u64) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let stride = k + 3;
        let (a, w, bias) = (floats(rng, m * stride), floats(rng, n * k), floats(rng, n));
        let left = Left { values: &a[..], stride, rows: m };
        for kernel in kernels() {
            let mut out = vec![9.0; m * (n + 2)];
            PackedF32::linear(kernel, &w, &bias, k).multiply(left, Out::Floats(&mut out), n + 2);
            for (i, row) in out.chunks(n + 2).enumerate() {
                for j in 0..n {
                    let fused = |sum, k_: usize| a[i * stride + k_].mul_add(w[j * k + k_], sum);
                    prop_assert_eq!(row[j], (0..k).fold(bias[j], fused), "{}", kernel.name());
                }
                prop_assert_eq!(&row[n..], [9.0; 2], "wrote beyond its columns");
            }
        }
    }

    #[test]
    fn filled_either_way_it_is_the_same_matrix(n in size(), k in size(), seed: u64) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let (a, rows) = (floats(rng, 3 * k), floats(rng, n * k));
        let columns: Vec<f32> = (0..n * k).map(|i| rows[i % n * k + i / n]).collect();
        for kernel in kernels() {
            let [mut first, mut second] = [(); 2].map(|()| vec![0.0; 3 * n]);
            let mut packed = PackedF32::new(kernel);
            packed.fill_transposed(Left::dense(&rows, k), k);
            packed.multiply(Left::dense(&a, k), Out::Floats(&mut first), n);
            packed.fill(Left::dense(&columns, n), n);
            packed.multiply(Left::dense(&a, k), Out::Floats(&mut second), n);
            prop_assert_eq!(&first, &second);
        }
    }

    #[test]
    fn int8_is_exact(
        (m, n, k) in (size(), size(), size()),
        weight_max in prop::sample::select(vec![1, 31, 63, 64, 126, 127]),
        (low, high) in prop::sample::select(
            vec![
                (-127, 127), (-64, 64), (-63, 63), (-31, 31), (0, 127), (0, 63), (-127, 0),
                (-3, 251), (-250, 3), (-1, 125), (0, 254), (-254, 0), (1, 255), (-200, -73),
            ],
        ),
        extreme: bool,
        limit in prop::sample::select(vec![None, Some(2), Some(4)]),
        seed: u64,
    ) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let ranges = Ranges { low, high, weight_max };
        let mut case = Case::random(rng, (m, n, k), ranges, extreme);
        if let Some(size) = limit {
            case.cut(GroupLimit::of_16_bits(size, high - low));
        }
        let expected = case.naive();
        for kernel in kernels() {
            prop_assert_eq!(&case.product(&case.pack(kernel)), &expected, "{}", kernel.name());
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_follows_a_product_is_what_would_follow_it_later(
        (m, n, k) in (size(), size(), size()),
        activation in prop::sample::select(vec![Activation::Gelu, Activation::Relu, Activation::GeluTanh]),
        extreme: bool,
        of_channels: bool,
        seed: u64,
    ) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let ranges = Ranges { low: -127, high: 127, weight_max: 127 };
        let case = Case::random(rng, (m, n, k), ranges, extreme);
        let (a, w, bias) = (floats(rng, m * k), floats(rng, n * k), floats(rng, n));
        let before = floats(rng, m * n);
        let inverses: Vec<f32> = floats(rng, n).iter().map(|x| 0.1 + 900.0 * x.abs()).collect();
        let quantizer = ToBytes::new(0.01, -127.0, 127.0, 128);
        let quantizer = if of_channels { quantizer.of_channels(&inverses) } else { quantizer };
        let limits = quantizer.limits();
        let function = match activation {
            Activation::Gelu => gelu,
            Activation::Relu => relu,
            Activation::GeluTanh => gelu_tanh,
        };
        for kernel in kernels() {
            let (float, int8) = (PackedF32::linear(kernel, &w, &bias, k), case.pack(kernel));
            for precision in ["f32", "int8"] {
                let product = |out: Out<'_>, stride| match precision {
                    "f32" => float.multiply(Left::dense(&a, k), out, stride),
                    _ => case.multiply(&int8, out, stride),
                };
                let mut plain = vec![0.0; m * n];
                product(Out::Floats(&mut plain), n);
                let mut activated = vec![0.0; m * n];
                product(Out::Activated(&mut activated, activation), n);
                let mut sum = before.clone();
                product(Out::Added(&mut sum), n);
                let mut bytes = vec![7; m * (n + 5)];
                product(Out::Bytes(&mut bytes, activation, quantizer), n + 5);
                for i in 0..m * n {
                    let x = function(plain[i]);
                    prop_assert_eq!(activated[i].to_bits(), x.to_bits(), "{}", kernel.name());
                    prop_assert_eq!(sum[i], before[i] + plain[i], "{}", kernel.name());
                    let byte = bytes[i / n * (n + 5) + i % n];
                    let inverse = quantizer.from(i % n).inverses::<1>(1)[0];
                    prop_assert_eq!(byte, quantize(x, inverse, &limits), "{}", kernel.name());
                }
                prop_assert!(bytes.chunks(n + 5).all(|row| row[n..] == [7; 5]));
            }
        }
    }

    #[test]
    fn a_product_in_parts_of_its_columns_is_the_product(
        (m, n, k) in (size(), size(), size()),
        cut: prop::sample::Index,
        seed: u64,
    ) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let ranges = Ranges { low: -127, high: 127, weight_max: 127 };
        let case = Case::random(rng, (m, n, k), ranges, false);
        let (a, w, bias) = (floats(rng, m * k), floats(rng, n * k), floats(rng, n));
        for kernel in kernels() {
            let (float, int8) = (PackedF32::linear(kernel, &w, &bias, k), case.pack(kernel));
            let bytes = case.bytes(&int8);
            let (left, bytes) = (Left::dense(&a, k), Left::dense(&bytes, int8.depth()));
            let scales = RowScales::Each(&case.row_scales);
            let mut whole = [(); 2].map(|()| vec![0.0; m * n]);
            float.multiply(left, Out::Floats(&mut whole[0]), n);
            int8.multiply(bytes, scales, Out::Floats(&mut whole[1]), n);
            let cut = cut.index(float.panels() + 1);
            for panels in [0..cut, cut..float.panels()] {
                let columns = float.columns(panels.clone());
                prop_assert_eq!(&columns, &int8.columns(panels.clone()));
                if columns.is_empty() {
                    continue;
                }
                let mut part = [(); 2].map(|()| vec![0.0; m * columns.len()]);
                let [floats, integers] = &mut part;
                float.multiply_panels(panels.clone(), left, Out::Floats(floats), columns.len());
                int8.multiply_panels(panels, bytes, scales, Out::Floats(integers), columns.len());
                for (part, whole) in part.iter().zip(&whole) {
                    for (part, whole) in part.chunks(columns.len()).zip(whole.chunks(n)) {
                        prop_assert_eq!(part, &whole[columns.clone()], "{}", kernel.name());
                    }
                }
            }
        }
    }

    #[test]
    fn padded_columns_hold_their_start(m in size(), n in size(), k in size(), seed: u64) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let (a, rows) = (floats(rng, m * k), floats(rng, n * k));
        let padded = n.next_multiple_of(16);
        for kernel in kernels() {
            let mut packed = PackedF32::new(kernel);
            // What was there before must not shine through.
            packed.fill_transposed(Left::dense(&vec![5.0; 80 * k], k), k);
            packed.fill_transposed(Left::dense(&rows, k), k);
            let mut plain = vec![0.0; m * n];
            packed.multiply(Left::dense(&a, k), Out::Floats(&mut plain), n);
            packed.pad_columns(16, f32::NEG_INFINITY);
            let mut out = vec![0.0; m * padded];
            packed.multiply(Left::dense(&a, k), Out::Floats(&mut out), padded);
            for (row, plain) in out.chunks(padded).zip(plain.chunks(n)) {
                prop_assert_eq!(&row[..n], plain, "{}", kernel.name());
                prop_assert!(row[n..].iter().all(|&x| x == f32::NEG_INFINITY));
            }
        }
    }
}

/// One integer product.
struct Case {
    shape: (usize, usize, usize),
    ranges: Ranges,
    a: Vec<i32>,
    w: Vec<i8>,
    row_scales: Vec<f32>,
    scales: Vec<f32>,
    bias: Vec<f32>,
}

impl Case {
    /// Random integers over the whole ranges, or only their ends.
    fn random(
        rng: &mut ChaCha8Rng,
        (m, n, k): (usize, usize, usize),
        ranges: Ranges,
        extreme: bool,
    ) -> Self {
        let mut pick = |low: i32, high: i32| {
            if extreme {
                [low, high][rng.random_range(0..2)]
            } else {
                rng.random_range(low..=high)
            }
        };
        Self {
            shape: (m, n, k),
            ranges,
            a: (0..m * k).map(|_| pick(ranges.low, ranges.high)).collect(),
            w: (0..n * k)
                .map(|_| pick(-ranges.weight_max, ranges.weight_max) as i8)
                .collect(),
            row_scales: floats(rng, m),
            scales: floats(rng, n),
            bias: floats(rng, n),
        }
    }

    /// Brings the weights within a limit, as close to it as they come.
    fn cut(&mut self, limit: GroupLimit) {
        let (_, _, k) = self.shape;
        for row in self.w.chunks_mut(k) {
            let before: Vec<f32> = row.iter().map(|&w| w.into()).collect();
            limit.cut(&before, 1.0, row);
        }
    }

    fn naive(&self) -> Vec<f32> {
        let (m, n, k) = self.shape;
        let mut out = Vec::new();
        for i in 0..m {
            for j in 0..n {
                let products =
                    (0..k).map(|x| i64::from(self.a[i * k + x]) * i64::from(self.w[j * k + x]));
                let sum = products.sum::<i64>() as i32;
                out.push(sum as f32 * (self.row_scales[i] * self.scales[j]) + self.bias[j]);
            }
        }
        out
    }

    fn pack(&self, kernel: &'static dyn Kernel) -> PackedI8 {
        let (_, _, k) = self.shape;
        PackedI8::linear(kernel, self.ranges, &self.w, &self.scales, &self.bias, k)
    }

    fn product(&self, packed: &PackedI8) -> Vec<f32> {
        let (m, n, _) = self.shape;
        let mut out = vec![0.0; m * n];
        self.multiply(packed, Out::Floats(&mut out), n);
        out
    }

    fn multiply(&self, packed: &PackedI8, out: Out<'_>, stride: usize) {
        let bytes = self.bytes(packed);
        let row_scales = RowScales::Each(&self.row_scales);
        packed.multiply(Left::dense(&bytes, packed.depth()), row_scales, out, stride);
    }

    /// The left operand as `packed` takes it.
    fn bytes(&self, packed: &PackedI8) -> Vec<u8> {
        let (m, _, k) = self.shape;
        let (depth, offset) = (packed.depth(), packed.offset());
        // The padding is not zero on purpose: it must not matter.
        let mut bytes = vec![77; m * depth];
        for (row, a) in bytes.chunks_mut(depth).zip(self.a.chunks(k)) {
            for (byte, a) in row.iter_mut().zip(a) {
                *byte = (a + offset) as u8;
            }
        }
        bytes
    }
}

/// All products at their largest and of one sign, over every pair of ranges: what saturates, if
/// anything does.
#[test]
fn nothing_saturates_at_the_ends_of_the_ranges() {
    for weight_max in 1..=127 {
        for activation_max in 1..=127 {
            for (low, high) in [
                (-activation_max, activation_max),
                (0, activation_max),
                (0, 2 * activation_max),
                (-2 * activation_max - 1, -1),
            ] {
                let ranges = Ranges {
                    low,
                    high,
                    weight_max,
                };
                let (n, k) = (2, 24);
                let case = Case {
                    shape: (2, n, k),
                    ranges,
                    a: [vec![high; k], vec![low; k]].concat(),
                    w: [vec![weight_max as i8; k], vec![-weight_max as i8; k]].concat(),
                    row_scales: vec![1.0; 2],
                    scales: vec![1.0; 2],
                    bias: vec![0.0; 2],
                };
                for kernel in kernels() {
                    assert_eq!(
                        case.product(&case.pack(kernel)),
                        case.naive(),
                        "{} {ranges:?}",
                        kernel.name()
                    );
                }
            }
        }
    }
}

#[test]
fn repacking_for_another_kernel_keeps_every_weight() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let (n, k) = (37, 29);
    let ranges = Ranges {
        low: -127,
        high: 127,
        weight_max: 127,
    };
    let case = Case::random(rng, (3, n, k), ranges, false);
    let (a, w, bias) = (floats(rng, 3 * k), floats(rng, n * k), floats(rng, n));
    let product = |packed: &PackedF32| {
        let mut out = vec![0.0; 3 * n];
        packed.multiply(Left::dense(&a, k), Out::Floats(&mut out), n);
        out
    };
    for from in kernels() {
        for to in kernels() {
            assert_eq!(case.product(&case.pack(from).repack(to)), case.naive());
            let packed = PackedF32::linear(from, &w, &bias, k);
            assert_eq!(product(&packed), product(&packed.repack(to)));
        }
    }
}

#[test]
fn the_fast_sixteen_bit_sums_are_chosen_exactly_where_they_fit() {
    if !Kernels::available().contains(&Kernels::Avx2) {
        return;
    }
    let scheme = |low, high, weight_max| {
        let ranges = Ranges {
            low,
            high,
            weight_max,
        };
        let weight = [weight_max as i8; 8];
        kernel(Kernels::Avx2).scheme(ranges, &weight, weight.len())
    };
    assert_eq!(scheme(-127, 127, 127), Scheme::Signed);
    assert_eq!(scheme(-127, 127, 64), Scheme::UnsignedPairs);
    assert_eq!(scheme(-127, 127, 65), Scheme::Signed);
    assert_eq!(scheme(-63, 63, 127), Scheme::UnsignedPairs);
    assert_eq!(scheme(0, 127, 127), Scheme::UnsignedPairs);
    assert_eq!(scheme(-63, 63, 65), Scheme::UnsignedQuads);
    assert_eq!(scheme(-63, 63, 66), Scheme::UnsignedPairs);
    let of = |weight: &[i8]| {
        let ranges = Ranges {
            low: -127,
            high: 127,
            weight_max: 127,
        };
        kernel(Kernels::Avx2).scheme(ranges, weight, weight.len())
    };
    assert_eq!(of(&[127, 2, -127, 127, 127, -127]), Scheme::UnsignedPairs);
    assert_eq!(of(&[127, 3]), Scheme::Signed);
    assert_eq!(of(&[0, 0, 0, 0, 0, 0, 0, 0, -100, -30]), Scheme::Signed);
    let quads = [100, -29, 0, 127, 29, -100, 2, -127];
    assert_eq!(of(&quads), Scheme::UnsignedQuads);
    assert_eq!(of(&[100, 0, 0, 0, 30]), Scheme::UnsignedPairs);
}
