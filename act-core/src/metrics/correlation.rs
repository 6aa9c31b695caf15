//! Correlations of two rows of numbers, as the scores of a regression are judged by.

/// Pearson's coefficient of correlation, -1..=1; 0 where either row does not vary.
///
/// # Panics
/// The rows differ in length.
pub fn pearson(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len());
    let n = x.len().max(1) as f64;
    let mean = |row: &[f64]| row.iter().sum::<f64>() / n;
    let (mx, my) = (mean(x), mean(y));
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (a, b) in x.iter().zip(y) {
        let (a, b) = (a - mx, b - my);
        xy += a * b;
        xx += a * a;
        yy += b * b;
    }
    if xx == 0.0 || yy == 0.0 {
        return 0.0;
    }
    (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0)
}

/// Spearman's coefficient: Pearson's of the ranks, equal numbers sharing the mean of theirs.
///
/// # Panics
/// The rows differ in length.
pub fn spearman(x: &[f64], y: &[f64]) -> f64 {
    pearson(&ranks(x), &ranks(y))
}

/// Ranks from 1, those of equal numbers the mean of their places.
fn ranks(row: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| row[a].total_cmp(&row[b]));
    let mut ranks = vec![0.0; row.len()];
    let mut at = 0;
    for equal in order.chunk_by(|&a, &b| row[a] == row[b]) {
        let rank = at as f64 + (equal.len() as f64 + 1.0) / 2.0;
        equal.iter().for_each(|&i| ranks[i] = rank);
        at += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_share_their_ranks() {
        assert_eq!(ranks(&[2.0, 1.0, 2.0, 3.0]), [2.5, 1.0, 2.5, 4.0]);
        assert!(ranks(&[]).is_empty());
    }

    #[test]
    fn a_row_that_does_not_vary_correlates_with_nothing() {
        assert_eq!(pearson(&[1.0, 1.0], &[0.0, 2.0]), 0.0);
        assert_eq!(spearman(&[], &[]), 0.0);
        assert_eq!(pearson(&[3.0], &[4.0]), 0.0);
    }

    #[test]
    fn spearman_sees_the_order_alone() {
        let (x, y) = ([1.0, 2.0, 3.0, 4.0], [1.0, 10.0, 100.0, 1000.0]);
        assert!((spearman(&x, &y) - 1.0).abs() < 1e-12);
        assert!(pearson(&x, &y) < 0.9);
    }
}
