//! Rows into the columns of a float panel: what attention does to every head's keys, so it must
//! cost little beside the product.

use super::operands::Left;

/// `panel[i, c] = columns.row(c)[i]` for `k` rows of `width` numbers, zero from `columns.rows` on.
pub(super) fn portable(columns: Left<'_, f32>, k: usize, width: usize, panel: &mut [f32]) {
    for (i, step) in panel.chunks_exact_mut(width).take(k).enumerate() {
        for (c, value) in step[..columns.rows].iter_mut().enumerate() {
            *value = columns.values[c * columns.stride + i];
        }
        step[columns.rows..].fill(0.0);
    }
}

/// As [`portable`], in squares of 8 x 8; `width` is a multiple of 8.
#[cfg(target_arch = "x86_64")]
#[allow(clippy::needless_range_loop)] // Iterators would keep the square out of registers.
#[target_feature(enable = "avx2")]
pub(super) fn avx2(columns: Left<'_, f32>, k: usize, width: usize, panel: &mut [f32]) {
    use std::arch::x86_64::*;

    columns.assert_holds(k);
    assert!(width.is_multiple_of(8) && columns.rows <= width && panel.len() >= k * width);
    let squares = k / 8 * 8;
    for first in (0..width).step_by(8) {
        for i in (0..squares).step_by(8) {
            let mut r = [_mm256_setzero_ps(); 8];
            for c in 0..8 {
                if first + c < columns.rows {
                    let from = &columns.values[(first + c) * columns.stride + i..][..8];
                    // SAFETY: the slice has eight numbers.
                    r[c] = unsafe { _mm256_loadu_ps(from.as_ptr()) };
                }
            }
            // Pairs of rows interleaved, then pairs of pairs, within 128 bits; then halves joined.
            let pairs = [
                _mm256_unpacklo_ps(r[0], r[1]),
                _mm256_unpackhi_ps(r[0], r[1]),
                _mm256_unpacklo_ps(r[2], r[3]),
                _mm256_unpackhi_ps(r[2], r[3]),
                _mm256_unpacklo_ps(r[4], r[5]),
                _mm256_unpackhi_ps(r[4], r[5]),
                _mm256_unpacklo_ps(r[6], r[7]),
                _mm256_unpackhi_ps(r[6], r[7]),
            ];
            let quads = [
                _mm256_shuffle_ps::<0x44>(pairs[0], pairs[2]),
                _mm256_shuffle_ps::<0xEE>(pairs[0], pairs[2]),
                _mm256_shuffle_ps::<0x44>(pairs[1], pairs[3]),
                _mm256_shuffle_ps::<0xEE>(pairs[1], pairs[3]),
                _mm256_shuffle_ps::<0x44>(pairs[4], pairs[6]),
                _mm256_shuffle_ps::<0xEE>(pairs[4], pairs[6]),
                _mm256_shuffle_ps::<0x44>(pairs[5], pairs[7]),
                _mm256_shuffle_ps::<0xEE>(pairs[5], pairs[7]),
            ];
            let turned = [
                _mm256_permute2f128_ps::<0x20>(quads[0], quads[4]),
                _mm256_permute2f128_ps::<0x20>(quads[1], quads[5]),
                _mm256_permute2f128_ps::<0x20>(quads[2], quads[6]),
                _mm256_permute2f128_ps::<0x20>(quads[3], quads[7]),
                _mm256_permute2f128_ps::<0x31>(quads[0], quads[4]),
                _mm256_permute2f128_ps::<0x31>(quads[1], quads[5]),
                _mm256_permute2f128_ps::<0x31>(quads[2], quads[6]),
                _mm256_permute2f128_ps::<0x31>(quads[3], quads[7]),
            ];
            for j in 0..8 {
                let to = &mut panel[(i + j) * width + first..][..8];
                // SAFETY: the slice has room for eight numbers.
                unsafe { _mm256_storeu_ps(to.as_mut_ptr(), turned[j]) };
            }
        }
    }
    for i in squares..k {
        for c in 0..width {
            panel[i * width + c] = if c < columns.rows {
                columns.values[c * columns.stride + i]
            } else {
                0.0
            };
        }
    }
}
