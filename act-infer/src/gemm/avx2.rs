//! AVX2 with FMA: tiles of 16 columns and 3 to 6 rows; with AVX-VNNI on machines that have it.
//!
//! Without VNNI the fast product of bytes, `vpmaddubsw`, adds two of them in 16 bits and saturates.
//! So it is used only where the model's ranges and weights rule that out:
//! - `UnsignedQuads`: two such sums are added before they are widened to 32 bits;
//! - `UnsignedPairs`: every sum is widened;
//! - `Signed`: any ranges; `|w|` times `a` with the sign of `w`, at most `2 * 127 * 127 = 32258`.

// Rows of a tile are numbers: iterators would keep the accumulators out of registers.
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;
use std::sync::LazyLock;

use super::epilogue::Strip;
use super::kernel::Kernel;
use super::operands::{Left, PanelF32, PanelI8, Ranges, Scheme};
use super::tile::{self, Ahead, tiles};
use super::transpose;
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

    fn scheme(&self, ranges: Ranges, weight: &[i8], k: usize) -> Scheme {
        if self.vnni {
            Scheme::Unsigned
        } else if ranges.fit_i16(4, weight, k) {
            Scheme::UnsignedQuads
        } else if ranges.fit_i16(2, weight, k) {
            Scheme::UnsignedPairs
        } else {
            Scheme::Signed
        }
    }

    fn f32_panels(&self, left: Left<'_, f32>, panels: PanelF32<'_>, out: Strip<'_>) {
        // SAFETY: the machine has AVX2 and FMA, or this value would not exist.
        unsafe { f32_rows(left, panels, out) }
    }

    fn transpose(&self, columns: Left<'_, f32>, k: usize, panel: &mut [f32]) {
        // SAFETY: the machine has AVX2, or this value would not exist.
        unsafe { transpose::avx2(columns, k, WIDTH, panel) }
    }

    fn i8_panels(&self, left: Left<'_, u8>, panels: PanelI8<'_>, out: Strip<'_>) {
        // SAFETY: the machine has AVX2 and FMA, or this value would not exist; AVX-VNNI is used only where
        // `vnni` says so.
        unsafe {
            match panels.scheme {
                Scheme::Unsigned => {
                    assert!(self.vnni, "packed for a machine with AVX-VNNI");
                    vnni_rows(left, panels, out);
                }
                Scheme::UnsignedQuads => quads_rows(left, panels, out),
                Scheme::UnsignedPairs => pairs_rows(left, panels, out),
                Scheme::Signed => signed_rows(left, panels, out),
            }
        }
    }
}

tiles! {
    f32_rows, f32_tile, "avx2,fma", max 6, [1 2 3 4 5],
    (Left<f32>) x (PanelF32) -> f32, __m256: 8 lanes,
    zero _mm256_setzero_ps, load _mm256_loadu_ps, load_start _mm256_loadu_ps,
    store _mm256_storeu_ps, broadcast broadcast_f32, words 1, step add_f32, take take_f32
}

/// The tiles of one way to add products of bytes.
macro_rules! i8_tiles {
    (
        $rows:ident, $tile:ident, $feature:literal,
        max $max:literal, $heights:tt, words $words:literal, step $step:ident
    ) => {
        tiles! {
            $rows, $tile, $feature, max $max, $heights,
            (Left<u8>) x (PanelI8) -> i32, __m256i: 8 lanes,
            zero _mm256_setzero_si256, load _mm256_loadu_si256, load_start _mm256_loadu_si256,
            store _mm256_storeu_si256, broadcast broadcast_bytes, words $words, step $step,
            take take_i32
        }
    };
}

i8_tiles!(vnni_rows, vnni_tile, "avx2,fma,avxvnni", max 6, [1 2 3 4 5], words 1, step add_vnni);
i8_tiles!(quads_rows, quads_tile, "avx2,fma", max 3, [1 2], words 2, step add_quads);
i8_tiles!(pairs_rows, pairs_tile, "avx2,fma", max 4, [1 2 3], words 1, step add_pairs);
i8_tiles!(signed_rows, signed_tile, "avx2,fma", max 4, [1 2 3], words 1, step add_signed);

#[inline]
#[target_feature(enable = "avx2")]
fn broadcast_f32(word: u32) -> __m256 {
    _mm256_set1_ps(f32::from_bits(word))
}

#[inline]
#[target_feature(enable = "avx2")]
fn broadcast_bytes(word: u32) -> __m256i {
    _mm256_set1_epi32(word as i32)
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_f32(sums: __m256, [a]: [__m256; 1], [w]: [__m256; 1]) -> __m256 {
    _mm256_fmadd_ps(a, w, sums)
}

/// Any unsigned `a`.
#[inline]
#[target_feature(enable = "avx2,avxvnni")]
fn add_vnni(sums: __m256i, [a]: [__m256i; 1], [w]: [__m256i; 1]) -> __m256i {
    _mm256_dpbusd_avx_epi32(sums, a, w)
}

/// Needs four products of an unsigned `a` to fit 16 bits: two neighbours of a word and the two that
/// stand there in the next one, which is a group of [`GroupLimit`](act_core::quant::GroupLimit).
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

/// Needs `|a|` and `|w|` of at most 127. `|w|` is computed once for all rows of a tile.
#[inline]
#[target_feature(enable = "avx2")]
fn add_signed(sums: __m256i, [a]: [__m256i; 1], [w]: [__m256i; 1]) -> __m256i {
    widen(
        sums,
        _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w)),
    )
}

/// Adds pairs of 16-bit numbers to 32-bit sums.
#[inline]
#[target_feature(enable = "avx2")]
fn widen(sums: __m256i, products: __m256i) -> __m256i {
    _mm256_add_epi32(sums, _mm256_madd_epi16(products, _mm256_set1_epi16(1)))
}

#[target_feature(enable = "avx2,fma")]
fn take_f32(first: usize, tile: &[[f32; WIDTH]], _: PanelF32<'_>, out: &mut Strip<'_>) {
    out.take(first, tile.len(), tile);
}

#[target_feature(enable = "avx2,fma")]
fn take_i32(first: usize, tile: &[[i32; WIDTH]], panel: PanelI8<'_>, out: &mut Strip<'_>) {
    out.take_sums(first, tile, &panel);
}
