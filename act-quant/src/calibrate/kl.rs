//! `KL`: least information lost (Migacz 2017, "8-bit inference with TensorRT"), in the form of
//! PaddlePaddle's `cal_kl_threshold.py`.

use crate::statistics::{BINS, Statistics};

/// For each number of bins i from half of all up: P is the first i bins with all that lies beyond
/// added to the last of them, Q the same bins merged into `levels` groups and spread out again over
/// each group's filled bins. The first i with the least KL(P || Q) gives `(i + 0.5)` bin widths; where
/// no bin qualifies, the last filled bin of the lower half does. PaddlePaddle takes the very first bin
/// where that half holds nothing but zeros, and so clips all there is; here it is the last bin then.
pub fn threshold(statistics: &Statistics, levels: usize) -> f64 {
    let bins: Vec<f64> = statistics.magnitudes().map(|n| n as f64).collect();
    let half = (BINS - 1) / 2;
    let mut best = None;
    let mut least = f64::INFINITY;
    for i in half..BINS {
        if bins[i - 1] == 0.0 {
            continue;
        }
        let divergence = divergence(&bins, i, levels);
        if divergence < least {
            least = divergence;
            best = Some(i);
        }
    }
    let lower = || (1..=half).rev().find(|&i| bins[i] > 0.0);
    let bin = best.or_else(lower).unwrap_or(BINS - 1);
    (bin as f64 + 0.5) * statistics.bin_width()
}

/// KL(P || Q) of the clipped and the quantised histogram, both normalised.
fn divergence(bins: &[f64], i: usize, levels: usize) -> f64 {
    let outliers: f64 = bins[i..].iter().sum();
    let kept = &bins[..i];
    let total: f64 = kept.iter().sum();
    // P sums to `total + outliers`, Q to `total`; merging and spreading keep a group's mass.
    let normalise = ((total + outliers) / total).ln();
    let width = i / levels;
    let mut sum = 0.0;
    for group in 0..levels {
        let start = group * width;
        let end = if group + 1 == levels {
            i
        } else {
            start + width
        };
        let group = &kept[start..end];
        let filled = group.iter().filter(|&&n| n > 0.0).count();
        let q = group.iter().sum::<f64>() / filled as f64;
        for (j, &n) in (start..).zip(group) {
            if n > 0.0 {
                let p = if j + 1 == i { n + outliers } else { n };
                sum += p * ((p / q).ln() - normalise);
            }
        }
    }
    sum / (total + outliers)
}
