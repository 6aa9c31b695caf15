//! Products of sampled inputs with weights, for the estimate of what quantisation adds to a layer's outputs.

/// Products of `[rows, columns]` inputs with `[outputs, columns]` weights, `[rows, outputs]`. Each is summed up in
/// eight running sums, in an order that no processor changes.
pub fn products(weights: &[f32], inputs: &[f32], columns: usize) -> Vec<f32> {
    let rows = inputs.chunks_exact(columns);
    let of_row = |row| weights.chunks_exact(columns).map(move |w| dot(w, row));
    rows.flat_map(of_row).collect()
}

/// One product, by vectors as the compiler finds them.
fn dot(weights: &[f32], row: &[f32]) -> f32 {
    let (weights, weights_rest) = weights.as_chunks::<8>();
    let (row, row_rest) = row.as_chunks::<8>();
    let mut sums = [0f32; 8];
    for (w, x) in weights.iter().zip(row) {
        for lane in 0..8 {
            sums[lane] += w[lane] * x[lane];
        }
    }
    let rest = weights_rest.iter().zip(row_rest).map(|(w, x)| w * x);
    sums.iter().sum::<f32>() + rest.sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_plain_loops() {
        let columns = 19;
        let weights: Vec<f32> = (0..3 * columns).map(|i| (i % 7) as f32 - 3.0).collect();
        let inputs: Vec<f32> = (0..6 * columns).map(|i| (i % 5) as f32).collect();
        let out = products(&weights, &inputs, columns);
        assert_eq!(out.len(), 6 * 3);
        for (i, out) in out.iter().enumerate() {
            let (row, output) = (&inputs[i / 3 * columns..], &weights[i % 3 * columns..]);
            let terms = row.iter().zip(output).take(columns);
            assert_eq!(*out, terms.map(|(x, w)| x * w).sum::<f32>());
        }
    }
}
