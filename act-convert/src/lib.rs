//! Where artifacts begin and end: an encoder made from nothing ([`new`], [`init`]), somebody else's
//! ([`import`()]), and models for other systems ([`export`]). This is the only crate that may parse
//! foreign model bytes.

pub mod archive;
pub mod cli;
pub mod export;
mod file;
mod foreign;
pub mod hf;
pub mod import;
pub mod init;
mod labels;
pub mod new;
pub mod onnx;
mod options;
pub mod paddle;
pub mod tokenizer;

pub use import::import;
pub use options::{DataTask, ImportOptions};
