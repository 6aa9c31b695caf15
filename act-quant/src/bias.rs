//! Bias correction (Nagel et al. 2019, section 4.2): rounding a layer's weights moves the mean of its
//! outputs by `(W' - W) E[x]`, which is known before serving and can be taken out of the bias.

/// What to add to the bias of a layer, `[rows]`: `(W - W') E[x]`, with `mean` the calibration's mean
/// of each input channel.
pub fn correction(weights: &[f32], rounded: &[f32], mean: &[f32]) -> Vec<f32> {
    let columns = mean.len().max(1);
    let rows = weights
        .chunks_exact(columns)
        .zip(rounded.chunks_exact(columns));
    rows.map(|(row, rounded)| {
        let terms = row.iter().zip(rounded).zip(mean);
        let sum: f64 = terms
            .map(|((w, r), x)| (f64::from(*w) - f64::from(*r)) * f64::from(*x))
            .sum();
        sum as f32
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_output_comes_back() {
        let (weights, rounded) = ([1.0, 2.0, -3.0, 0.5], [1.25, 2.0, -3.0, 0.0]);
        assert_eq!(correction(&weights, &rounded, &[2.0, 4.0]), [-0.5, 2.0]);
    }
}
