//! Multi-head attention (Vaswani et al. 2017) over sequences that lie one after the other.
//!
//! Every sequence and head is computed on its own length straight from the `[tokens, heads *
//! head_dim]` layout: strided products, no transposes, no padding.

use std::ops::Range;

use super::exp::exp;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

use super::matrix::{matrix, matrix_mut};
use super::simd::simd_fn;
use super::sum::sum;
use crate::dropout::{Dropout, Mask, Queries};
use crate::shapes::AttentionShape;

/// Where one sequence lies: its rows among the queries and among the keys, and its probabilities.
struct Span {
    queries: Range<usize>,
    keys: Range<usize>,
    probabilities: Range<usize>,
}

fn spans(shape: &AttentionShape) -> impl Iterator<Item = Span> + '_ {
    let (mut query, mut key, mut probability) = (0, 0, 0);
    shape.lengths.iter().map(move |&length| {
        let rows = match shape.queries {
            Queries::All => length,
            Queries::First => 1,
        };
        let span = Span {
            queries: query..query + rows,
            keys: key..key + length,
            probabilities: probability..probability + shape.heads * rows * length,
        };
        query = span.queries.end;
        key = span.keys.end;
        probability = span.probabilities.end;
        span
    })
}

/// The columns of one head in a `[tokens, width]` matrix, restricted to some rows.
fn head<'a>(
    data: &'a [f32],
    rows: &Range<usize>,
    head: usize,
    shape: &AttentionShape,
) -> ArrayView2<'a, f32> {
    let start = rows.start * shape.width() + head * shape.head_dim;
    matrix(&data[start..], rows.len(), shape.head_dim, shape.width())
}

/// As [`head`], for writing.
fn head_mut<'a>(
    data: &'a mut [f32],
    rows: &Range<usize>,
    head: usize,
    shape: &AttentionShape,
) -> ArrayViewMut2<'a, f32> {
    let start = rows.start * shape.width() + head * shape.head_dim;
    matrix_mut(
        &mut data[start..],
        rows.len(),
        shape.head_dim,
        shape.width(),
    )
}

/// Context `[queries, width]` and the probabilities before dropout, sequence by sequence, head by
/// head, `[queries of it, keys of it]`.
pub(crate) fn forward(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    shape: &AttentionShape,
    dropout: &Dropout,
) -> (Vec<f32>, Vec<f32>) {
    let scale = 1.0 / (shape.head_dim as f32).sqrt();
    let mut context = vec![0.0; q.len()];
    let mut all = vec![0.0; spans(shape).last().map_or(0, |s| s.probabilities.end)];
    let mut scratch = Vec::new();
    for (sequence, span) in spans(shape).enumerate() {
        let (rows, columns) = (span.queries.len(), span.keys.len());
        let mask = mask_of(dropout, sequence);
        let probabilities = &mut all[span.probabilities];
        for (h, scores) in probabilities.chunks_exact_mut(rows * columns).enumerate() {
            let (q, k) = (
                head(q, &span.queries, h, shape),
                head(k, &span.keys, h, shape),
            );
            let mut scores = matrix_mut(scores, rows, columns, columns);
            general_mat_mul(scale, &q, &k.t(), 0.0, &mut scores);
        }
        if shape.window.is_some() {
            leave_out(probabilities, (rows, columns), shape);
        }
        let bias = shape.key_bias.as_ref().map(|b| &b[span.keys.clone()]);
        softmax(probabilities, columns, bias);
        let probabilities = dropped(probabilities, mask, &mut scratch);
        for (h, p) in probabilities.chunks_exact(rows * columns).enumerate() {
            let p = matrix(p, rows, columns, columns);
            let v = head(v, &span.keys, h, shape);
            let mut out = head_mut(&mut context, &span.queries, h, shape);
            general_mat_mul(1.0, &p, &v, 0.0, &mut out);
        }
    }
    (context, all)
}

