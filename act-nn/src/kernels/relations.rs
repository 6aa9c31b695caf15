//! Self-attention relations (Wang et al. 2021, "MiniLMv2", section 3.1): how far the student's are
//! from the teacher's, and the gradient of that, in one pass over the sequences.

use super::exp::exp;
use ndarray::ArrayView2;
use ndarray::linalg::general_mat_mul;

use super::matrix::{matrix, matrix_mut};
use super::simd::simd_fn;
use super::sum::sum;
use crate::shapes::RelationShape;

/// The divergence of [`crate::backend::Ops::relations`] and its gradient with respect to the
/// student, `[tokens, width]`.
pub(crate) fn divergence(
    student: &[f32],
    teacher: &[f32],
    shape: &RelationShape,
) -> (f32, Vec<f32>) {
    let tokens: usize = shape.lengths.iter().sum();
    let width = student.len() / tokens.max(1);
    let mut gradient = vec![0.0; student.len()];
    let (mut total, mut start) = (0f64, 0);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for &n in &*shape.lengths {
        let bias = shape.key_bias.as_ref().map(|b| &b[start..start + n]);
        let share = 1.0 / (shape.heads * n) as f32;
        for h in 0..shape.heads {
            let student = Head::new(student, tokens, shape.heads, start..start + n, h);
            let teacher = Head::new(teacher, tokens, shape.heads, start..start + n, h);
            student.scores(&mut ours);
            teacher.scores(&mut theirs);
            total += f64::from(compare(&mut ours, &theirs, n, bias, share));
            // The scores are symmetric in the rows, so each row has a part as asking and as asked.
            let scores = matrix(&ours, n, n, n);
            let (scale, rows) = (student.scale, student.rows);
            let out = &mut gradient[student.place..];
            let mut out = matrix_mut(out, n, rows.ncols(), width);
            general_mat_mul(scale, &scores, &rows, 0.0, &mut out);
            general_mat_mul(scale, &scores.t(), &rows, 1.0, &mut out);
        }
        start += n;
    }
    (total as f32, gradient)
}

/// The columns of one relation head in the rows of one sequence.
struct Head<'a> {
    rows: ArrayView2<'a, f32>,
    /// Where its first element lies.
    place: usize,
    /// `1 / √d`
    scale: f32,
}

impl<'a> Head<'a> {
    fn new(
        data: &'a [f32],
        tokens: usize,
        heads: usize,
        rows: std::ops::Range<usize>,
        head: usize,
    ) -> Self {
        let width = data.len() / tokens;
        let head_dim = width / heads;
        let place = rows.start * width + head * head_dim;
        Self {
            rows: matrix(&data[place..], rows.len(), head_dim, width),
            place,
            scale: 1.0 / (head_dim as f32).sqrt(),
        }
    }

    /// `x xᵀ / √d`, `[rows, rows]`.
    fn scores(&self, scores: &mut Vec<f32>) {
        let n = self.rows.nrows();
        scores.resize(n * n, 0.0);
        let mut scores = matrix_mut(scores, n, n, n);
        general_mat_mul(self.scale, &self.rows, &self.rows.t(), 0.0, &mut scores);
    }
}

simd_fn! {
    /// `share` times the sum over rows of KL(softmax(theirs) || softmax(ours)); `ours` becomes its
    /// gradient with respect to the scores, `share * (softmax(ours) - softmax(theirs))`.
    fn compare(
        ours: &mut [f32],
        theirs: &[f32],
        columns: usize,
        bias: Option<&[f32]>,
        share: f32,
    ) -> f32 {
        let mut total = 0.0;
        let mut scratch = vec![0f32; 3 * columns];
        let (difference, rest) = scratch.split_at_mut(columns);
        let (p, q) = rest.split_at_mut(columns);
        for (ours, theirs) in ours.chunks_exact_mut(columns).zip(theirs.chunks_exact(columns)) {
            for i in 0..columns {
                difference[i] = theirs[i] - ours[i];
            }
            let (largest_p, sum_p) = exponentials(theirs, bias, p);
            let (largest_q, sum_q) = exponentials(ours, bias, q);
            let (inverse_p, inverse_q) = (1.0 / sum_p, 1.0 / sum_q);
            let logarithms = (largest_p - largest_q) + (sum_p / sum_q).ln();
            total += sum(columns, |i| p[i] * difference[i]) * inverse_p - logarithms;
            for i in 0..columns {
                ours[i] = share * (q[i] * inverse_q - p[i] * inverse_p);
            }
        }
        total * share
    }
}

/// `e^(score + bias - largest)` of a row, the largest and the sum.
#[inline(always)]
fn exponentials(scores: &[f32], bias: Option<&[f32]>, out: &mut [f32]) -> (f32, f32) {
    match bias {
        None => out.copy_from_slice(scores),
        Some(bias) => {
            for i in 0..out.len() {
                out[i] = scores[i] + bias[i];
            }
        }
    }
    let largest = out
        .iter()
        .fold(f32::NEG_INFINITY, |m, &s| if s > m { s } else { m });
    out.iter_mut().for_each(|s| *s = exp(*s - largest));
    (largest, sum(out.len(), |i| out[i]))
}
