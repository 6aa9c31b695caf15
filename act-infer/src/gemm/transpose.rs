//! Rows into the columns of a float panel: what attention does to every head's keys, so it must
//! cost little beside the product.

use super::Left;

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
#[target_feature(enable = "avx2")]
pub(super) fn avx2(columns: Left<'_, f32>, k: usize, width: usize, panel: &mut [f32]) {
    use std::arch::x86_64::*;

    columns.assert_holds(k);
    assert!(width.is_multiple_of(8) && columns.rows <= width && panel.len() >= k * width);
    let squares = k / 8 * 8;
    for first in (0..width).step_by(8) {
        for i in (0..squares).step_by(8) {
            let mut r = [_mm256_setzero_ps(); 8];
            for (c, row) in r.iter_mut().enumerate() {
                if first + c < columns.rows {
                    let from = &columns.values[(first + c) * columns.stride + i..][..8];
                    // SAFETY: the slice has eight numbers.
                    *row = unsafe { _mm256_loadu_ps(from.as_ptr()) };
                }
            }
            // Pairs of rows, then of pairs, then of quads, each interleaved within 128 bits.
            let pairs: [__m256; 8] = std::array::from_fn(|j| match j % 2 {
                0 => _mm256_unpacklo_ps(r[j], r[j + 1]),
                _ => _mm256_unpackhi_ps(r[j - 1], r[j]),
            });
            let quads: [__m256; 8] = std::array::from_fn(|j| {
                let (a, b) = (pairs[j / 4 * 4 + j % 4 / 2], pairs[j / 4 * 4 + j % 4 / 2 + 2]);
                match j % 2 {
                    0 => _mm256_shuffle_ps::<0x44>(a, b),
                    _ => _mm256_shuffle_ps::<0xEE>(a, b),
                }
            });
            for j in 0..8 {
                let column = match j / 4 {
                    0 => _mm256_permute2f128_ps::<0x20>(quads[j], quads[j + 4]),
                    _ => _mm256_permute2f128_ps::<0x31>(quads[j - 4], quads[j]),
                };
                let to = &mut panel[(i + j) * width + first..][..8];
                // SAFETY: the slice has room for eight numbers.
                unsafe { _mm256_storeu_ps(to.as_mut_ptr(), column) };
            }
        }
    }
    for i in squares..k {
        for c in 0..width {
            panel[i * width + c] = match c < columns.rows {
                true => columns.values[c * columns.stride + i],
                false => 0.0,
            };
        }
    }
}
