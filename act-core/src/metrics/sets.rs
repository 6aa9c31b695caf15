//! Texts with any number of labels: which of them a model gives, and from which probability on.

use super::logits::sigmoid;
use crate::target::Target;

/// Texts of a label that a threshold of its own is chosen on, at least: on fewer the best one is luck.
const ENOUGH: usize = 10;

/// The labels whose probability reaches their threshold, in rising order.
pub fn decide(logits: &[f32], thresholds: &[f32]) -> Vec<u32> {
    let reached = logits.iter().zip(thresholds).zip(0u32..);
    let reached = reached.filter(|((logit, threshold), _)| sigmoid(**logit) >= **threshold);
    reached.map(|(_, label)| label).collect()
}

/// For each label the threshold with the largest F1 on these answers; for a label of fewer than 10 texts
/// the one threshold for all labels with the largest mean F1 (Lipton et al. 2014, "Thresholding
/// classifiers to maximize F1 score": there is no closed form, so it is searched). 0.5 without texts.
pub fn thresholds(logits: &[Vec<f32>], truth: &[Target], labels: usize) -> Vec<f32> {
    let columns: Vec<Column> = (0..labels)
        .map(|label| Column::new(logits, truth, label))
        .collect();
    let common = common(&columns);
    let own = |column: &Column| match column.positives {
        ENOUGH.. => column.best(),
        _ => common,
    };
    columns.iter().map(own).collect()
}

/// One label's probabilities, falling, and whether it is right.
struct Column {
    texts: Vec<(f32, bool)>,
    positives: usize,
}

impl Column {
    fn new(logits: &[Vec<f32>], truth: &[Target], label: usize) -> Self {
        let of_text = |(row, target): (&Vec<f32>, &Target)| {
            let right = target.classes().contains(&(label as u32));
            (sigmoid(row[label]), right)
        };
        let mut texts: Vec<(f32, bool)> = logits.iter().zip(truth).map(of_text).collect();
        texts.sort_by(|a, b| b.0.total_cmp(&a.0));
        let positives = texts.iter().filter(|(_, right)| *right).count();
        Self { texts, positives }
    }

    /// The threshold with the largest F1, in the middle between two probabilities; of equals the highest.
    fn best(&self) -> f32 {
        let (mut best, mut most, mut right) = (0.5, 0.0, 0usize);
        for (i, &(probability, of_text)) in self.texts.iter().enumerate() {
            right += usize::from(of_text);
            let next = self.texts.get(i + 1).map_or(0.0, |(next, _)| *next);
            let f1 = 2.0 * right as f64 / (i + 1 + self.positives) as f64;
            if next < probability && f1 > most {
                most = f1;
                let middle = (probability + next) / 2.0;
                // Of neighbours there is no middle.
                best = if middle > next { middle } else { probability };
            }
        }
        best
    }

    fn f1(&self, threshold: f32) -> f64 {
        let given = self.texts.partition_point(|(p, _)| *p >= threshold);
        let right = self.texts[..given].iter().filter(|(_, right)| *right);
        match given + self.positives {
            0 => 0.0,
            sum => 2.0 * right.count() as f64 / sum as f64,
        }
    }
}

/// Of the hundredths the one with the largest mean F1 over labels, of equals the nearest to one half.
fn common(columns: &[Column]) -> f32 {
    let mut hundredths: Vec<i32> = (1..100).collect();
    hundredths.sort_by_key(|n| (n - 50).abs());
    let (mut best, mut most) = (0.5, 0.0);
    for n in hundredths {
        let threshold = n as f32 / 100.0;
        let sum: f64 = columns.iter().map(|column| column.f1(threshold)).sum();
        if sum > most {
            (best, most) = (threshold, sum);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logit(p: f32) -> f32 {
        (p / (1.0 - p)).ln()
    }

    #[test]
    fn labels_are_given_from_their_threshold_on() {
        let row = [logit(0.2), logit(0.6), 0.0];
        assert_eq!(decide(&row, &[0.1, 0.7, 0.5]), [0, 2]);
        assert!(decide(&row, &[1.0; 3]).is_empty());
    }

    #[test]
    fn a_common_label_gets_the_threshold_with_the_largest_f1() {
        // Right from 0.3 on, with one wrong text at 0.9.
        let right = |i: usize| i >= 30 && i != 90;
        let logits: Vec<Vec<f32>> = (1..100).map(|i| vec![logit(i as f32 / 100.0)]).collect();
        let truth = |i| Target::Classes(if right(i) { vec![0] } else { vec![] });
        let truth: Vec<Target> = (1..100).map(truth).collect();
        let found = thresholds(&logits, &truth, 1);
        assert!((found[0] - 0.295).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn a_rare_label_gets_the_threshold_of_all() {
        // The first label is right from 0.2 on, the second for one text of 0.6 alone.
        let logits: Vec<Vec<f32>> = (1..100).map(|i| vec![logit(i as f32 / 100.0); 2]).collect();
        let truth = |i: usize| {
            let all = [(i >= 20, 0), (i == 60, 1)];
            Target::Classes(all.iter().filter(|(is, _)| *is).map(|(_, l)| *l).collect())
        };
        let truth: Vec<Target> = (1..100).map(truth).collect();
        let found = thresholds(&logits, &truth, 2);
        assert!((found[0] - 0.195).abs() < 1e-4, "{found:?}");
        // Where the mean of both labels' F1 is largest, to a hundredth.
        assert!((found[1] - 0.2).abs() < 0.011, "{found:?}");
        assert_eq!(thresholds(&[], &[], 2), [0.5, 0.5]);
    }
}
