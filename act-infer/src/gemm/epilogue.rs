//! What becomes of a product's results while they are still in registers or in the nearest cache.
//!
//! Every way gives the bits of the same steps taken one after the other over the whole result.

// Columns are numbers: the same loop over several arrays.
#![allow(clippy::needless_range_loop)]

use act_core::Activation;

use super::operands::{PanelI8, RowScales};
use crate::ops::activation::{gelu, relu};
use crate::ops::quantize::{ToBytes, quantize};

/// Where results go and what happens to them on the way.
pub enum Out<'a> {
    /// Stored.
    Floats(&'a mut [f32]),
    /// Activated and stored.
    Activated(&'a mut [f32], Activation),
    /// Added to what is there.
    Added(&'a mut [f32]),
    /// Activated and stored as the bytes of an int8 layer's input.
    Bytes(&'a mut [u8], Activation, ToBytes),
}

impl Out<'_> {
    /// The same from column `first` on.
    pub(super) fn from(&mut self, first: usize) -> Out<'_> {
        match self {
            Out::Floats(values) => Out::Floats(&mut values[first..]),
            Out::Activated(values, activation) => Out::Activated(&mut values[first..], *activation),
            Out::Added(values) => Out::Added(&mut values[first..]),
            Out::Bytes(bytes, activation, quantizer) => {
                Out::Bytes(&mut bytes[first..], *activation, *quantizer)
            }
        }
    }
}

/// Where the results of one or more panels go: `columns` numbers of every row, rows `stride` apart.
pub struct Strip<'a> {
    /// From the first result on.
    pub out: Out<'a>,
    /// From one row to the next.
    pub stride: usize,
    /// Columns of the panels that exist, at most their width.
    pub columns: usize,
}

impl Strip<'_> {
    /// Where those of one of several panels go.
    pub(super) fn nth(&mut self, panel: usize, width: usize) -> Strip<'_> {
        let first = panel * width;
        Strip {
            out: self.out.from(first),
            stride: self.stride,
            columns: width.min(self.columns - first),
        }
    }

    /// Takes the results of `rows` rows from row `first` on.
    #[inline(always)]
    pub(super) fn take<const W: usize>(
        &mut self,
        first: usize,
        rows: usize,
        results: impl Results<W>,
    ) {
        let (stride, columns) = (self.stride, self.columns);
        let window = |r: usize| (first + r) * stride..(first + r) * stride + columns;
        // Every case has its own loop, so that its constants stay in registers.
        match &mut self.out {
            Out::Floats(values) => {
                for r in 0..rows {
                    store(&results.row(r), &mut values[window(r)]);
                }
            }
            Out::Activated(values, Activation::Gelu) => {
                for r in 0..rows {
                    store(&map(results.row(r), gelu), &mut values[window(r)]);
                }
            }
            Out::Activated(values, Activation::Relu) => {
                for r in 0..rows {
                    store(&map(results.row(r), relu), &mut values[window(r)]);
                }
            }
            Out::Added(values) => {
                for r in 0..rows {
                    add(&results.row(r), &mut values[window(r)]);
                }
            }
            Out::Bytes(bytes, Activation::Gelu, quantizer) => {
                let quantizer = *quantizer;
                for r in 0..rows {
                    let integers = to_bytes(map(results.row(r), gelu), &quantizer);
                    store(&integers, &mut bytes[window(r)]);
                }
            }
            Out::Bytes(bytes, Activation::Relu, quantizer) => {
                let quantizer = *quantizer;
                for r in 0..rows {
                    let integers = to_bytes(map(results.row(r), relu), &quantizer);
                    store(&integers, &mut bytes[window(r)]);
                }
            }
        }
    }

    /// Takes the sums of rows from row `first` on. How they become results is part of the contract.
    #[inline(always)]
    pub(super) fn take_sums<const W: usize>(
        &mut self,
        first: usize,
        sums: &[[i32; W]],
        panel: &PanelI8<'_>,
    ) {
        let sums = Sums {
            sums,
            scales: &panel.scales[..W],
            bias: &panel.bias[..W],
            row_scales: panel.row_scales,
            first,
        };
        self.take(first, sums.sums.len(), sums);
    }
}

/// Rows of results. A trait and not a closure, which is not always inlined, and then is compiled
/// for another instruction set.
pub(super) trait Results<const W: usize> {
    fn row(&self, r: usize) -> [f32; W];
}

impl<const W: usize> Results<W> for &[[f32; W]] {
    #[inline(always)]
    fn row(&self, r: usize) -> [f32; W] {
        self[r]
    }
}

struct Sums<'a, const W: usize> {
    sums: &'a [[i32; W]],
    scales: &'a [f32],
    bias: &'a [f32],
    row_scales: RowScales<'a>,
    first: usize,
}

impl<const W: usize> Results<W> for Sums<'_, W> {
    #[inline(always)]
    fn row(&self, r: usize) -> [f32; W] {
        let row_scale = self.row_scales.get(self.first + r);
        let mut results = [0f32; W];
        for c in 0..W {
            results[c] = self.sums[r][c] as f32 * (row_scale * self.scales[c]) + self.bias[c];
        }
        results
    }
}

#[inline(always)]
fn to_bytes<const W: usize>(results: [f32; W], quantizer: &ToBytes) -> [u8; W] {
    let mut bytes = [0; W];
    for c in 0..W {
        bytes[c] = quantize(results[c], quantizer);
    }
    bytes
}

/// A loop that vectorises, which `array::map` is not.
#[inline(always)]
fn map<const W: usize>(results: [f32; W], f: impl Fn(f32) -> f32) -> [f32; W] {
    let mut mapped = [0.0; W];
    for c in 0..W {
        mapped[c] = f(results[c]);
    }
    mapped
}

/// Adds as many results as there are columns.
#[inline(always)]
fn add<const W: usize>(results: &[f32; W], out: &mut [f32]) {
    match <&mut [f32; W]>::try_from(&mut *out) {
        Ok(out) => {
            for c in 0..W {
                out[c] += results[c];
            }
        }
        Err(_) => {
            for c in 0..out.len() {
                out[c] += results[c];
            }
        }
    }
}

/// Writes as many results as there are columns; the common full row without a call of `memcpy`.
#[inline(always)]
fn store<T: Copy, const W: usize>(results: &[T; W], out: &mut [T]) {
    match <&mut [T; W]>::try_from(&mut *out) {
        Ok(out) => *out = *results,
        Err(_) => {
            let columns = out.len();
            out.copy_from_slice(&results[..columns]);
        }
    }
}
