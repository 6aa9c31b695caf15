//! Quantisation-aware training on tiny models and coarse grids, where rounding hurts.

mod library;
mod program;
mod resume;
mod toy;
