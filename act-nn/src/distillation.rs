//! What a finished teacher knows, as data for the training loop: logits and inner values.
//!
//! [`teacher`] answers through act-infer, [`features`] keeps what the losses compare inside it. Nothing
//! here trains.

pub mod features;
mod forward;
mod labels;
pub mod teacher;

pub use forward::logits;
