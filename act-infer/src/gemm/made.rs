//! A right operand of integers that is made while the model runs: the keys or the values of one head
//! and sequence.

use super::epilogue::Out;
use super::kernel::Kernel;
use super::operands::{Left, Ranges, RowScales};
use super::pack::{PackedI8, at};
use crate::aligned::Aligned;
use crate::ops::Isa;
use crate::ops::attention_bytes::{column_scales, columns_to_words, rows_to_bytes};

/// Integers that are quantised and packed anew for every product.
pub struct MadeI8 {
    packed: PackedI8,
    /// Quantised rows before they are packed; reciprocals of scales.
    bytes: Aligned<u8>,
    scales: Vec<f32>,
    sums: Vec<i32>,
    words: Vec<u32>,
}

impl MadeI8 {
    /// None yet; left operands will keep to `low..=high`.
    pub fn new(kernel: &'static dyn Kernel, low: i32, high: i32) -> Self {
        let ranges = Ranges {
            low,
            high,
            weight_max: 127,
        };
        // Weights that leave a kernel no scheme but that for any.
        let packed = PackedI8::linear(kernel, ranges, &[127; 8], &[0.0], &[0.0], 8);
        Self {
            packed,
            bytes: Aligned::zeroed(0),
            scales: Vec::new(),
            sums: Vec::new(),
            words: Vec::new(),
        }
    }

    /// What is added to an integer of the left operand to give its byte.
    pub fn offset(&self) -> i32 {
        self.packed.offset()
    }

    /// Bytes of a row of the left operand.
    pub fn depth(&self) -> usize {
        self.packed.depth()
    }

    /// Makes each of `rows` of `k` numbers a column with a scale of its own, and adds columns of zeros up to
    /// a multiple of `multiple`, to which `beyond` is added; `bias` is empty or what is added to the others.
    pub fn fill_transposed(
        &mut self,
        isa: Isa,
        rows: Left<'_, f32>,
        k: usize,
        bias: &[f32],
        (multiple, beyond): (usize, f32),
    ) {
        let n = rows.rows;
        let columns = self.packed.reshape(n.next_multiple_of(multiple), k);
        let depth = self.packed.depth();
        self.bytes.resize(n * depth);
        self.sums.resize(n, 0);
        let scales = &mut self.packed.scales;
        let bytes = (&mut self.bytes[..], depth);
        rows_to_bytes(isa, rows.of(k), 0, bytes, &mut scales[..n], &mut self.sums);
        scales[n..].fill(0.0);
        let added = &mut self.packed.bias;
        added[..n].fill(0.0);
        added[..bias.len()].copy_from_slice(bias);
        added[n..].fill(beyond);
        let offset = self.packed.offset();
        for (start, sum) in self.packed.start.iter_mut().zip(&self.sums) {
            *start = -offset * sum;
        }
        self.packed.start[n..columns].fill(0);
        if k < depth {
            let rows = self.bytes.chunks_exact_mut(depth);
            rows.for_each(|row| row[k..].fill(0));
        }
        self.packed.set_columns(&self.bytes);
    }

    /// Makes these rows of `n` numbers, each column with a scale of its own that the rows for which
    /// `left_out` is not 0 do not count for.
    pub fn fill(&mut self, isa: Isa, rows: Left<'_, f32>, n: usize, left_out: &[f32]) {
        let columns = self.packed.reshape(n, rows.rows);
        let scales = &mut self.packed.scales;
        column_scales(isa, rows.of(n), left_out, &mut scales[..n]);
        self.scales.clear();
        self.scales
            .extend(scales[..n].iter().map(|scale| 1.0 / scale));
        scales[n..].fill(0.0);
        self.packed.bias.fill(0.0);
        self.sums.resize(columns, 0);
        let width = self.packed.width();
        for (panel, first) in (0..n).step_by(width).enumerate() {
            let here = width.min(n - first);
            let (inverses, sums) = (&self.scales[first..], &mut self.sums[first..]);
            let values = &rows.values[first..];
            let columns = Left { values, ..rows }.of(here);
            self.packed.write_words(panel, &mut self.words, |words| {
                columns_to_words(isa, columns, inverses, (words, width), sums);
            });
        }
        let offset = self.packed.offset();
        for (start, sum) in self.packed.start.iter_mut().zip(&self.sums) {
            *start = sum.wrapping_mul(-offset);
        }
    }

    /// `left * self` in real numbers into `out`, of which rows are `stride` apart.
    pub fn multiply(&self, left: Left<'_, u8>, scales: RowScales<'_>, out: Out<'_>, stride: usize) {
        self.packed.multiply(left, scales, out, stride);
    }
}

/// Making it.
impl PackedI8 {
    /// Makes room for another matrix, of which everything is still to be said, and tells how many columns it
    /// has with those that fill its last panel.
    fn reshape(&mut self, n: usize, k: usize) -> usize {
        (self.n, self.k) = (n, k);
        let columns = n.next_multiple_of(self.kernel.width());
        self.weights.resize(columns * self.depth());
        self.start.resize(columns, 0);
        self.scales.resize(columns, 0.0);
        self.bias.resize(columns, 0.0);
        columns
    }

    /// Columns of a panel.
    fn width(&self) -> usize {
        self.kernel.width()
    }

    /// Says all weights, column by column, [`PackedI8::depth`] bytes of each.
    fn set_columns(&mut self, bytes: &Aligned<u8>) {
        let (width, depth) = (self.kernel.width(), self.depth());
        let size = width * depth;
        for (p, panel) in self.weights.chunks_exact_mut(size).enumerate() {
            let bytes = &bytes[p * size..(p * size + size).min(bytes.len())];
            // SAFETY: any four bytes are a float, which is moved and not computed with, and any float
            // four bytes.
            let (words, to) = unsafe { (bytes.align_to::<f32>(), panel.align_to_mut::<f32>()) };
            if self.kernel.group() == 4 && words.0.is_empty() && to.0.is_empty() {
                let columns = Left::dense(words.1, depth / 4);
                self.kernel.transpose(columns, depth / 4, to.1);
                continue;
            }
            for (column, bytes) in bytes.chunks_exact(depth).enumerate() {
                for (row, byte) in bytes.iter().enumerate() {
                    panel[at(row, column, width, self.kernel.group())] = *byte as i8;
                }
            }
        }
    }

    /// Lets `write` say a panel's weights, `[depth / 4, width]` words of four rows; `spare` is memory for
    /// them where the kernel has them in another order.
    fn write_words(&mut self, panel: usize, spare: &mut Vec<u32>, write: impl FnOnce(&mut [u32])) {
        let width = self.kernel.width();
        let size = width * self.depth();
        let weights = &mut self.weights[panel * size..][..size];
        spare.resize(size / 4, 0);
        // SAFETY: every four bytes are a word, and every word four bytes.
        let (before, words, _) = unsafe { weights.align_to_mut::<u32>() };
        if self.kernel.group() == 4 && before.is_empty() {
            write(words);
            return;
        }
        write(spare);
        let group = self.kernel.group();
        for (i, word) in spare.iter().enumerate() {
            for (r, byte) in word.to_ne_bytes().into_iter().enumerate() {
                let (row, column) = (i / width * 4 + r, i % width);
                weights[at(row, column, width, group)] = byte as i8;
            }
        }
    }
}