/// Gradients of queries, keys and values.
pub(crate) fn backward(
    dcontext: &[f32],
    (q, k, v): (&[f32], &[f32], &[f32]),
    probabilities: &[f32],
    shape: &AttentionShape,
    dropout: &Dropout,
) -> [Vec<f32>; 3] {
    let scale = 1.0 / (shape.head_dim as f32).sqrt();
    let [mut dq, mut dk, mut dv] = [q, k, v].map(|x| vec![0.0; x.len()]);
    let mut scratch = Vec::new();
    let mut dscores = Vec::new();
    for (sequence, span) in spans(shape).enumerate() {
        let (rows, columns) = (span.queries.len(), span.keys.len());
        let mask = mask_of(dropout, sequence);
        let probabilities = &probabilities[span.probabilities];
        dscores.resize(probabilities.len(), 0.0);
        let kept = dropped(probabilities, mask, &mut scratch);
        for (h, p) in kept.chunks_exact(rows * columns).enumerate() {
            let dc = head(dcontext, &span.queries, h, shape);
            let p = matrix(p, rows, columns, columns);
            let mut dv = head_mut(&mut dv, &span.keys, h, shape);
            general_mat_mul(1.0, &p.t(), &dc, 0.0, &mut dv);
            let v = head(v, &span.keys, h, shape);
            let ds = &mut dscores[h * rows * columns..];
            let mut ds = matrix_mut(ds, rows, columns, columns);
            general_mat_mul(1.0, &dc, &v.t(), 0.0, &mut ds);
        }
        softmax_backward(&mut dscores, probabilities, columns, mask);
        for (h, ds) in dscores.chunks_exact(rows * columns).enumerate() {
            let ds = matrix(ds, rows, columns, columns);
            let (q, k) = (
                head(q, &span.queries, h, shape),
                head(k, &span.keys, h, shape),
            );
            let mut dq = head_mut(&mut dq, &span.queries, h, shape);
            general_mat_mul(scale, &ds, &k, 0.0, &mut dq);
            let mut dk = head_mut(&mut dk, &span.keys, h, shape);
            general_mat_mul(scale, &ds.t(), &q, 0.0, &mut dk);
        }
    }
    [dq, dk, dv]
}

/// Scores of keys outside of their query's window, minus infinity: what softmax makes of them, 0, gives no
/// gradient either. Heads one after the other, `[rows, columns]` each.
fn leave_out(scores: &mut [f32], (rows, columns): (usize, usize), shape: &AttentionShape) {
    for (row, scores) in scores.chunks_exact_mut(columns).enumerate() {
        let counted = shape.counted(row % rows, columns);
        scores[..counted.start].fill(f32::NEG_INFINITY);
        scores[counted.end..].fill(f32::NEG_INFINITY);
    }
}

/// The mask of a sequence's probabilities, by their places in `[heads, queries, keys]`.
fn mask_of(dropout: &Dropout, sequence: usize) -> Option<Mask> {
    dropout.examples().get(sequence).map(|(_, mask)| *mask)
}

/// The probabilities of one sequence after dropout.
fn dropped<'a>(
    probabilities: &'a [f32],
    mask: Option<Mask>,
    scratch: &'a mut Vec<f32>,
) -> &'a [f32] {
    let Some(mask) = mask else {
        return probabilities;
    };
    scratch.resize(probabilities.len(), 0.0);
    apply(scratch, probabilities, mask);
    scratch
}

simd_fn! {
    fn apply(out: &mut [f32], x: &[f32], mask: Mask) {
        for (i, (out, x)) in out.iter_mut().zip(x).enumerate() {
            *out = x * mask.factor(i as u32);
        }
    }
}

simd_fn! {
    /// Softmax of every row of `columns` scores, after adding the keys' bias.
    fn softmax(scores: &mut [f32], columns: usize, bias: Option<&[f32]>) {
        for row in scores.chunks_exact_mut(columns) {
            if let Some(bias) = bias {
                row.iter_mut().zip(bias).for_each(|(s, b)| *s += b);
            }
            let mut largest = [f32::NEG_INFINITY; 8];
            for chunk in row.chunks(8) {
                for (m, s) in largest.iter_mut().zip(chunk) {
                    *m = if *s > *m { *s } else { *m };
                }
            }
            let largest = largest.iter().fold(f32::NEG_INFINITY, |m, s| m.max(*s));
            row.iter_mut().for_each(|s| *s = exp(*s - largest));
            let inverse = 1.0 / sum(columns, |i| row[i]);
            row.iter_mut().for_each(|s| *s *= inverse);
        }
    }
}

simd_fn! {
    /// Turns gradients of dropped probabilities into gradients of scores, in place:
    /// `ds = p * (dp - sum(dp * p))` with `dp` masked.
    fn softmax_backward(
        gradients: &mut [f32],
        probabilities: &[f32],
        columns: usize,
        mask: Option<Mask>,
    ) {
        if let Some(mask) = mask {
            for (i, d) in gradients.iter_mut().enumerate() {
                *d *= mask.factor(i as u32);
            }
        }
        let rows = gradients.chunks_exact_mut(columns);
        for (ds, p) in rows.zip(probabilities.chunks_exact(columns)) {
            let inner = sum(columns, |i| ds[i] * p[i]);
            for (d, p) in ds.iter_mut().zip(p) {
                *d = p * (*d - inner);
            }
        }
    }
}
