//! Paddle inference models: `.pdmodel` (the program, protobuf) and `.pdiparams` (the numbers).
//!
//! The bytes are a stranger's. [`program`] and [`params`] read them under limits, [`walk`] finds the
//! encoder in the graph, and [`model`] puts the numbers where a plan has them.

pub mod folder;
pub mod model;
pub mod op;
pub mod params;
pub mod program;
pub mod proto;
mod read;
pub mod walk;

pub use folder::import;
pub use read::{Imported, read};
