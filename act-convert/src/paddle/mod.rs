//! Paddle inference models: `.pdmodel` (the program, protobuf) or `.json` (Paddle 3's) and `.pdiparams`
//! (the numbers).
//!
//! The bytes are a stranger's. [`program`], [`pir`] and [`params`] read them under limits, [`walk`] finds the
//! encoder in the graph, and [`model`] puts the numbers where a plan has them.

pub mod folder;
pub mod model;
pub mod op;
pub mod params;
pub mod pir;
pub mod program;
pub mod proto;
mod read;
pub mod walk;

pub use folder::import;
pub use read::{Imported, read};
