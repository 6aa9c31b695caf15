//! Hugging Face folders in and out: `config.json`, `model.safetensors`, a WordPiece vocabulary.
//!
//! [`import()`] reads BERT and ERNIE encoders with or without a classification head; [`export()`]
//! writes what `transformers` loads, and refuses a shape that its classes cannot hold. Nothing in a
//! folder is trusted: sizes are bounded before memory is taken, and every tensor is checked against
//! the plan by name and shape.

mod config;
mod export;
mod import;
mod weights;

pub use export::export;
pub use import::import;

/// True for a folder that describes its model as `transformers` does.
pub fn is_folder(dir: &std::path::Path) -> bool {
    dir.join(CONFIG).is_file()
}

/// Name of the architecture's description in a folder.
const CONFIG: &str = "config.json";
/// Name of the tensors' file.
const WEIGHTS: &str = "model.safetensors";
