//! Answers into the caller's arrays.

use act_infer::{Classification, Problem, ProblemKind};

/// What a model's answers are.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActProblem {
    /// One label a text.
    SingleLabel = 0,
    /// Any number of labels a text, or none.
    MultiLabel = 1,
    /// A score a text.
    Regression = 2,
}

impl From<ProblemKind> for ActProblem {
    fn from(kind: ProblemKind) -> Self {
        match kind {
            ProblemKind::SingleLabel => ActProblem::SingleLabel,
            ProblemKind::MultiLabel => ActProblem::MultiLabel,
            ProblemKind::Regression => ActProblem::Regression,
        }
    }
}

/// Arrays that a call fills, each the caller's own; null where it is not wanted.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ActAnswers {
    /// `[count]`: the most probable class of each; of a regression 0.
    pub classes: *mut usize,
    /// `[count, act_labels]`, row by row: 1 for every label that the text is given, of several those whose
    /// probability reaches their threshold, else 0; all 0 of a regression.
    pub given: *mut u8,
    /// `[count, act_labels]`, row by row: they add up to 1; of several labels each is one for itself; of a
    /// regression all 0.
    pub probabilities: *mut f32,
    /// `[count, act_labels]`, row by row: the class scores; of a regression the score.
    pub logits: *mut f32,
    /// `[count]`: tokens of each text before it was cut. More than `act_max_tokens`: it was cut, and this
    /// is the answer to what was left of it.
    pub tokens: *mut usize,
}

impl ActAnswers {
    /// Writes the answers.
    ///
    /// # Safety
    /// Each array is null or as long as its comment says, for as many answers, of `classes` classes.
    pub(crate) unsafe fn write(
        &self,
        answers: &[Classification],
        classes: usize,
        problem: &Problem,
    ) {
        for (i, answer) in answers.iter().enumerate() {
            let mut given = vec![0u8; classes];
            for &class in problem.answer(&answer.logits).classes() {
                given[class as usize] = 1;
            }
            let mut probabilities = answer.probabilities.clone();
            probabilities.resize(classes, 0.0);
            // SAFETY: `i` is less than the number of answers, so each place lies within its array by this
            // function's contract.
            unsafe {
                put(self.classes, i, &[answer.class]);
                put(self.tokens, i, &[answer.tokens]);
                put(self.given, i, &given);
                put(self.probabilities, i, &probabilities);
                put(self.logits, i, &answer.logits[..classes]);
            }
        }
    }
}

/// Writes row `i` of an array of rows as long as this one.
///
/// # Safety
/// `to` is null or has room for rows 0 to `i`.
unsafe fn put<T: Copy>(to: *mut T, i: usize, row: &[T]) {
    if !to.is_null() {
        // SAFETY: by the contract; `row` is memory of our own, so the two do not overlap.
        unsafe {
            to.add(i * row.len())
                .copy_from_nonoverlapping(row.as_ptr(), row.len());
        }
    }
}
