//! Where artifacts begin: an encoder made from nothing ([`new`], [`init`]). Foreign formats, in and
//! out ([`export`], [`onnx`]), live here too: this is the only crate that may parse foreign model
//! bytes.

pub mod export;
pub mod init;
pub mod new;
pub mod onnx;
