//! AVX2 with FMA: tiles of 16 columns and 3 to 6 rows; with AVX-VNNI on machines that have it.
//!
//! Without VNNI the fast product of bytes, `vpmaddubsw`, adds two of them in 16 bits and saturates.
//! So it is used only where the model's ranges rule that out:
//! - `UnsignedQuads`: two such sums are added before they are widened to 32 bits;
//! - `UnsignedPairs`: every sum is widened;
//! - `Signed`: any ranges; `|a|` times `w` with the sign of `a`, at most `2 * 127 * 127 = 32258`.

// Rows of a tile are numbers: iterators would keep the accumulators out of registers.
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;
use std::sync::LazyLock;

use super::tile::for_row_tiles;
use super::{Kernel, Left, PanelF32, PanelI8, Ranges, RowScales, Scheme, Strip};
use super::{dequantize, store};
use crate::ops::Isa;

const WIDTH: usize = 16;

struct Avx2 {
    isa: Isa,
    vnni: bool,
}

/// The kernel for AVX2 and FMA, if this machine can run it.
pub(super) fn plain() -> Option<&'static dyn Kernel> {
    static KERNEL: LazyLock<Option<Avx2>> =
        LazyLock::new(|| Isa::avx2().map(|isa| Avx2 { isa, vnni: false }));
    KERNEL.as_ref().map(|kernel| kernel as &dyn Kernel)
}

/// The kernel for AVX2, FMA and AVX-VNNI, if this machine can run it.
pub(super) fn vnni() -> Option<&'static dyn Kernel> {
    static KERNEL: LazyLock<Option<Avx2>> = LazyLock::new(|| {
        let isa = Isa::avx2()?;
        is_x86_feature_detected!("avxvnni").then_some(Avx2 { isa, vnni: true })
    });
    KERNEL.as_ref().map(|kernel| kernel as &dyn Kernel)
}

impl Kernel for Avx2 {
    fn name(&self) -> &'static str {
        if self.vnni { "avx-vnni" } else { "avx2" }
    }

    fn isa(&self) -> Isa {
        self.isa
    }

    fn width(&self) -> usize {
        WIDTH
    }

    fn group(&self) -> usize {
        4
    }

    fn scheme(&self, ranges: Ranges) -> Scheme {
        if self.vnni {
            Scheme::Unsigned
        } else if ranges.fit_i16(4) {
            Scheme::UnsignedQuads
        } else if ranges.fit_i16(2) {
            Scheme::UnsignedPairs
        } else {
            Scheme::Signed
        }
    }

    fn f32_panel(&self, left: Left<'_, f32>, panel: PanelF32<'_>, out: Strip<'_>) {
        // SAFETY: the machine has AVX2 and FMA, or this value would not exist.
        unsafe { f32_rows(left, panel, out) }
    }

    fn i8_panel(
        &self,
        left: Left<'_, u8>,
        panel: PanelI8<'_>,
        scales: RowScales<'_>,
        out: Strip<'_>,
    ) {
        // SAFETY: the machine has AVX2, or this value would not exist; AVX-VNNI is used only where
        // `vnni` says so.
        unsafe {
            match panel.scheme {
                Scheme::Unsigned => {
                    assert!(self.vnni, "packed for a machine with AVX-VNNI");
                    vnni_rows(left, panel, scales, out);
                }
                Scheme::UnsignedQuads => quads_rows(left, panel, scales, out),
                Scheme::UnsignedPairs => pairs_rows(left, panel, scales, out),
                Scheme::Signed => signed_rows(left, panel, scales, out),
            }
        }
    }
}

#[target_feature(enable = "avx2,fma")]
fn f32_rows(left: Left<'_, f32>, panel: PanelF32<'_>, mut out: Strip<'_>) {
    panel.assert_fits(left, WIDTH);
    // SAFETY: checked just now; the tiles cover the rows of `left` and no more.
    unsafe {
        for_row_tiles!(
            left.rows, max 6, [1 2 3 4 5],
            first => f32_tile(first, left, panel, &mut out)
        );
    }
}

/// # Safety
/// `left` holds all rows of the tile at the panel's depth; `panel.start` has `WIDTH` sums.
#[target_feature(enable = "avx2,fma")]
unsafe fn f32_tile<const R: usize>(
    first: usize,
    left: Left<'_, f32>,
    panel: PanelF32<'_>,
    out: &mut Strip<'_>,
) {
    let (weights, stride) = (panel.weights.as_ptr(), left.stride);
    let mut tile = [[0f32; WIDTH]; R];
    // SAFETY: the caller promises that the rows `first .. first + R` of `left` have `k` numbers;
    // `weights` has `k * WIDTH`, `start` and every row of `tile` have `WIDTH`.
    unsafe {
        let rows = left.values.as_ptr().add(first * stride);
        let start = panel.start.as_ptr();
        let start = [_mm256_loadu_ps(start), _mm256_loadu_ps(start.add(8))];
        let mut sums = [start; R];
        for k in 0..panel.weights.len() / WIDTH {
            let step = weights.add(k * WIDTH);
            let w = [_mm256_loadu_ps(step), _mm256_loadu_ps(step.add(8))];
            for r in 0..R {
                let a = _mm256_set1_ps(*rows.add(r * stride + k));
                sums[r][0] = _mm256_fmadd_ps(a, w[0], sums[r][0]);
                sums[r][1] = _mm256_fmadd_ps(a, w[1], sums[r][1]);
            }
        }
        for r in 0..R {
            _mm256_storeu_ps(tile[r].as_mut_ptr(), sums[r][0]);
            _mm256_storeu_ps(tile[r].as_mut_ptr().add(8), sums[r][1]);
        }
    }
    for (r, results) in tile.iter().enumerate() {
        store(results, out.row_mut(first + r));
    }
}

