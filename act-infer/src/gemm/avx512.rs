//! AVX-512 with VNNI: tiles of 12 rows and 32 columns, 24 accumulators of 16 lanes.
//!
//! `vpdpbusd` adds four products of an unsigned and a signed byte to a 32-bit sum without
//! saturating, so it is exact for every range.

// Rows of a tile are numbers: iterators would keep the accumulators out of registers.
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;
use std::sync::LazyLock;

use super::tile::for_row_tiles;
use super::{Kernel, Left, PanelF32, PanelI8, Ranges, RowScales, Scheme, Strip};
use super::{dequantize, store};
use crate::ops::Isa;

const WIDTH: usize = 32;

struct Avx512Vnni {
    isa: Isa,
}

/// The kernel, if this machine can run it.
pub(super) fn vnni() -> Option<&'static dyn Kernel> {
    static KERNEL: LazyLock<Option<Avx512Vnni>> = LazyLock::new(|| {
        let isa = Isa::avx512()?;
        is_x86_feature_detected!("avx512vnni").then_some(Avx512Vnni { isa })
    });
    KERNEL.as_ref().map(|kernel| kernel as &dyn Kernel)
}

impl Kernel for Avx512Vnni {
    fn name(&self) -> &'static str {
        "avx512-vnni"
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

    fn scheme(&self, _ranges: Ranges) -> Scheme {
        Scheme::Unsigned
    }

    fn f32_panel(&self, left: Left<'_, f32>, panel: PanelF32<'_>, out: Strip<'_>) {
        // SAFETY: the machine has AVX-512F, or this value would not exist.
        unsafe { f32_rows(left, panel, out) }
    }

    fn i8_panel(
        &self,
        left: Left<'_, u8>,
        panel: PanelI8<'_>,
        scales: RowScales<'_>,
        out: Strip<'_>,
    ) {
        // SAFETY: the machine has AVX-512F and VNNI, or this value would not exist.
        unsafe { i8_rows(left, panel, scales, out) }
    }
}

#[target_feature(enable = "avx512f")]
fn f32_rows(left: Left<'_, f32>, panel: PanelF32<'_>, mut out: Strip<'_>) {
    panel.assert_fits(left, WIDTH);
    // SAFETY: checked just now; the tiles cover the rows of `left` and no more.
    unsafe {
        for_row_tiles!(
            left.rows, max 12, [1 2 3 4 5 6 7 8 9 10 11],
            first => f32_tile(first, left, panel, &mut out)
        );
    }
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn i8_rows(left: Left<'_, u8>, panel: PanelI8<'_>, scales: RowScales<'_>, mut out: Strip<'_>) {
    panel.assert_fits(left, WIDTH);
    // SAFETY: checked just now; the tiles cover the rows of `left` and no more.
    unsafe {
        for_row_tiles!(
            left.rows, max 12, [1 2 3 4 5 6 7 8 9 10 11],
            first => i8_tile(first, left, panel, scales, &mut out)
        );
    }
}

/// # Safety
/// `left` holds all rows of the tile at the panel's depth; `panel.start` has `WIDTH` sums.
#[target_feature(enable = "avx512f")]
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
        let start = [_mm512_loadu_ps(start), _mm512_loadu_ps(start.add(16))];
        let mut sums = [start; R];
        for k in 0..panel.weights.len() / WIDTH {
            let step = weights.add(k * WIDTH);
            let w = [_mm512_loadu_ps(step), _mm512_loadu_ps(step.add(16))];
            for r in 0..R {
                let a = _mm512_set1_ps(*rows.add(r * stride + k));
                sums[r][0] = _mm512_fmadd_ps(a, w[0], sums[r][0]);
                sums[r][1] = _mm512_fmadd_ps(a, w[1], sums[r][1]);
            }
        }
        for r in 0..R {
            _mm512_storeu_ps(tile[r].as_mut_ptr(), sums[r][0]);
            _mm512_storeu_ps(tile[r].as_mut_ptr().add(16), sums[r][1]);
        }
    }
    for (r, results) in tile.iter().enumerate() {
        store(results, out.row_mut(first + r));
    }
}

/// # Safety
/// That of [`f32_tile`].
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn i8_tile<const R: usize>(
    first: usize,
    left: Left<'_, u8>,
    panel: PanelI8<'_>,
    scales: RowScales<'_>,
    out: &mut Strip<'_>,
) {
    let (weights, stride) = (panel.weights.as_ptr(), left.stride);
    let mut tile = [[0i32; WIDTH]; R];
    // SAFETY: the caller promises that the rows `first .. first + R` of `left` have `4 * quads`
    // bytes; `weights` has `4 * quads * WIDTH`, `start` and every row of `tile` have `WIDTH`.
    unsafe {
        let rows = left.values.as_ptr().add(first * stride);
        let start = panel.start.as_ptr();
        let start = [_mm512_loadu_epi32(start), _mm512_loadu_epi32(start.add(16))];
        let mut sums = [start; R];
        for quad in 0..panel.weights.len() / (4 * WIDTH) {
            let step = weights.add(quad * 4 * WIDTH);
            let w = [
                _mm512_loadu_si512(step.cast()),
                _mm512_loadu_si512(step.add(64).cast()),
            ];
            for r in 0..R {
                let bytes = rows.add(r * stride + quad * 4).cast::<i32>();
                let a = _mm512_set1_epi32(bytes.read_unaligned());
                sums[r][0] = _mm512_dpbusd_epi32(sums[r][0], a, w[0]);
                sums[r][1] = _mm512_dpbusd_epi32(sums[r][1], a, w[1]);
            }
        }
        for r in 0..R {
            _mm512_storeu_epi32(tile[r].as_mut_ptr(), sums[r][0]);
            _mm512_storeu_epi32(tile[r].as_mut_ptr().add(16), sums[r][1]);
        }
    }
    for (r, sums) in tile.iter().enumerate() {
        dequantize(sums, &panel, scales.get(first + r), out.row_mut(first + r));
    }
}
