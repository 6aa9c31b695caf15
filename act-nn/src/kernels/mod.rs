//! The arithmetic of the fused operations on plain `f32` slices, forward and backward.
//!
//! Nothing here knows burn or threads: every function runs on the calling thread and gives the
//! same bits for the same input, with or without AVX2, because sums are taken in a fixed order of
//! lanes. (Matrix products are `matrixmultiply`'s, whose bits depend on the machine's SIMD.)

pub(crate) mod attention;
pub(crate) mod exp;
pub(crate) mod gelu;
pub(crate) mod linear;
pub(crate) mod matrix;
pub(crate) mod norm;
pub(crate) mod quantize;
pub(crate) mod relations;
pub(crate) mod rotary;
pub(crate) mod simd;
pub(crate) mod sum;
pub(crate) mod update;
