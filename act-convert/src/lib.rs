//! Where artifacts begin: an encoder made from nothing ([`new`], [`init`]). Foreign formats, in and
//! out, are to live here too: this is the only crate that may parse foreign model bytes.

pub mod hf;
pub mod import;
pub mod init;
pub mod new;
