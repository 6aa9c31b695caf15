//! A row of logits as a class, as probabilities, as their logarithms.

/// Index of the largest number, the first of equals; 0 for an empty row.
pub fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (i, v) in row.iter().enumerate() {
        if *v > row[best] {
            best = i;
        }
    }
    best
}

/// The logistic function: the probability of a label that stands alone.
pub fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Softmax of a row of logits.
pub fn softmax(row: &[f32]) -> Vec<f32> {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exp: Vec<f32> = row.iter().map(|v| (v - max).exp()).collect();
    let sum: f32 = exp.iter().sum();
    exp.into_iter().map(|v| v / sum).collect()
}

/// Logarithms of the softmax of a row of logits, in nats.
pub fn log_softmax(row: &[f32]) -> Vec<f64> {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let max = f64::from(max);
    let sum: f64 = row.iter().map(|&v| (f64::from(v) - max).exp()).sum();
    row.iter().map(|&v| f64::from(v) - max - sum.ln()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_logits_wins() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(argmax(&[]), 0);
    }

    #[test]
    fn softmax_sums_to_one_and_survives_large_logits() {
        let shares = softmax(&[1000.0, 1000.0 + 2f32.ln(), -1000.0]);
        assert!((shares[0] - 1.0 / 3.0).abs() < 1e-4 && (shares[1] - 2.0 / 3.0).abs() < 1e-4);
        assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(softmax(&[]).is_empty());
    }

    #[test]
    fn log_softmax_is_the_logarithm_and_survives_where_that_would_not() {
        let row = [1000.0, 1000.0 + 2f32.ln(), -1000.0];
        let logs = log_softmax(&row);
        assert!((logs[0] - (1.0f64 / 3.0).ln()).abs() < 1e-4);
        assert!((logs[1] - (2.0f64 / 3.0).ln()).abs() < 1e-4);
        assert!((logs[2] + 2000.0 + 3f64.ln()).abs() < 1e-3);
    }
}
