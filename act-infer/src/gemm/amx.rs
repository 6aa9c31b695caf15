//! AMX: the processor multiplies tiles, 16 rows of 64 bytes by 64 rows of 16 columns, and adds to
//! 16 x 16 sums of 32 bits; nothing saturates, so it is exact for every range. Panels, floats and
//! products of few rows are those of AVX-512 with VNNI.
//!
//! A block is two tiles of rows by the two of a panel's columns. While it is multiplied the vector
//! units are free, so they take the block before it: after every step some of its rows.

mod tiles;

use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
use std::mem::swap;
use std::ops::Range;
use std::sync::LazyLock;

use self::tiles::{DEPTH, Tiles, WIDTH};
use super::avx512;
use super::epilogue::Strip;
use super::kernel::Kernel;
use super::operands::{Left, PanelF32, PanelI8, Ranges, Scheme};
use crate::ops::Isa;

/// Fewer rows are multiplied sooner without tiles.
const ROWS: usize = 4;

struct AmxInt8 {
    vectors: &'static dyn Kernel,
}

/// The kernel, if this machine can run it and the system lets this process.
pub(super) fn int8() -> Option<&'static dyn Kernel> {
    static KERNEL: LazyLock<Option<AmxInt8>> = LazyLock::new(|| {
        let vectors = avx512::vnni()?;
        tiles::usable().then_some(AmxInt8 { vectors })
    });
    KERNEL.as_ref().map(|kernel| kernel as &dyn Kernel)
}

impl Kernel for AmxInt8 {
    fn name(&self) -> &'static str {
        "amx-int8"
    }

    fn isa(&self) -> Isa {
        self.vectors.isa()
    }

    fn width(&self) -> usize {
        WIDTH
    }

    fn group(&self) -> usize {
        self.vectors.group()
    }

    fn scheme(&self, ranges: Ranges, weight: &[i8], k: usize) -> Scheme {
        self.vectors.scheme(ranges, weight, k)
    }

    fn depth(&self) -> usize {
        DEPTH
    }

    /// Tiles would have to be set up for every head and sequence, and padded to 64 bytes.
    fn small(&self) -> Option<&'static dyn Kernel> {
        Some(self.vectors)
    }

    fn f32_panels(&self, left: Left<'_, f32>, panels: PanelF32<'_>, out: Strip<'_>) {
        self.vectors.f32_panels(left, panels, out);
    }

    fn transpose(&self, columns: Left<'_, f32>, k: usize, panel: &mut [f32]) {
        self.vectors.transpose(columns, k, panel);
    }

    fn i8_panels(&self, left: Left<'_, u8>, panels: PanelI8<'_>, out: Strip<'_>) {
        if left.rows < ROWS {
            self.vectors.i8_panels(left, panels, out);
        } else {
            // SAFETY: the machine has AMX and AVX-512 and this process may use both, or this value
            // would not exist.
            unsafe { multiply(left, panels, out) }
        }
    }
}

/// The sums of a block, and which they are.
#[repr(align(64))]
struct Block<'a> {
    sums: [[i32; WIDTH]; WIDTH],
    panel: PanelI8<'a>,
    /// Which panel it is.
    number: usize,
    /// The row of the result that the first row of `sums` is.
    first: usize,
    /// Rows of `sums` that have been taken, or were by the block before.
    taken: usize,
    end: usize,
}

impl<'a> Block<'a> {
    fn empty(panel: PanelI8<'a>) -> Self {
        Self {
            sums: [[0; WIDTH]; WIDTH],
            panel,
            number: 0,
            first: 0,
            taken: 0,
            end: 0,
        }
    }

    /// Passes on an equal part of what is left, as if it were called `times` times from now on.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    fn take(&mut self, times: usize, out: &mut Strip<'_>) {
        let rows = (self.end - self.taken).div_ceil(times);
        if rows > 0 {
            let sums = &self.sums[self.taken..][..rows];
            let mut strip = out.nth(self.number, WIDTH);
            strip.take_sums(self.first + self.taken, sums, &self.panel);
            self.taken += rows;
        }
    }
}

