//! Examples to train on or to measure on, as the caller has them.

use act_core::metrics::Measure;
use act_core::{Encoding, Result, Target};

/// Examples to train on or to measure on.
#[derive(Clone, Copy)]
pub struct Examples<'a> {
    /// Token ids.
    pub encodings: &'a [Encoding],
    /// The right answers, one an encoding, all of the model's kind.
    pub labels: &'a [Target],
    /// The teacher's logits, one row an encoding.
    pub teacher_logits: Option<&'a [Vec<f32>]>,
    /// The teacher's inner values, where the objective compares some.
    pub teacher: Option<&'a dyn TeacherFeatures>,
}

/// Examples that are not trained on, and what of the answers to them is to be large.
#[derive(Clone)]
pub struct Validation<'a> {
    /// The examples.
    pub examples: Examples<'a>,
    /// The score of the answers.
    pub measure: Measure,
}

/// A teacher's inner values for the training examples.
pub trait TeacherFeatures: Sync {
    /// For each of [`crate::Objective::comparisons`], in order, the values at the teacher's site of
    /// the examples with these indices, one after the other, row by row. Equal for equal examples,
    /// whatever others they come with.
    fn values(&self, examples: &[usize]) -> Result<Vec<Vec<f32>>>;
}
