//! How good answers are: from logits to answers, from answers to counts, from counts to a figure, and how
//! far to trust it.
//!
//! [`logits`] are a model's own words, which its [`Problem`](crate::Problem) reads (`answers`, `sets`);
//! [`Counts`] all that most of the [`Metric`]s need to know of the answers, correlations and rankings
//! look at the scores themselves; a [`Measure`] is a metric on one task, and [`Accuracy`] has its interval.

mod accuracy;
mod answers;
mod correlation;
mod counts;
mod logits;
mod measure;
mod normal;
mod ranking;
#[cfg(test)]
mod recorded;
mod sets;

pub use accuracy::{Accuracy, Z_95, wilson};
pub use correlation::{pearson, spearman};
pub use counts::{ClassCounts, Counts};
pub use logits::{argmax, log_softmax, sigmoid, softmax};
pub use measure::{Measure, Metric};
pub use normal::normal_quantile;
pub use ranking::ranking_precision;
pub use sets::{decide, thresholds};
