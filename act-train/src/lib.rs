//! One training session: teacher, objective, judge, checkpoints, journal, narration. What act-distill
//! and act-quant train with.
//!
//! A finished model answers for a [`teacher`], [`objective`] says which losses act and where they
//! look, an [`ExampleSet`] is what is learned from, and a [`Session`] runs act-nn's loop: it keeps
//! [`checkpoint`]s, tells what happens, and stops where it is told to.

pub mod checkpoint;
pub mod objective;
pub mod record;
pub mod teacher;

mod args;
mod examples;
mod metrics;
mod narrator;
mod options;
mod score;
mod session;

pub use args::{CheckpointArgs, MetricsArgs, TeacherArgs, read_teacher};
pub use examples::ExampleSet;
pub use metrics::MetricsFile;
pub use options::{optimizer_options, train_options};
pub use score::Scored;
pub use session::Session;
pub use teacher::Teacher;
