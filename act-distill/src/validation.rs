//! What the validation slice says of the models before and after training, and of the teacher.

use act_core::metrics::Accuracy;
use serde::Serialize;

/// Accuracies on the validation slice.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Validation {
    /// Of the model that went in.
    pub before: Accuracy,
    /// Of the model that came out.
    pub after: Accuracy,
    /// Of the teacher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<Accuracy>,
}

impl Validation {
    /// Of accuracies on `n` examples; `after` is a share of correct answers. None without examples.
    pub fn new(
        before: Option<Accuracy>,
        after: Option<f64>,
        teacher: Option<Accuracy>,
        n: usize,
    ) -> Option<Self> {
        let (before, after) = before.zip(after)?;
        Some(Self {
            before,
            after: Accuracy::new((after * n as f64).round() as usize, n),
            teacher,
        })
    }
}
