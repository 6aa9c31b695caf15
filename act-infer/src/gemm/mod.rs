//! Matrix products against packed weights: the trait every kernel implements and their choice.
//!
//! A kernel multiplies all rows of a left operand by one *panel*, some columns of the packed right
//! operand. What a kernel must compute is fixed to the last bit, so that no answer depends on the
//! machine:
//! - f32: `out = fma(a[k-1], w[k-1], .. fma(a[0], w[0], start))`, one accumulator an output,
//!   rising `k`, every step rounded once;
//! - int8: the exact sum in 32 bits, then `sum as f32 * (row scale * column scale) + bias`, three
//!   separate roundings.
//!
//! Then the results go on as their [`Out`] says.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod epilogue;
mod generic;
mod pack;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod tile;
mod transpose;

pub use epilogue::{Out, Strip};
pub use pack::{PackedF32, PackedI8};

use crate::Kernels;
use crate::ops::Isa;
pub use crate::ops::quantize::Quantizer;

/// No panel is wider.
pub const MAX_WIDTH: usize = 32;

/// The left operand, row-major: `rows` rows that begin `stride` apart.
#[derive(Clone, Copy)]
pub struct Left<'a, T> {
    /// The numbers; the last row may end with the slice.
    pub values: &'a [T],
    /// From one row to the next.
    pub stride: usize,
    /// Number of rows.
    pub rows: usize,
}

impl<'a, T> Left<'a, T> {
    /// Dense rows of `columns` numbers.
    pub fn dense(values: &'a [T], columns: usize) -> Self {
        Self {
            values,
            stride: columns,
            rows: values.len() / columns.max(1),
        }
    }

    /// The first `k` numbers of a row.
    pub fn row(&self, row: usize, k: usize) -> &'a [T] {
        &self.values[row * self.stride..][..k]
    }

    /// Panics unless every row has `k` numbers.
    #[cfg(target_arch = "x86_64")]
    fn assert_holds(&self, k: usize) {
        let end = match self.rows {
            0 => Some(0),
            rows => (rows - 1)
                .checked_mul(self.stride)
                .and_then(|n| n.checked_add(k)),
        };
        assert!(
            end.is_some_and(|end| end <= self.values.len()),
            "left operand is too short"
        );
    }
}

/// A panel of float weights.
#[derive(Clone, Copy)]
pub struct PanelF32<'a> {
    /// `[k, width]`.
    weights: &'a [f32],
    /// What the sums start from, `[width]`.
    start: &'a [f32],
}

/// A panel of integer weights.
#[derive(Clone, Copy)]
pub struct PanelI8<'a> {
    /// `[k / group, width, group]`: for every column [`Kernel::group`] consecutive weights.
    weights: &'a [i8],
    /// What the sums start from, `[width]`: the correction for the shift of the left bytes.
    start: &'a [i32],
    /// Scale of each column's weights, `[width]`.
    scales: &'a [f32],
    /// Added at the end, `[width]`.
    bias: &'a [f32],
    /// How the left bytes are to be read.
    scheme: Scheme,
    /// Scales of the left operand's rows.
    row_scales: RowScales<'a>,
}

#[cfg(target_arch = "x86_64")]
impl PanelF32<'_> {
    /// Panics unless the panel has this width and `left` its depth: what the unchecked loads of
    /// the kernels rest on.
    fn assert_fits(&self, left: Left<'_, f32>, width: usize) {
        assert_eq!(self.start.len(), width);
        left.assert_holds(self.weights.len() / width);
    }
}

#[cfg(target_arch = "x86_64")]
impl PanelI8<'_> {
    /// Panics unless the panel has this width and `left` its depth: what the unchecked loads of
    /// the kernels rest on.
    fn assert_fits(&self, left: Left<'_, u8>, width: usize) {
        assert_eq!(self.start.len(), width);
        left.assert_holds(self.weights.len() / width);
    }
}

