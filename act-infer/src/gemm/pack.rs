//! The right operand, packed: panels of as many columns as the kernel computes at once, in the
//! order in which its innermost loop reads them, zero-padded.
//!
//! A packed matrix remembers its kernel, so no kernel ever meets another's layout.

use std::ops::Range;

use super::epilogue::{Out, Strip};
use super::kernel::Kernel;
use super::operands::{Left, MAX_WIDTH, PanelF32, PanelI8, Ranges, RowScales, Scheme};
use crate::aligned::Aligned;

/// Packed float matrix `[k, n]` with what the sums start from.
pub struct PackedF32 {
    kernel: &'static dyn Kernel,
    n: usize,
    k: usize,
    weights: Aligned<f32>,
    start: Vec<f32>,
}

impl PackedF32 {
    /// An empty matrix, to be filled.
    pub fn new(kernel: &'static dyn Kernel) -> Self {
        Self {
            kernel,
            n: 0,
            k: 0,
            weights: Aligned::zeroed(0),
            start: Vec::new(),
        }
    }

    /// A linear layer's weight `[n, k]`, row-major, and bias `[n]`; `k` may be 0.
    pub fn linear(kernel: &'static dyn Kernel, weight: &[f32], bias: &[f32], k: usize) -> Self {
        let mut packed = Self::new(kernel);
        let rows = Left {
            values: weight,
            stride: k,
            rows: bias.len(),
        };
        packed.fill_transposed(rows, k);
        packed.start[..bias.len()].copy_from_slice(bias);
        packed
    }

    /// Refills with the transpose of `rows`, each of `k` numbers: one row becomes one column. The
    /// sums start from zero.
    pub fn fill_transposed(&mut self, rows: Left<'_, f32>, k: usize) {
        self.reshape(rows.rows, k);
        let width = self.kernel.width();
        for (p, panel) in self
            .weights
            .chunks_exact_mut((k * width).max(1))
            .enumerate()
        {
            let first = p * width;
            let columns = Left {
                values: &rows.values[first * rows.stride..],
                stride: rows.stride,
                rows: width.min(rows.rows - first),
            };
            self.kernel.transpose(columns, k, panel);
        }
    }

    /// Adds columns, up to a multiple of `multiple` (which divides every kernel's width), of which
    /// every sum is `start`, if the left operand is finite.
    pub fn pad_columns(&mut self, multiple: usize, start: f32) {
        self.start[self.n..].fill(start);
        self.n = self.n.next_multiple_of(multiple);
    }

    /// Refills with `rows` as they are, each of `n` numbers. The sums start from zero.
    pub fn fill(&mut self, rows: Left<'_, f32>, n: usize) {
        self.reshape(n, rows.rows);
        let width = self.kernel.width();
        let panel_len = (rows.rows * width).max(1);
        for (p, panel) in self.weights.chunks_exact_mut(panel_len).enumerate() {
            let first = p * width;
            let columns = width.min(n - first);
            for (k, step) in panel.chunks_exact_mut(width).enumerate() {
                let row = &rows.row(k, n)[first..][..columns];
                if columns == width {
                    // Sixteen at a time: `copy_from_slice` would call `memcpy` for so little.
                    let (lines, _) = step.as_chunks_mut::<16>();
                    for (line, from) in lines.iter_mut().zip(row.as_chunks().0) {
                        *line = *from;
                    }
                } else {
                    step[..columns].copy_from_slice(row);
                    step[columns..].fill(0.0);
                }
            }
        }
    }

    fn reshape(&mut self, n: usize, k: usize) {
        let columns = n.next_multiple_of(self.kernel.width());
        (self.n, self.k) = (n, k);
        self.weights.resize(columns * k);
        self.start.clear();
        self.start.resize(columns, 0.0);
    }

    /// Number of columns.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Number of panels.
    pub fn panels(&self) -> usize {
        self.start.len() / self.kernel.width()
    }

    /// The panels that these columns are in.
    pub fn covering(&self, columns: Range<usize>) -> Range<usize> {
        covering(columns, self.kernel.width())
    }

    /// The columns of some panels.
    pub fn columns(&self, panels: Range<usize>) -> Range<usize> {
        columns(panels, self.kernel.width(), self.n)
    }

