//! Hugging Face folders in and out: `config.json`, `model.safetensors` or shards of it, a tokenizer.
//!
//! [`import()`] reads encoders of the families in `family` with or without a classification head; [`export()`]
//! writes what `transformers` loads, and refuses a shape that its classes cannot hold. Nothing in a
//! folder is trusted: sizes are bounded before memory is taken, and every tensor is checked against
//! the plan by name and shape.

mod class;
mod config;
mod export;
mod family;
mod files;
mod import;
mod sentence;
mod shards;
mod tokenizer;
mod weights;

pub use export::{export, export_onnx};
pub use files::{has_weights, is_folder, is_part};
pub use import::import;
