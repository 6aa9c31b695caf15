//! The artifact: the one value that flows between the stages, and its file format `.act`.
//!
//! `docs/format.md` is the normative description of the bytes. Nothing here trusts a file: what
//! leaves [`Artifact::read`] or [`Artifact::open`] has passed every check of that document, and
//! [`Artifact::write`] makes the same checks, so that it cannot write what nobody may read.

mod byte_stream;
mod directory;
mod header;
mod layout;
pub mod limits;
mod load;
mod model;
mod rules;
mod sections;
mod store;
mod support;
mod values;
mod wire;

pub use directory::TensorEntry;
pub use header::{Header, inspect};
pub use model::Artifact;
