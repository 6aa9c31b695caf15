//! One training session: teacher, objective, judge, checkpoints, journal, narration. What act-distill
//! and act-quant train with.

pub mod objective;
mod options;

pub use options::{optimizer_options, train_options};
