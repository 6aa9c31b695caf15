//! What products are made of: operands, panels, ranges.

use crate::ops::attention_bytes::Rows;

/// No panel is wider.
pub const MAX_WIDTH: usize = 32;

/// Widths of a linear layer that are multiples of this waste nothing on any machine: the kernels
/// compute so many columns at once, or a divisor of it. Between two multiples a layer costs about
/// as much as the larger.
pub const COLUMN_BLOCK: usize = MAX_WIDTH;

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

impl<'a> Left<'a, f32> {
    /// So many columns of it, as what stands between products takes them.
    pub(crate) fn of(&self, columns: usize) -> Rows<'a> {
        Rows {
            values: self.values,
            stride: self.stride,
            rows: self.rows,
            columns,
        }
    }
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

    /// So many rows, from `first` on.
    pub fn some(&self, first: usize, rows: usize) -> Self {
        Self {
            values: &self.values[first * self.stride..],
            rows,
            ..*self
        }
    }

    /// The first `k` numbers of a row.
    pub fn row(&self, row: usize, k: usize) -> &'a [T] {
        &self.values[row * self.stride..][..k]
    }

    /// Panics unless every row has `k` numbers.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn assert_holds(&self, k: usize) {
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

/// A panel of float weights, or several one behind the other.
#[derive(Clone, Copy)]
pub struct PanelF32<'a> {
    /// `[k, width]`.
    pub(super) weights: &'a [f32],
    /// What the sums start from, `[width]`.
    pub(super) start: &'a [f32],
}

/// A panel of integer weights, or several one behind the other.
#[derive(Clone, Copy)]
pub struct PanelI8<'a> {
    /// `[k / group, width, group]`: for every column [`Kernel::group`](super::Kernel::group) consecutive weights.
    pub(super) weights: &'a [i8],
    /// What the sums start from, `[width]`: the correction for the shift of the left bytes.
    pub(super) start: &'a [i32],
    /// Scale of each column's weights, `[width]`.
    pub(super) scales: &'a [f32],
    /// Added at the end, `[width]`.
    pub(super) bias: &'a [f32],
    /// How the left bytes are to be read.
    pub(super) scheme: Scheme,
    /// Scales of the left operand's rows.
    pub(super) row_scales: RowScales<'a>,
}

/// What the panels of both kinds have.
macro_rules! panels {
    ($panels:ident, $number:ty, [$($columns:ident)*] [$($same:ident)*]) => {
        impl<'a> $panels<'a> {
            /// How many panels of this width they are.
            pub(super) fn count(&self, width: usize) -> usize {
                self.start.len() / width
            }

            /// One of them.
            pub(super) fn nth(&self, panel: usize, width: usize) -> $panels<'a> {
                self.some(panel, 1, width)
            }

            /// So many of them, from `first` on.
            pub(super) fn some(&self, first: usize, count: usize, width: usize) -> $panels<'a> {
                let size = self.weights.len() / self.start.len() * width;
                $panels {
                    weights: &self.weights[first * size..][..count * size],
                    $($columns: &self.$columns[first * width..][..count * width],)*
                    $($same: self.$same,)*
                }
            }

            /// Panics unless they have so many columns and `left` their depth: what the unchecked
            /// loads of the kernels rest on.
            #[cfg(target_arch = "x86_64")]
            pub(super) fn assert_fits(&self, left: Left<'_, $number>, columns: usize) {
                assert_eq!(self.start.len(), columns);
                left.assert_holds(self.weights.len() / columns);
            }
        }
    };
}

panels!(PanelF32, f32, [start] []);
panels!(PanelI8, u8, [start scales bias] [scheme row_scales]);

/// Scales of the left operand's rows.
#[derive(Clone, Copy)]
pub enum RowScales<'a> {
    /// One for all rows.
    All(f32),
    /// One each.
    Each(&'a [f32]),
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
    /// True if in every row of `weight`, `[n, k]`, the products of a group of so many weights with
    /// shifted bytes, `a - low`, add up to what fits 16 bits.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn fit_i16(&self, terms: u8, weight: &[i8], k: usize) -> bool {
        let limit = act_core::quant::GroupLimit::of_16_bits(terms, self.high - self.low);
        weight.chunks(k.max(1)).all(|row| limit.holds(row))
    }
}

/// How the bytes of the left operand are to be read, and with it what a kernel may do in 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Signed bytes: `a` itself, less the middle of its range where it would not fit.
    Signed,
    /// Unsigned bytes: `a - low`. The sums start from `low * sum(w)`, which puts it right.
    Unsigned,
    /// As `Unsigned`; the products of every group of two weights
    /// ([`GroupLimit`](act_core::quant::GroupLimit)) fit 16 bits.
    UnsignedPairs,
    /// As `Unsigned`; the products of every group of four weights fit 16 bits.
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
