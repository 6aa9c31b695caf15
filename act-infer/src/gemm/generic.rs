//! The portable kernel: plain Rust, always there, the reference for all others.
//!
//! `f32::mul_add` rounds once on every machine; where the processor has no such instruction it is
//! slow, and still right.

use super::epilogue::Strip;
use super::kernel::Kernel;
use super::operands::{Left, PanelF32, PanelI8, Ranges, Scheme};
use crate::ops::Isa;

const WIDTH: usize = 16;

/// The portable kernel.
pub struct Generic;

impl Kernel for Generic {
    fn name(&self) -> &'static str {
        "generic"
    }

    fn isa(&self) -> Isa {
        Isa::PORTABLE
    }

    fn width(&self) -> usize {
        WIDTH
    }

    fn group(&self) -> usize {
        1
    }

    fn scheme(&self, _ranges: Ranges, _weight: &[i8], _k: usize) -> Scheme {
        Scheme::Signed
    }

    fn f32_panels(&self, left: Left<'_, f32>, panels: PanelF32<'_>, mut out: Strip<'_>) {
        for p in 0..panels.count(WIDTH) {
            f32_panel(left, panels.nth(p, WIDTH), out.nth(p, WIDTH));
        }
    }

    fn i8_panels(&self, left: Left<'_, u8>, panels: PanelI8<'_>, mut out: Strip<'_>) {
        debug_assert_eq!(panels.scheme, Scheme::Signed);
        for p in 0..panels.count(WIDTH) {
            i8_panel(left, panels.nth(p, WIDTH), out.nth(p, WIDTH));
        }
    }
}

fn f32_panel(left: Left<'_, f32>, panel: PanelF32<'_>, mut out: Strip<'_>) {
    let (weights, _) = panel.weights.as_chunks::<WIDTH>();
    for row in 0..left.rows {
        let mut sums = [0f32; WIDTH];
        sums.copy_from_slice(panel.start);
        for (&a, w) in left.row(row, weights.len()).iter().zip(weights) {
            for c in 0..WIDTH {
                sums[c] = a.mul_add(w[c], sums[c]);
            }
        }
        out.take(row, 1, &[sums][..]);
    }
}

fn i8_panel(left: Left<'_, u8>, panel: PanelI8<'_>, mut out: Strip<'_>) {
    let (steps, _) = panel.weights.as_chunks::<{ 2 * WIDTH }>();
    for row in 0..left.rows {
        let mut sums = [0i32; WIDTH];
        sums.copy_from_slice(panel.start);
        let (pairs, _) = left.row(row, 2 * steps.len()).as_chunks::<2>();
        for (pair, w) in pairs.iter().zip(steps) {
            let a = pair.map(|byte| i16::from(byte as i8));
            for c in 0..WIDTH {
                // At most 2 * 127 * 127 = 32258: it fits 16 bits.
                let products = a[0] * i16::from(w[c]) + a[1] * i16::from(w[WIDTH + c]);
                sums[c] = sums[c].wrapping_add(i32::from(products));
            }
        }
        out.take_sums(row, &[sums], &panel);
    }
}
