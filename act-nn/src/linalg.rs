//! Least squares whose bits are the same on every machine and with any number of threads: second
//! moments of rows ([`Gram`]) and Cholesky factors ([`cholesky`]).
//!
//! What an integer weight becomes hangs on which side of a half a sum falls, so that these sums have
//! one order and no fused multiply-adds. (`ndarray`'s products are faster and differ from one
//! processor to the next; act-prune, whose choices do not hang on last bits, uses them.)

mod cholesky;
mod gram;
mod product;
mod threads;

pub use cholesky::cholesky;
pub use gram::Gram;
pub use product::{Rows, add_product, add_scaled};
pub use threads::share;
