//! The arithmetic that the engine and the training forward pass have in common, so that a model which is
//! trained to be rounded meets in training the very numbers that it will be served with.
//!
//! A value that lies between two integers is rounded to one or the other by its last bit. Two
//! implementations that differ there would now and then differ by a whole step. So there is one definition of
//! everything that stands between two matrix products: plain Rust of correctly rounded operations in a
//! fixed order, without fused multiply-add, inlined into loops that their callers compile for each
//! instruction set.

pub mod activation;
pub mod elementary;
pub mod lanes;
pub mod relative;
pub mod rotary;
