//! Distillation as data for the training loop: from the section `Distillation` and a finished teacher
//! to an [`Objective`](crate::Objective), logits and inner values.
//!
//! [`objective`] says which losses act and where they look, [`teacher`] answers through act-infer,
//! [`features`] keeps what the losses compare inside it. Nothing here trains.

pub mod features;
mod forward;
mod labels;
pub mod objective;
pub mod teacher;

pub use forward::logits;
