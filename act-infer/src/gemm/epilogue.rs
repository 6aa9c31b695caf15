//! What becomes of a product's results while they are still in registers or in the nearest cache.
//!
//! Every way gives the bits of the same steps taken one after the other over the whole result.

use act_core::Activation;

use super::PanelI8;
use crate::ops::activation::{gelu, relu};
use crate::ops::quantize::{Quantizer, quantize};

/// Where results go and what happens to them on the way.
pub enum Out<'a> {
    /// Stored.
    Floats(&'a mut [f32]),
    /// Activated and stored.
    Activated(&'a mut [f32], Activation),
    /// Added to what is there.
    Added(&'a mut [f32]),
    /// Activated and stored as the bytes of an int8 layer's input.
    Bytes(&'a mut [u8], Activation, Quantizer),
}

impl Out<'_> {
    /// The same from column `first` on.
    pub(super) fn from(&mut self, first: usize) -> Out<'_> {
        match self {
            Out::Floats(values) => Out::Floats(&mut values[first..]),
            Out::Activated(values, activation) => {
                Out::Activated(&mut values[first..], *activation)
            }
            Out::Added(values) => Out::Added(&mut values[first..]),
            Out::Bytes(bytes, activation, quantizer) => {
                Out::Bytes(&mut bytes[first..], *activation, *quantizer)
            }
        }
    }
}

/// Where a panel's results go: `columns` numbers of every row, rows `stride` apart.
pub struct Strip<'a> {
    /// From the first result on.
    pub out: Out<'a>,
    /// From one row to the next.
    pub stride: usize,
    /// Columns of the panel that exist, at most its width.
    pub columns: usize,
}

impl Strip<'_> {
    /// Takes the results of a row.
    #[inline(always)]
    pub(super) fn take<const W: usize>(&mut self, row: usize, mut results: [f32; W]) {
        let window = row * self.stride..row * self.stride + self.columns;
        match &mut self.out {
            Out::Floats(values) => store(&results, &mut values[window]),
            Out::Activated(values, activation) => {
                activate(*activation, &mut results);
                store(&results, &mut values[window]);
            }
            Out::Added(values) => {
                let values = &mut values[window];
                match <&mut [f32; W]>::try_from(&mut *values) {
                    Ok(values) => (0..W).for_each(|c| values[c] += results[c]),
                    Err(_) => values.iter_mut().zip(results).for_each(|(v, r)| *v += r),
                }
            }
            Out::Bytes(bytes, activation, quantizer) => {
                activate(*activation, &mut results);
                store(&results.map(|x| quantize(x, quantizer)), &mut bytes[window]);
            }
        }
    }

    /// Takes the sums of a row. How they become results is part of the contract.
    #[inline(always)]
    pub(super) fn take_sums<const W: usize>(
        &mut self,
        row: usize,
        sums: &[i32; W],
        panel: &PanelI8<'_>,
    ) {
        let (scales, bias) = (&panel.scales[..W], &panel.bias[..W]);
        let row_scale = panel.row_scales.get(row);
        let mut results = [0f32; W];
        for c in 0..W {
            results[c] = sums[c] as f32 * (row_scale * scales[c]) + bias[c];
        }
        self.take(row, results);
    }
}

#[inline(always)]
fn activate<const W: usize>(activation: Activation, results: &mut [f32; W]) {
    match activation {
        Activation::Gelu => (0..W).for_each(|c| results[c] = gelu(results[c])),
        Activation::Relu => (0..W).for_each(|c| results[c] = relu(results[c])),
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
