//! Answers into the caller's arrays.

use act_infer::Classification;

/// Arrays that a call fills, each the caller's own; null where it is not wanted.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ActAnswers {
    /// `[count]`: the most probable class of each.
    pub classes: *mut usize,
    /// `[count, act_labels]`, row by row.
    pub probabilities: *mut f32,
    /// `[count, act_labels]`, row by row: the class scores.
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
    pub(crate) unsafe fn write(&self, answers: &[Classification], classes: usize) {
        for (i, answer) in answers.iter().enumerate() {
            // SAFETY: `i` is less than the number of answers, so each place lies within its array by this
            // function's contract.
            unsafe {
                put(self.classes, i, &[answer.class]);
                put(self.tokens, i, &[answer.tokens]);
                put(self.probabilities, i, &answer.probabilities[..classes]);
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
