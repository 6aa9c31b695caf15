//! AVX-512 with VNNI: tiles of 12 rows and 32 columns, 24 accumulators of 16 lanes.
//!
//! `vpdpbusd` adds four products of an unsigned and a signed byte to a 32-bit sum without
//! saturating, so it is exact for every range.

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

    fn scheme(&self, _ranges: Ranges, _weight: &[i8], _k: usize) -> Scheme {
        Scheme::Unsigned
    }

    fn f32_panels(&self, left: Left<'_, f32>, panels: PanelF32<'_>, out: Strip<'_>) {
        // SAFETY: the machine has AVX-512F, or this value would not exist.
        unsafe { f32_rows(left, panels, out) }
    }

    fn transpose(&self, columns: Left<'_, f32>, k: usize, panel: &mut [f32]) {
        // SAFETY: the machine has AVX2, or this value would not exist.
        unsafe { transpose::avx2(columns, k, WIDTH, panel) }
    }

    fn i8_panels(&self, left: Left<'_, u8>, panels: PanelI8<'_>, out: Strip<'_>) {
        // SAFETY: the machine has AVX-512F and VNNI, or this value would not exist.
        unsafe { i8_rows(left, panels, out) }
    }
}

tiles! {
    f32_rows, f32_tile, "avx512f,avx512bw,avx512dq,avx512vl", max 12, [1 2 3 4 5 6 7 8 9 10 11],
    (Left<f32>) x (PanelF32) -> f32, __m512: 16 lanes,
    zero _mm512_setzero_ps, load _mm512_loadu_ps, load_start _mm512_loadu_ps,
    store _mm512_storeu_ps, broadcast broadcast_f32, words 1, step add_f32, take take_f32
}

tiles! {
    i8_rows, i8_tile, "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni", max 12, [1 2 3 4 5 6 7 8 9 10 11],
    (Left<u8>) x (PanelI8) -> i32, __m512i: 16 lanes,
    zero _mm512_setzero_si512, load _mm512_loadu_si512, load_start _mm512_loadu_si512,
    store _mm512_storeu_si512, broadcast broadcast_bytes, words 1, step add_bytes, take take_i32
}

#[inline]
#[target_feature(enable = "avx512f")]
fn broadcast_f32(word: u32) -> __m512 {
    _mm512_set1_ps(f32::from_bits(word))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn broadcast_bytes(word: u32) -> __m512i {
    _mm512_set1_epi32(word as i32)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add_f32(sums: __m512, [a]: [__m512; 1], [w]: [__m512; 1]) -> __m512 {
    _mm512_fmadd_ps(a, w, sums)
}

#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn add_bytes(sums: __m512i, [a]: [__m512i; 1], [w]: [__m512i; 1]) -> __m512i {
    _mm512_dpbusd_epi32(sums, a, w)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn take_f32(first: usize, tile: &[[f32; WIDTH]], _: PanelF32<'_>, out: &mut Strip<'_>) {
    out.take(first, tile.len(), tile);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn take_i32(first: usize, tile: &[[i32; WIDTH]], panel: PanelI8<'_>, out: &mut Strip<'_>) {
    out.take_sums(first, tile, &panel);
}
