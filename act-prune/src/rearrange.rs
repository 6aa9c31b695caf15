//! Mask rearrangement (Kwon et al. 2022, section 4.3): which heads and neurons go, when how many is
//! settled and their interplay within a layer counts.
//!
//! The block-diagonal Fisher information says that losing a set `R` costs the mean over examples of
//! `(Σ_{i∈R} g_i)²`: two structures whose gradients cancel are better lost together than either
//! alone. Starting from the choice by single scores, pairs are exchanged for as long as that helps.

use act_nn::MaskGradients;

use crate::matrix::Matrix;
use crate::select::Kept;

/// Passes over all lost structures; few are needed, and each exchange lowers the cost.
const PASSES: usize = 8;

/// Exchanges heads with heads and neurons with neurons of each layer; their numbers stay.
pub fn rearrange(
    kept: &[Kept],
    gradients: &[MaskGradients],
    layers: &[(usize, usize)],
) -> Vec<Kept> {
    let all = kept.iter().zip(gradients).zip(layers);
    all.map(|((kept, gradients), &(heads, neurons))| Kept {
        heads: exchange(&kept.heads, &gradients.heads, heads),
        neurons: exchange(&kept.neurons, &gradients.neurons, neurons),
    })
    .collect()
}

/// The better choice of as many of `count` structures, rising; `gradients` is `[examples, count]`.
fn exchange(kept: &[usize], gradients: &[f32], count: usize) -> Vec<usize> {
    if kept.is_empty() || kept.len() == count {
        return kept.to_vec();
    }
    let fisher = block_fisher(gradients, count);
    let mut keeps = vec![false; count];
    kept.iter().for_each(|&k| keeps[k] = true);
    // Interplay of each structure with all that are lost.
    let mut with_lost = vec![0.0; count];
    for lost in (0..count).filter(|&i| !keeps[i]) {
        let terms = with_lost.iter_mut().zip(fisher.row(lost));
        terms.for_each(|(sum, f)| *sum += f);
    }
    for _ in 0..PASSES {
        let mut changed = false;
        for back in 0..count {
            if keeps[back] {
                continue;
            }
            // Cost of losing `gone` in the place of `back`, less the cost now.
            let of_exchange = |gone: usize| {
                let now = fisher.at(back, back) - 2.0 * with_lost[back];
                now + fisher.at(gone, gone) + 2.0 * (with_lost[gone] - fisher.at(back, gone))
            };
            let kept = (0..count).filter(|&i| keeps[i]);
            let best = kept.min_by(|&a, &b| of_exchange(a).total_cmp(&of_exchange(b)));
            let Some(gone) = best else { continue };
            // Rounding must not keep the exchanges going.
            if of_exchange(gone) < -1e-9 * fisher.at(back, back).abs() {
                (keeps[back], keeps[gone]) = (true, false);
                for (i, sum) in with_lost.iter_mut().enumerate() {
                    *sum += fisher.at(gone, i) - fisher.at(back, i);
                }
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    (0..count).filter(|&i| keeps[i]).collect()
}

/// Mean over examples of `g gᵀ`.
fn block_fisher(gradients: &[f32], count: usize) -> Matrix {
    let examples = gradients.len() / count;
    let rows = Matrix {
        rows: examples,
        columns: count,
        data: gradients.iter().map(|&g| f64::from(g)).collect(),
    };
    let mut fisher = Matrix::zeros(count, count);
    fisher.add_transposed_product(&rows, &rows);
    let scale = 1.0 / examples.max(1) as f64;
    fisher.data.iter_mut().for_each(|f| *f *= scale);
    fisher
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Mean square of the summed gradients of what is lost.
    fn cost(kept: &[usize], gradients: &[f32], count: usize) -> f64 {
        let rows = gradients.chunks_exact(count);
        let lost = |row: &[f32]| -> f64 {
            let lost = (0..count).filter(|i| !kept.contains(i));
            lost.map(|i| f64::from(row[i])).sum::<f64>().powi(2)
        };
        rows.map(lost).sum::<f64>() / (gradients.len() / count) as f64
    }

    #[test]
    fn structures_that_cancel_are_lost_together() {
        // 0 and 1 always cancel; alone, 2 is the least important and 0 the next.
        let gradients = [3.0, -3.0, 1.0, 4.0, -2.0, 2.0, -1.0, 4.0];
        assert_eq!(exchange(&[1, 3], &gradients, 4), [2, 3]);
    }

    proptest! {
        #[test]
        fn exchanges_keep_the_count_and_never_cost_more(
            gradients in prop::collection::vec(-1.0f32..1.0, 7 * 5),
            kept in prop::sample::subsequence((0..7).collect::<Vec<usize>>(), 0..=7),
        ) {
            let better = exchange(&kept, &gradients, 7);
            prop_assert_eq!(better.len(), kept.len());
            prop_assert!(better.windows(2).all(|w| w[0] < w[1]));
            let (before, after) = (cost(&kept, &gradients, 7), cost(&better, &gradients, 7));
            prop_assert!(after <= before + 1e-9, "{} then {}", before, after);
            // No single exchange improves it.
            for &gone in &better {
                for back in (0..7).filter(|i| !better.contains(i)) {
                    let other: Vec<usize> = (0..7)
                        .filter(|&i| i == back || (i != gone && better.contains(&i)))
                        .collect();
                    prop_assert!(cost(&other, &gradients, 7) >= after - 1e-6);
                }
            }
        }
    }
}