/// Writes the tile function of one way to add products of bytes, and the loop over its tiles.
/// `$step(sums, a, w)` takes `$quads` quads of one row and of eight columns.
macro_rules! i8_kernel {
    (
        $rows:ident, $tile:ident, $feature:literal,
        max $max:literal, $heights:tt, $quads:literal, $step:ident
    ) => {
        #[target_feature(enable = $feature)]
        fn $rows(
            left: Left<'_, u8>,
            panel: PanelI8<'_>,
            scales: RowScales<'_>,
            mut out: Strip<'_>,
        ) {
            panel.assert_fits(left, WIDTH);
            // SAFETY: checked just now; the tiles cover the rows of `left` and no more.
            unsafe {
                for_row_tiles!(
                    left.rows, max $max, $heights,
                    first => $tile(first, left, panel, scales, &mut out)
                );
            }
        }

        /// # Safety
        /// That of [`f32_tile`].
        #[target_feature(enable = $feature)]
        unsafe fn $tile<const R: usize>(
            first: usize,
            left: Left<'_, u8>,
            panel: PanelI8<'_>,
            scales: RowScales<'_>,
            out: &mut Strip<'_>,
        ) {
            let (weights, stride) = (panel.weights.as_ptr(), left.stride);
            let mut tile = [[0i32; WIDTH]; R];
            // SAFETY: the caller promises that the rows `first .. first + R` of `left` have
            // `4 * quads` bytes, `quads` even; `weights` has `4 * quads * WIDTH`, `start` and
            // every row of `tile` have `WIDTH`.
            unsafe {
                let rows = left.values.as_ptr().add(first * stride);
                let start = panel.start.as_ptr().cast::<__m256i>();
                let start = [_mm256_loadu_si256(start), _mm256_loadu_si256(start.add(1))];
                let mut sums = [start; R];
                for step in 0..panel.weights.len() / (4 * WIDTH * $quads) {
                    let mut w = [[_mm256_setzero_si256(); $quads]; 2];
                    for q in 0..$quads {
                        let quad = weights.add((step * $quads + q) * 4 * WIDTH);
                        w[0][q] = _mm256_loadu_si256(quad.cast());
                        w[1][q] = _mm256_loadu_si256(quad.add(32).cast());
                    }
                    for r in 0..R {
                        let bytes = rows.add(r * stride + step * $quads * 4).cast::<i32>();
                        let mut a = [_mm256_setzero_si256(); $quads];
                        for q in 0..$quads {
                            a[q] = _mm256_set1_epi32(bytes.add(q).read_unaligned());
                        }
                        sums[r][0] = $step(sums[r][0], a, w[0]);
                        sums[r][1] = $step(sums[r][1], a, w[1]);
                    }
                }
                for r in 0..R {
                    _mm256_storeu_si256(tile[r].as_mut_ptr().cast(), sums[r][0]);
                    _mm256_storeu_si256(tile[r].as_mut_ptr().add(8).cast(), sums[r][1]);
                }
            }
            for (r, sums) in tile.iter().enumerate() {
                dequantize(sums, &panel, scales.get(first + r), out.row_mut(first + r));
            }
        }
    };
}

i8_kernel!(vnni_rows, vnni_tile, "avx2,avxvnni", max 6, [1 2 3 4 5], 1, add_vnni);
i8_kernel!(quads_rows, quads_tile, "avx2", max 3, [1 2], 2, add_quads);
i8_kernel!(pairs_rows, pairs_tile, "avx2", max 4, [1 2 3], 1, add_pairs);
i8_kernel!(signed_rows, signed_tile, "avx2", max 4, [1 2 3], 1, add_signed);

/// Any unsigned `a`.
#[inline]
#[target_feature(enable = "avx2,avxvnni")]
fn add_vnni(sums: __m256i, [a]: [__m256i; 1], [w]: [__m256i; 1]) -> __m256i {
    _mm256_dpbusd_avx_epi32(sums, a, w)
}

/// Needs four products of an unsigned `a` to fit 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn add_quads(sums: __m256i, a: [__m256i; 2], w: [__m256i; 2]) -> __m256i {
    let products = [
        _mm256_maddubs_epi16(a[0], w[0]),
        _mm256_maddubs_epi16(a[1], w[1]),
    ];
    widen(sums, _mm256_add_epi16(products[0], products[1]))
}

/// Needs two products of an unsigned `a` to fit 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn add_pairs(sums: __m256i, [a]: [__m256i; 1], [w]: [__m256i; 1]) -> __m256i {
    widen(sums, _mm256_maddubs_epi16(a, w))
}

/// Needs `|a|` and `|w|` of at most 127.
#[inline]
#[target_feature(enable = "avx2")]
fn add_signed(sums: __m256i, [a]: [__m256i; 1], [w]: [__m256i; 1]) -> __m256i {
    widen(
        sums,
        _mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(w, a)),
    )
}

/// Adds pairs of 16-bit numbers to 32-bit sums.
#[inline]
#[target_feature(enable = "avx2")]
fn widen(sums: __m256i, products: __m256i) -> __m256i {
    _mm256_add_epi32(sums, _mm256_madd_epi16(products, _mm256_set1_epi16(1)))
}
