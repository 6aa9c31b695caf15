//! Text to examples to batches: readers for CLUE, GLUE and own data, the sample corpora, and the
//! programs that fetch and check data.
//!
//! A [`Task`] says which fields of a row are the text, the pair and the label; [`Dataset::open`]
//! finds a split's file and reads it row by row ([`Rows`]). Nothing here knows a model: what training and
//! evaluation need beyond examples is [`Dataset::encode`], [`sorted_batches`] and
//! [`Dataset::slice_validation`].

mod batches;
pub mod check;
mod columns;
mod coverage;
mod csl;
mod dataset;
pub mod describe;
mod description;
#[cfg(feature = "fetch")]
pub mod fetch;
mod folder;
mod glue;
mod holdout;
mod judges;
mod labels;
mod lengths;
mod open;
mod read;
pub mod sample;
mod split;
mod split_from_train;
mod staging;
mod task;
mod texts;
pub mod vocab;
mod wsc;

use act_core::target;

pub use act_core::{ProblemKind, Target};
pub use batches::sorted_batches;
pub use check::Check;
pub use columns::Columns;
pub use coverage::Coverage;
pub use dataset::{Dataset, Encoded, Example};
pub use description::{DESCRIPTION, Description, FileFormat, FileSpec, Files, HoldOut, Style};
pub use holdout::Holdout;
pub use lengths::Lengths;
pub use open::described_rows;
pub use read::{Record, Rows, Shape, header, one_value};
pub use split::Split;
pub use task::Task;
pub use vocab::vocabulary;

/// Fewer training examples than this say too little about ranges and about trials to quantise by.
pub const MIN_TO_QUANTISE: usize = 32;