    /// `start + left * self` into `out`, of which rows are `stride` apart.
    pub fn multiply(&self, left: Left<'_, f32>, out: Out<'_>, stride: usize) {
        self.multiply_panels(0..self.panels(), left, out, stride);
    }

    /// [`PackedF32::multiply`] for the columns of some panels; `out` begins with the first of them.
    pub fn multiply_panels(
        &self,
        panels: Range<usize>,
        left: Left<'_, f32>,
        out: Out<'_>,
        stride: usize,
    ) {
        let columns = self.columns(panels.clone());
        if left.rows == 0 || columns.is_empty() {
            return;
        }
        let width = self.kernel.width();
        let padded = panels.start * width..panels.end * width;
        let panels = PanelF32 {
            weights: &self.weights[padded.start * self.k..padded.end * self.k],
            start: &self.start[padded],
        };
        let strip = Strip {
            out,
            stride,
            columns: columns.len(),
        };
        self.kernel.f32_panels(left, panels, strip);
    }

    /// `left` times some rows of this matrix, of which the sums start from zero, into `out`.
    pub fn multiply_rows(
        &self,
        rows: Range<usize>,
        left: Left<'_, f32>,
        (mut out, stride): (Out<'_>, usize),
    ) {
        if rows == (0..self.k) {
            return self.multiply(left, out, stride);
        }
        let width = self.kernel.width();
        for panel in 0..self.panels() {
            let columns = self.columns(panel..panel + 1);
            let first = (panel * self.k + rows.start) * width;
            let panels = PanelF32 {
                weights: &self.weights[first..][..rows.len() * width],
                start: &[0.0; MAX_WIDTH][..width],
            };
            let strip = Strip {
                out: out.from(columns.start),
                stride,
                columns: columns.len(),
            };
            self.kernel.f32_panels(left, panels, strip);
        }
    }

    /// The same matrix for another kernel.
    pub fn repack(&self, kernel: &'static dyn Kernel) -> Self {
        let width = self.kernel.width();
        let mut weight = vec![0.0; self.n * self.k];
        for n in 0..self.n {
            let panel = &self.weights[n / width * width * self.k..];
            for k in 0..self.k {
                weight[n * self.k + k] = panel[k * width + n % width];
            }
        }
        Self::linear(kernel, &weight, &self.start[..self.n], self.k)
    }
}

/// Packed linear layer with integer weights.
pub struct PackedI8 {
    pub(super) kernel: &'static dyn Kernel,
    ranges: Ranges,
    scheme: Scheme,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) weights: Aligned<i8>,
    pub(super) start: Vec<i32>,
    pub(super) scales: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl PackedI8 {
    /// Weight `[n, k]`, row-major, with the scale of each row and the bias, both `[n]`. All weights
    /// and all left operands must keep to `ranges`, or the sums are not exact. What the weights add up to
    /// beyond that is looked at here.
    pub fn linear(
        kernel: &'static dyn Kernel,
        ranges: Ranges,
        weight: &[i8],
        scales: &[f32],
        bias: &[f32],
        k: usize,
    ) -> Self {
        let (n, width) = (bias.len(), kernel.width());
        let depth = k.next_multiple_of(kernel.depth());
        let columns = n.next_multiple_of(width);
        let group = kernel.group();
        let scheme = kernel.scheme(ranges, weight, k);
        let offset = scheme.offset(ranges);
        let mut weights = Aligned::zeroed(columns * depth);
        let mut start = vec![0i32; columns];
        for (row, values) in weight.chunks_exact(k.max(1)).enumerate() {
            let panel = &mut weights[row / width * width * depth..][..width * depth];
            debug_assert!(matches!(group, 1 | 4));
            match group {
                4 => scatter_row::<4>(values, panel, width, row % width),
                _ => scatter_row::<1>(values, panel, width, row % width),
            }
            let sum: i32 = values.iter().map(|&w| i32::from(w)).sum();
            start[row] = sum.wrapping_mul(-offset);
        }
        let padded = |values: &[f32]| {
            let mut values = values.to_vec();
            values.resize(columns, 0.0);
            values
        };
        Self {
            kernel,
            ranges,
            scheme,
            n,
            k,
            weights,
            start,
            scales: padded(scales),
            bias: padded(bias),
        }
    }

    /// Bytes of a row of the left operand: `k`, padded.
    pub fn depth(&self) -> usize {
        self.k.next_multiple_of(self.kernel.depth())
    }

    /// What is added to an integer of the left operand to give its byte.
    pub fn offset(&self) -> i32 {
        self.scheme.offset(self.ranges)
    }

    /// Number of panels.
    pub fn panels(&self) -> usize {
        self.start.len() / self.kernel.width()
    }

    /// The panels that these columns are in.
    pub fn covering(&self, columns: Range<usize>) -> Range<usize> {
        covering(columns, self.kernel.width())
    }

    /// The columns of some panels.
    pub fn columns(&self, panels: Range<usize>) -> Range<usize> {
        columns(panels, self.kernel.width(), self.n)
    }

    /// `left * self` in real numbers into `out`; rows of `left` are [`PackedI8::depth`] bytes, and
    /// rows of `out` are `stride` apart.
    pub fn multiply(
        &self,
        left: Left<'_, u8>,
        row_scales: RowScales<'_>,
        out: Out<'_>,
        stride: usize,
    ) {
        self.multiply_panels(0..self.panels(), left, row_scales, out, stride);
    }

    /// [`PackedI8::multiply`] for the columns of some panels; `out` begins with the first of them.
    pub fn multiply_panels(
        &self,
        panels: Range<usize>,
        left: Left<'_, u8>,
        row_scales: RowScales<'_>,
        out: Out<'_>,
        stride: usize,
    ) {
        let columns = self.columns(panels.clone());
        if left.rows == 0 || columns.is_empty() {
            return;
        }
        let (width, depth) = (self.kernel.width(), self.depth());
        let padded = panels.start * width..panels.end * width;
        let panels = PanelI8 {
            weights: &self.weights[padded.start * depth..padded.end * depth],
            start: &self.start[padded.clone()],
            scales: &self.scales[padded.clone()],
            bias: &self.bias[padded],
            scheme: self.scheme,
            row_scales,
        };
        let strip = Strip {
            out,
            stride,
            columns: columns.len(),
        };
        self.kernel.i8_panels(left, panels, strip);
    }

    /// The same layer for another kernel.
    pub fn repack(&self, kernel: &'static dyn Kernel) -> Self {
        let (width, group, depth) = (self.kernel.width(), self.kernel.group(), self.depth());
        let mut weight = vec![0; self.n * self.k];
        for n in 0..self.n {
            let panel = &self.weights[n / width * width * depth..];
            for k in 0..self.k {
                weight[n * self.k + k] = panel[at(k, n % width, width, group)];
            }
        }
        let (scales, bias) = (&self.scales[..self.n], &self.bias[..self.n]);
        Self::linear(kernel, self.ranges, &weight, scales, bias, self.k)
    }
}

fn columns(panels: Range<usize>, width: usize, n: usize) -> Range<usize> {
    (panels.start * width).min(n)..(panels.end * width).min(n)
}

/// Where a weight is in a panel.
pub(super) fn at(row: usize, column: usize, width: usize, group: usize) -> usize {
    (row / group * width + column) * group + row % group
}

fn covering(columns: Range<usize>, width: usize) -> Range<usize> {
    if columns.is_empty() {
        return 0..0;
    }
    columns.start / width..columns.end.div_ceil(width)
}

/// Puts a row of weights into column `column` of its panel, `GROUP` at a time: loading a model
/// spends most of its time here.
fn scatter_row<const GROUP: usize>(row: &[i8], panel: &mut [i8], width: usize, column: usize) {
    let (groups, rest) = row.as_chunks::<GROUP>();
    let mut steps = panel.chunks_exact_mut(width * GROUP);
    for (group, step) in groups.iter().zip(&mut steps) {
        step.as_chunks_mut().0[column] = *group;
    }
    if let (false, Some(step)) = (rest.is_empty(), steps.next()) {
        step[column * GROUP..][..rest.len()].copy_from_slice(rest);
    }
}
