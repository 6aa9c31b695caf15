//! Structured pruning: fewer attention heads and feed-forward neurons, physically removed.
//!
//! Score ([`importance`]), decide how many stay ([`ratio`], or [`budget`] with times of
//! [`latency`]), choose them ([`select`]), cut ([`shrink`]): each is a module of its own, and
//! [`Scored`] goes through them. Beside that, [`vocabulary`] removes rows of the embeddings,
//! and [`width`] whole layers and units of the residual stream. Nothing here reads dev or measures accuracy.

mod activations;
pub mod args;
mod block;
pub mod budget;
pub mod calibration;
mod cholesky;
pub mod cli;
mod compensate;
pub mod family;
pub mod importance;
pub mod latency;
mod matrix;
mod measure;
mod moments;
pub mod options;
pub mod outcome;
mod passes;
pub mod ratio;
mod rearrange;
pub mod record;
mod refit;
mod rescale;
mod scored;
pub mod select;
pub mod shrink;
pub mod size;
pub mod vocabulary;
pub mod width;

pub use act_nn::LayerScores;
pub use act_stage::config::Criterion;
pub use calibration::Calibration;
pub use measure::Measure;
pub use options::{Goal, Options};
pub use outcome::{Origin, Pruned};
pub use ratio::Ratio;
pub use scored::{Scored, prune};
pub use select::Kept;
