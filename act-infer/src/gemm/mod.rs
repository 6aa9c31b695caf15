//! Matrix products against packed weights: the trait every kernel implements and their choice.
//!
//! A kernel multiplies all rows of a left operand by *panels*, each some columns of the packed right
//! operand. What a kernel must compute is fixed to the last bit, so that no answer depends on the
//! machine:
//! - f32: `out = fma(a[k-1], w[k-1], .. fma(a[0], w[0], start))`, one accumulator an output,
//!   rising `k`, every step rounded once;
//! - int8: the exact sum in 32 bits, then `sum as f32 * (row scale * column scale) + bias`, three
//!   separate roundings.
//!
//! Then the results go on as their [`Out`] says.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod choice;
mod epilogue;
mod generic;
mod kernel;
mod made;
mod operands;
mod pack;
mod panels;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod tile;
mod transpose;

pub use choice::{Kernels, kernel};
pub use epilogue::{Out, Strip};
pub use kernel::Kernel;
pub use made::MadeI8;
pub use operands::{COLUMN_BLOCK, Left, MAX_WIDTH, PanelF32, PanelI8, Ranges, RowScales, Scheme};
pub use pack::{PackedF32, PackedI8};
pub use panels::Panels;

pub use crate::ops::quantize::ToBytes;
