//! How good answers are: from logits to classes, from classes to counts, from counts to a figure, and how
//! far to trust it.
//!
//! [`logits`] are a model's own words, [`Counts`] all that a [`Metric`] needs to know of the answers, a
//! [`Measure`] is a metric on the classes of one task, and [`Accuracy`] has its interval.

mod accuracy;
mod counts;
mod logits;
mod measure;
#[cfg(test)]
mod recorded;

pub use accuracy::Accuracy;
pub use counts::{ClassCounts, Counts};
pub use logits::{argmax, log_softmax, softmax};
pub use measure::{Measure, Metric};