/// Scales of the left operand's rows.
#[derive(Clone, Copy)]
pub enum RowScales<'a> {
    /// One for all rows.
    All(f32),
    /// One each.
    Each(&'a [f32]),
}

impl RowScales<'_> {
    #[inline(always)]
    fn get(&self, row: usize) -> f32 {
        match self {
            RowScales::All(scale) => *scale,
            RowScales::Each(scales) => scales[row],
        }
    }
}

/// Range of the integers `a` and `w` of a product, from the model: exactness depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranges {
    /// Smallest `a`.
    pub low: i32,
    /// Largest `a`, at most 254 above the smallest: as many as a byte has about its middle.
    pub high: i32,
    /// Largest magnitude of `w`, at most 127.
    pub weight_max: i32,
}

impl Ranges {
    /// True if `terms` products of a shifted byte, `a - low`, and a weight fit 16 bits.
    #[cfg(target_arch = "x86_64")]
    fn fit_i16(&self, terms: i32) -> bool {
        terms * (self.high - self.low) * self.weight_max <= i32::from(i16::MAX)
    }
}

/// How the bytes of the left operand are to be read, and with it what a kernel may do in 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Signed bytes: `a` itself, less the middle of its range where it would not fit.
    Signed,
    /// Unsigned bytes: `a - low`. The sums start from `low * sum(w)`, which puts it right.
    Unsigned,
    /// As `Unsigned`; two products fit 16 bits.
    UnsignedPairs,
    /// As `Unsigned`; four products fit 16 bits.
    UnsignedQuads,
}

impl Scheme {
    /// What is added to `a` to give the byte.
    pub fn offset(self, ranges: Ranges) -> i32 {
        match self {
            Scheme::Signed if -127 <= ranges.low && ranges.high <= 127 => 0,
            Scheme::Signed => -(ranges.low + ranges.high) / 2,
            _ => -ranges.low,
        }
    }
}

/// The innermost loops for one kind of machine. A value of an implementing type exists only where
/// the machine has the instructions.
pub trait Kernel: Send + Sync {
    /// Name as reports show it.
    fn name(&self) -> &'static str;
    /// Instruction set for everything that is not a matrix product.
    fn isa(&self) -> Isa;
    /// Columns of a panel, a multiple of 16, at most [`MAX_WIDTH`].
    fn width(&self) -> usize;
    /// Consecutive integer weights of a column that lie side by side; divides 8.
    fn group(&self) -> usize;
    /// The fastest exact way to multiply bytes of these ranges.
    fn scheme(&self, ranges: Ranges) -> Scheme;
    /// `out = start + left * panel`, as the module says.
    fn f32_panel(&self, left: Left<'_, f32>, panel: PanelF32<'_>, out: Strip<'_>);
    /// `out = (start + left * panel) * scales + bias`, as the module says. The rows of `left` are
    /// as long as the panel, padding included; what the padding holds does not matter.
    fn i8_panel(&self, left: Left<'_, u8>, panel: PanelI8<'_>, out: Strip<'_>);
    /// Fills a panel of floats: `panel[i, c] = columns.row(c)[i]`, zero from `columns.rows` on.
    fn transpose(&self, columns: Left<'_, f32>, k: usize, panel: &mut [f32]) {
        transpose::portable(columns, k, self.width(), panel);
    }
}

/// The kernel for a choice; the generic one where the machine lacks what was asked for.
pub fn kernel(choice: Kernels) -> &'static dyn Kernel {
    #[cfg(target_arch = "x86_64")]
    {
        let found = match choice {
            Kernels::Auto => avx512::vnni().or_else(avx2::vnni).or_else(avx2::plain),
            Kernels::Generic => None,
            Kernels::Avx2 => avx2::plain(),
            Kernels::AvxVnni => avx2::vnni(),
            Kernels::Avx512Vnni => avx512::vnni(),
        };
        if let Some(kernel) = found {
            return kernel;
        }
    }
    let _ = choice;
    &generic::Generic
}
