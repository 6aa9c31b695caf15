//! Text to examples to batches: readers for CLUE, GLUE and own data, the sample corpora, and the
//! programs that fetch and check data.
//!
//! A [`Task`] says which fields of a line are the text, the pair and the label; [`Dataset::open`]
//! finds a split's file and reads it line by line. Nothing here knows a model: what training and
//! evaluation need beyond examples is [`Dataset::encode`], [`sorted_batches`] and
//! [`Dataset::slice_validation`].

mod batches;
pub mod check;
mod coverage;
mod csl;
mod dataset;
mod description;
#[cfg(feature = "fetch")]
pub mod fetch;
mod folder;
mod holdout;
mod labels;
mod lengths;
mod lines;
mod quoted;
mod record;
mod rows;
pub mod sample;
mod split;
mod staging;
mod task;
mod texts;
pub mod vocab;
mod wsc;

pub use batches::sorted_batches;
pub use check::Check;
pub use coverage::Coverage;
pub use dataset::{Dataset, Encoded, Example};
pub use description::{Description, FileFormat};
pub use holdout::Holdout;
pub use lengths::Lengths;
pub use record::Record;
pub use rows::{header, one_value};
pub use split::Split;
pub use task::{Columns, Task};
pub use vocab::vocabulary;

/// Fewer training examples than this say too little about ranges and about trials to quantise by.
pub const MIN_TO_QUANTISE: usize = 32;
