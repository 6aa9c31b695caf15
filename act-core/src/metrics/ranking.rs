//! How near the top the right labels stand: a figure of multi-label answers that needs no thresholds.

/// Label ranking average precision of one text (`label_ranking_average_precision_score` of
/// scikit-learn): the mean over its labels of the share of right ones among those that score at least as
/// high. 1 for a text without labels, or with all of them.
pub fn ranking_precision(scores: &[f32], labels: &[u32]) -> f64 {
    if labels.is_empty() || labels.len() == scores.len() {
        return 1.0;
    }
    let precision = |&label: &u32| {
        let score = scores[label as usize];
        let right = labels.iter().filter(|&&l| scores[l as usize] >= score);
        let all = scores.iter().filter(|&&s| s >= score);
        right.count() as f64 / all.count() as f64
    };
    labels.iter().map(precision).sum::<f64>() / labels.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_at_the_top_are_a_perfect_ranking() {
        assert_eq!(ranking_precision(&[0.9, 0.1, 0.8], &[0, 2]), 1.0);
        assert_eq!(ranking_precision(&[0.9, 0.1, 0.8], &[1]), 1.0 / 3.0);
        assert_eq!(ranking_precision(&[0.5, 0.5], &[0]), 0.5);
        assert_eq!(ranking_precision(&[0.5, 0.5], &[]), 1.0);
    }
}
