//! A right operand that needs no packing, because the product before wrote it as panels.

use std::ops::Range;

use super::epilogue::{Out, Strip};
use super::kernel::Kernel;
use super::operands::{Left, MAX_WIDTH, PanelF32};
use crate::aligned::Aligned;

/// Floats that one product writes so that another reads them as its packed right operand:
/// `[panels, rows, width]`, zeros to start from.
pub struct Panels {
    kernel: &'static dyn Kernel,
    rows: usize,
    values: Aligned<f32>,
}

impl Panels {
    /// None yet.
    pub fn new(kernel: &'static dyn Kernel) -> Self {
        Self {
            kernel,
            rows: 0,
            values: Aligned::zeroed(0),
        }
    }

    /// True if heads of so many columns begin and end with panels.
    pub fn fit(&self, head_dim: usize) -> bool {
        head_dim.is_multiple_of(self.kernel.width())
    }

    /// Makes room for so many rows and columns, a whole number of panels, and gives the panels to be
    /// written, rows of each [`Kernel::width`] apart.
    pub fn reshape(&mut self, rows: usize, columns: usize) -> impl Iterator<Item = &mut [f32]> {
        self.rows = rows;
        self.values.resize(rows * columns);
        let panel = (rows * self.kernel.width()).max(1);
        self.values.chunks_exact_mut(panel)
    }

    /// `left` times some rows of these columns, whole panels, into `out`, of which rows are `stride`
    /// apart.
    pub fn multiply(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        left: Left<'_, f32>,
        (mut out, stride): (Out<'_>, usize),
    ) {
        let width = self.kernel.width();
        for (i, panel) in (columns.start / width..columns.end / width).enumerate() {
            let first = (panel * self.rows + rows.start) * width;
            let panels = PanelF32 {
                weights: &self.values[first..][..rows.len() * width],
                start: &[0.0; MAX_WIDTH][..width],
            };
            let strip = Strip {
                out: out.from(i * width),
                stride,
                columns: width,
            };
            self.kernel.f32_panels(left, panels, strip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::{Kernels, PackedF32, kernel};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn rows_of_panels_are_the_packed_matrix_of_these_rows(
            (before, rows, behind) in (0usize..40, 1usize..140, 0usize..40),
            heads in 1usize..4,
            queries in 1usize..30,
            seed in 0u32..1000,
        ) {
            let number = |i: usize| ((i as u32).wrapping_mul(2_654_435_761) ^ seed) as f32 / 4e9 - 0.5;
            for kernel in Kernels::available().into_iter().map(kernel) {
                let (head_dim, all) = (64, before + rows + behind);
                prop_assume!(head_dim % kernel.width() == 0);
                let columns = heads * head_dim;
                let mut panels = Panels::new(kernel);
                for (p, panel) in panels.reshape(all, columns).enumerate() {
                    for (i, value) in panel.iter_mut().enumerate() {
                        let (row, column) = (i / kernel.width(), i % kernel.width());
                        *value = number(row * columns + p * kernel.width() + column);
                    }
                }
                let left: Vec<f32> = (0..queries * rows).map(|i| number(i * 7 + 3)).collect();
                let left = Left::dense(&left, rows);
                let head = (heads - 1) * head_dim..heads * head_dim;
                let mut found = vec![9.0; queries * (head_dim + 3)];
                let out = (Out::Floats(&mut found), head_dim + 3);
                panels.multiply(before..before + rows, head.clone(), left, out);

                let values: Vec<f32> = (0..all * columns).map(number).collect();
                let mut packed = PackedF32::new(kernel);
                let values = &values[before * columns + head.start..];
                let right = Left { values, stride: columns, rows };
                packed.fill(right, head_dim);
                let mut expected = vec![9.0; queries * (head_dim + 3)];
                packed.multiply(left, Out::Floats(&mut expected), head_dim + 3);
                prop_assert_eq!(found, expected, "{}", kernel.name());
            }
        }
    }
}
