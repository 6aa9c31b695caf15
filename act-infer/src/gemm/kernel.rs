//! The trait that every kernel implements.

use super::epilogue::Strip;
use super::operands::{Left, PanelF32, PanelI8, Ranges, Scheme};
use super::transpose;
use crate::ops::Isa;

/// The innermost loops for one kind of machine. A value of an implementing type exists only where
/// the machine has the instructions.
pub trait Kernel: Send + Sync {
    /// Name as reports show it.
    fn name(&self) -> &'static str;
    /// Instruction set for everything that is not a matrix product.
    fn isa(&self) -> Isa;
    /// Columns of a panel, a multiple of 16, at most [`MAX_WIDTH`](super::MAX_WIDTH).
    fn width(&self) -> usize;
    /// Consecutive integer weights of a column that lie side by side; divides [`Kernel::depth`].
    fn group(&self) -> usize;
    /// Columns of integer weights, and rows of bytes, are padded to a multiple of this: what the kernel takes
    /// in one step.
    fn depth(&self) -> usize {
        8
    }
    /// The fastest exact way to multiply bytes of these ranges by these weights, `[n, k]`.
    fn scheme(&self, ranges: Ranges, weight: &[i8], k: usize) -> Scheme;
    /// `out = start + left * panels`, as [the module](super) says; the panels lie one behind the other.
    fn f32_panels(&self, left: Left<'_, f32>, panels: PanelF32<'_>, out: Strip<'_>);
    /// `out = (start + left * panels) * scales + bias`, as [the module](super) says. The rows of `left` are
    /// as long as a panel, padding included; what the padding holds does not matter.
    fn i8_panels(&self, left: Left<'_, u8>, panels: PanelI8<'_>, out: Strip<'_>);
    /// The kernel that multiplies small matrices, made for one product, where that is another one.
    fn small(&self) -> Option<&'static dyn Kernel> {
        None
    }
    /// Fills a panel of floats: `panel[i, c] = columns.row(c)[i]`, zero from `columns.rows` on.
    fn transpose(&self, columns: Left<'_, f32>, k: usize, panel: &mut [f32]) {
        transpose::portable(columns, k, self.width(), panel);
    }
}