/// All panels by all rows, of which there are some.
///
/// # Safety
/// The process may use AMX.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn multiply(left: Left<'_, u8>, panels: PanelI8<'_>, mut out: Strip<'_>) {
    // As few tiles as possible, all of the same height: the last may begin in the one before.
    let count = left.rows.div_ceil(tiles::ROWS);
    let height = left.rows.div_ceil(count);
    let row = |tile: usize| (tile * height).min(left.rows - height);
    // SAFETY: the process may use them, and this is the only function that does.
    let tiles = unsafe { Tiles::new(height) };
    let (mut block, mut before) = (&mut Block::empty(panels), &mut Block::empty(panels));
    for number in 0..panels.count(WIDTH) {
        let panel = panels.nth(number, WIDTH);
        panel.assert_fits(left, WIDTH);
        let (steps, rest) = panel.weights.as_chunks::<{ DEPTH * WIDTH }>();
        assert!(rest.is_empty(), "a panel is not padded for AMX");
        for tile in (0..count).step_by(2) {
            let ahead = pairs_of_lines(tile / 2, count.div_ceil(2));
            let first = row(tile);
            let second = (tile + 1 < count).then(|| row(tile + 1));
            (block.panel, block.number, block.first) = (panel, number, first);
            block.taken = tile * height - first;
            block.end = second.unwrap_or(first) + height - first;
            // SAFETY: `left` has the rows of both tiles, at the depth of the panel.
            unsafe {
                let bytes = |first: usize| left.values.as_ptr().add(first * left.stride);
                tiles.start(panel.start);
                for (step, weights) in steps.iter().enumerate() {
                    prefetch(
                        weights.as_ptr().wrapping_add(panel.weights.len()),
                        ahead.clone(),
                    );
                    let bytes = |first| bytes(first).add(step * DEPTH);
                    tiles.add(bytes(first), second.map(bytes), left.stride, weights);
                    before.take(steps.len() - step, &mut out);
                }
                tiles.store(&mut block.sums, second.map(|second| second - first));
            }
            before.take(1, &mut out);
            swap(&mut block, &mut before);
        }
    }
    before.take(1, &mut out);
}

/// Of a step's weights the part that one of so many blocks asks for.
fn pairs_of_lines(block: usize, blocks: usize) -> Range<usize> {
    const PAIRS: usize = WIDTH * DEPTH / 128;
    block * PAIRS / blocks..(block + 1) * PAIRS / blocks
}

/// Lets the next panel, usually what follows, come from the last cache or from memory while this one
/// is multiplied. Lines come in pairs.
#[inline(always)]
fn prefetch(weights: *const i8, pairs: Range<usize>) {
    for pair in pairs {
        // SAFETY: a prefetch may be of any address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(weights.wrapping_add(128 * pair)) };
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Out, PackedI8, RowScales};
    use super::*;

    /// Every number of tiles that can be, and of rows in them.
    #[test]
    fn any_number_of_rows_has_the_sums_of_the_vector_kernel() {
        let Some(amx) = int8() else {
            return;
        };
        let ranges = Ranges {
            low: -127,
            high: 127,
            weight_max: 127,
        };
        let (n, k) = (70, 192);
        let weights: Vec<i8> = (0..n * k)
            .map(|i| (i as i32 * 7919 % 255 - 127) as i8)
            .collect();
        let bytes: Vec<u8> = (0..330 * k).map(|i| (i * 104_729 % 255) as u8).collect();
        let (scales, bias) = (vec![1.0; n], vec![0.0; n]);
        for rows in 1..330 {
            let [expected, found] = [avx512::vnni().unwrap(), amx].map(|kernel| {
                let packed = PackedI8::linear(kernel, ranges, &weights, &scales, &bias, k);
                let left = Left::dense(&bytes[..rows * k], k);
                let mut sums = vec![1.0; rows * n];
                packed.multiply(left, RowScales::All(1.0), Out::Added(&mut sums), n);
                sums
            });
            assert_eq!(found, expected, "{rows} rows");
        }
    }
}
