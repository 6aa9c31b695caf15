//! Where an untrained head begins: at the shares of the labels alone.
//!
//! An optimiser like Adam moves a bias by the learning rate a step, so that from 0 it would be tens of thousands of
//! steps away from the log odds of a rare label; until then the whole encoder learns to say a constant. So the bias
//! is set to it (Lin et al. 2017, section 4.1, for one prior; here each label has its own).

use act_core::{Artifact, Linear, Target, Tensor};

/// Sets the classifier's bias to what answers without any text would best be.
pub fn set(student: &mut Artifact, labels: &[Target]) {
    let bias = bias(labels, student.plan.num_labels);
    log::info!("the head is untrained: its bias is set to what the labels' shares say");
    let tensor = Tensor::f32(vec![bias.len()], bias);
    student.params.insert(Linear::Classifier.bias(), tensor);
}

/// One label a text: the logarithm of each label's share, over that of an even share. Several: the log odds of each.
/// A score: the mean. Counts are half an example higher, so that none is 0 (Jeffreys' prior).
fn bias(labels: &[Target], outputs: usize) -> Vec<f32> {
    let n = labels.len() as f64;
    if let Some(Target::Score(_)) = labels.first() {
        let sum: f64 = labels.iter().filter_map(Target::score).sum();
        return vec![(sum / n) as f32; outputs];
    }
    let mut counts = vec![0.5; outputs];
    for &class in labels.iter().flat_map(Target::classes) {
        counts[class as usize] += 1.0;
    }
    let several = matches!(labels.first(), Some(Target::Classes(_)));
    let even = (n + 0.5 * outputs as f64) / outputs as f64;
    let of = |count: f64| {
        let against = if several { n + 1.0 - count } else { even };
        (count / against).ln()
    };
    counts.into_iter().map(|count| of(count) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of each output, what a text without anything would get.
    fn sigmoid(x: f32) -> f64 {
        1.0 / (1.0 + (-f64::from(x)).exp())
    }

    #[test]
    fn without_any_text_the_shares_come_out() {
        let single: Vec<Target> = [0, 0, 0, 2].map(Target::Class).into();
        let bias_of = bias(&single, 3);
        let sum: f64 = bias_of.iter().map(|&b| f64::from(b).exp()).sum();
        let shares = bias_of.iter().map(|&b| f64::from(b).exp() / sum);
        for (share, expected) in shares.zip([3.5 / 5.5, 0.5 / 5.5, 1.5 / 5.5]) {
            assert!((share - expected).abs() < 1e-6, "{share} {expected}");
        }
        let balanced: Vec<Target> = [0, 1, 1, 0].map(Target::Class).into();
        assert_eq!(bias(&balanced, 2), [0.0, 0.0]);

        let several = [vec![0, 1], vec![0], vec![], vec![0]].map(Target::Classes);
        let shares = bias(&several, 3).into_iter().map(sigmoid);
        for (share, expected) in shares.zip([3.5 / 5.0, 1.5 / 5.0, 0.5 / 5.0]) {
            assert!((share - expected).abs() < 1e-6, "{share} {expected}");
        }
        assert_eq!(bias(&[1.5, 4.5].map(Target::Score), 1), [3.0]);
    }
}
