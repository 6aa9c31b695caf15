//! Where artifacts begin: an encoder made from nothing ([`new`], [`init`]), or somebody else's
//! ([`import`()]). This is the only crate that may parse foreign model bytes.

pub mod archive;
pub mod import;
pub mod init;
pub mod new;
pub mod paddle;

pub use import::{ImportOptions, import};
