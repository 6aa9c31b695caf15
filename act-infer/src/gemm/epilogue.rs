//! What becomes of a product's results while they are still in registers or in the nearest cache.
//!
//! Every way gives the bits of the same steps taken one after the other over the whole result.

// Columns are numbers: the same loop over several arrays.
#![allow(clippy::needless_range_loop)]

use act_core::Activation;
use act_core::arithmetic::activation::{gelu, gelu_tanh, relu};

use super::operands::{PanelI8, RowScales};
use crate::ops::gelu_bytes::{Guess, gelu_bytes};
use crate::ops::quantize::{Limits, ToBytes, quantize};

/// Where results go and what happens to them on the way.
pub enum Out<'a> {
    /// Stored.
    Floats(&'a mut [f32]),
    /// Activated and stored.
    Activated(&'a mut [f32], Activation),
    /// Added to what is there.
    Added(&'a mut [f32]),
    /// Multiplied with what is there.
    Multiplied(&'a mut [f32]),
    /// Activated and stored as the bytes of an int8 layer's input.
    Bytes(&'a mut [u8], Activation, ToBytes<'a>),
}

impl Out<'_> {
    /// The same from column `first` on.
    pub(crate) fn from(&mut self, first: usize) -> Out<'_> {
        match self {
            Out::Floats(values) => Out::Floats(&mut values[first..]),
            Out::Activated(values, activation) => Out::Activated(&mut values[first..], *activation),
            Out::Added(values) => Out::Added(&mut values[first..]),
            Out::Multiplied(values) => Out::Multiplied(&mut values[first..]),
            Out::Bytes(bytes, activation, quantizer) => {
                Out::Bytes(&mut bytes[first..], *activation, quantizer.from(first))
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
        self.some(panel, 1, width)
    }

    /// Where those of so many panels go, from `first` on.
    pub(super) fn some(&mut self, first: usize, count: usize, width: usize) -> Strip<'_> {
        let first = first * width;
        Strip {
            out: self.out.from(first),
            stride: self.stride,
            columns: (count * width).min(self.columns - first),
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
            Out::Activated(values, Activation::GeluTanh) => {
                for r in 0..rows {
                    store(&map(results.row(r), gelu_tanh), &mut values[window(r)]);
                }
            }
            Out::Added(values) => {
                for r in 0..rows {
                    add(&results.row(r), &mut values[window(r)]);
                }
            }
            Out::Multiplied(values) => {
                for r in 0..rows {
                    multiply(&results.row(r), &mut values[window(r)]);
                }
            }
            Out::Bytes(bytes, activation, quantizer) => {
                let (inverses, limits) = (quantizer.inverses(columns), quantizer.limits());
                match (activation, Guess::new(&inverses, limits)) {
                    (Activation::Gelu, Some(guess)) => {
                        for r in 0..rows {
                            let row = results.row(r);
                            write(&mut bytes[window(r)], |bytes| {
                                gelu_bytes(&row, &guess, bytes)
                            });
                        }
                    }
                    (Activation::Gelu, None) => {
                        for r in 0..rows {
                            let row = map(results.row(r), gelu);
                            write(&mut bytes[window(r)], |bytes| {
                                to_bytes(&row, &inverses, &limits, bytes)
                            });
                        }
                    }
                    (Activation::Relu, _) => {
                        for r in 0..rows {
                            let row = map(results.row(r), relu);
                            write(&mut bytes[window(r)], |bytes| {
                                to_bytes(&row, &inverses, &limits, bytes)
                            });
                        }
                    }
                    (Activation::GeluTanh, _) => {
                        for r in 0..rows {
                            let row = map(results.row(r), gelu_tanh);
                            write(&mut bytes[window(r)], |bytes| {
                                to_bytes(&row, &inverses, &limits, bytes)
                            });
                        }
                    }
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
        let (scales, bias) = (&panel.scales[..W], &panel.bias[..W]);
        match panel.row_scales {
            RowScales::All(row_scale) => {
                let mut all = [0.0; W];
                for c in 0..W {
                    all[c] = row_scale * scales[c];
                }
                let scales = all;
                self.take(first, sums.len(), Sums { sums, bias, scales });
            }
            RowScales::Each(row_scales) => {
                let row_scales = &row_scales[first..first + sums.len()];
                let scales = RowByRow { scales, row_scales };
                self.take(first, sums.len(), Sums { sums, bias, scales });
            }
        }
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

struct Sums<'a, S, const W: usize> {
    sums: &'a [[i32; W]],
    bias: &'a [f32],
    scales: S,
}

/// A scale for every row beside those of the columns.
struct RowByRow<'a> {
    scales: &'a [f32],
    row_scales: &'a [f32],
}

/// What the sums of a row are multiplied by.
trait Scales<const W: usize> {
    fn row(&self, r: usize) -> [f32; W];
}

impl<const W: usize> Scales<W> for [f32; W] {
    #[inline(always)]
    fn row(&self, _: usize) -> [f32; W] {
        *self
    }
}

impl<const W: usize> Scales<W> for RowByRow<'_> {
    #[inline(always)]
    fn row(&self, r: usize) -> [f32; W] {
        let mut scales = [0.0; W];
        for c in 0..W {
            scales[c] = self.row_scales[r] * self.scales[c];
        }
        scales
    }
}

impl<S: Scales<W>, const W: usize> Results<W> for Sums<'_, S, W> {
    #[inline(always)]
    fn row(&self, r: usize) -> [f32; W] {
        let scales = self.scales.row(r);
        let mut results = [0f32; W];
        for c in 0..W {
            results[c] = self.sums[r][c] as f32 * scales[c] + self.bias[c];
        }
        results
    }
}

#[inline(always)]
fn to_bytes<const W: usize>(
    results: &[f32; W],
    inverses: &[f32; W],
    limits: &Limits,
    bytes: &mut [u8; W],
) {
    for c in 0..W {
        bytes[c] = quantize(results[c], inverses[c], limits);
    }
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

/// Multiplies with as many results as there are columns.
#[inline(always)]
fn multiply<const W: usize>(results: &[f32; W], out: &mut [f32]) {
    match <&mut [f32; W]>::try_from(&mut *out) {
        Ok(out) => {
            for c in 0..W {
                out[c] *= results[c];
            }
        }
        Err(_) => {
            for c in 0..out.len() {
                out[c] *= results[c];
            }
        }
    }
}

/// Lets `fill` write a row of bytes, of which as many count as there are columns. (It is called in one
/// place, or it would not be inlined.)
#[inline(always)]
fn write<const W: usize>(out: &mut [u8], fill: impl FnOnce(&mut [u8; W])) {
    let mut whole = [0; W];
    let full = out.len() == W;
    fill(<&mut [u8; W]>::try_from(&mut *out).unwrap_or(&mut whole));
    if !full {
        let columns = out.len();
        out.copy_from_slice(&whole[..columns]);
    }
}

/// Writes as many results as there are columns; the common full row without a call of `memcpy`.
#[inline(always)]
fn store<T: Copy, const W: usize>(results: &[T; W], out: &mut [T]) {
    match <&mut [T; W]>::try_from(&mut *out) {
        Ok(out) => *out = *results,
        Err(_) => {
            // Of a copy, so that in the other branch nothing need be in memory.
            let (results, columns) = (*results, out.len());
            out.copy_from_slice(&results[..columns]);
        }
    }
}
