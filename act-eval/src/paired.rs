//! Two models judged on the same examples: the difference of their accuracies, how far to trust it,
//! and whether it could be chance. Only examples on which exactly one model is right carry
//! information, so nothing here looks at the models themselves.

use act_core::Seed;
use act_core::metrics::{Z_95, normal_quantile, wilson};
use act_stage::report::{FigureDifference, GroupedInterval, PairedDifference};
use rand::Rng;

use crate::evaluation::Answers;
use crate::resample::{MOST_DRAWS, hang_together, percentiles};

/// Compares right and wrong answers, example by example; both slices in the same order.
pub fn difference(model: &[bool], reference: &[bool]) -> PairedDifference {
    assert_eq!(model.len(), reference.len(), "paired answers");
    let mut counts = Counts::default();
    for (&model, &reference) in model.iter().zip(reference) {
        counts.add(model, reference);
    }
    counts.difference()
}

/// As [`difference`], with the interval over groups of dependent examples (CSL has several lines an
/// abstract), unless nearly every example stands alone.
pub fn grouped_difference(
    model: &[bool],
    reference: &[bool],
    groups: &[Vec<usize>],
    seed: Seed,
) -> PairedDifference {
    PairedDifference {
        grouped: hang_together(groups, model.len())
            .then(|| bootstrap(model, reference, groups, seed)),
        ..difference(model, reference)
    }
}

/// The most that a model can have lost against a reference, as a share, but with probability `alpha`; of
/// groups of dependent examples, unless nearly every example stands alone, at least what the spread between the
/// groups says (cluster-robust variance, Liang & Zeger 1986).
pub fn most_lost(model: &[bool], reference: &[bool], groups: &[Vec<usize>], alpha: f64) -> f64 {
    assert_eq!(model.len(), reference.len(), "paired answers");
    let mut counts = Counts::default();
    for (&model, &reference) in model.iter().zip(reference) {
        counts.add(model, reference);
    }
    let alone = counts.most_lost(alpha);
    if !hang_together(groups, model.len()) {
        return alone;
    }
    let (n, lost) = (model.len() as f64, -counts.value());
    let of_group = |group: &Vec<usize>| {
        let residual = |&i: &usize| f64::from(reference[i]) - f64::from(model[i]) - lost;
        group.iter().map(residual).sum::<f64>().powi(2)
    };
    let spread = groups.iter().map(of_group).sum::<f64>().sqrt() / n;
    alone.max(lost + normal_quantile(1.0 - alpha) * spread)
}

/// Percentile bootstrap over groups (groups as units: Field & Welsh 2007): draws as many groups as there
/// are, with replacement, and takes the difference of the accuracies.
fn bootstrap(
    model: &[bool],
    reference: &[bool],
    groups: &[Vec<usize>],
    seed: Seed,
) -> GroupedInterval {
    let sums: Vec<(i64, i64)> = (groups.iter())
        .map(|group| {
            let gain = |&i: &usize| i64::from(model[i]) - i64::from(reference[i]);
            (group.iter().map(gain).sum(), group.len() as i64)
        })
        .collect();
    let mut rng = seed.stream("act-eval bootstrap");
    let differences = (0..MOST_DRAWS).map(|_| {
        let mut total = (0, 0);
        for _ in 0..sums.len() {
            let (gain, size) = sums[rng.random_range(0..sums.len())];
            total = (total.0 + gain, total.1 + size);
        }
        total.0 as f64 / total.1.max(1) as f64
    });
    let (low, high) = percentiles(differences.collect());
    GroupedInterval {
        low,
        high,
        groups: groups.len(),
    }
}

/// The difference of two models' correlations of scores; its p-value is what the bootstrap gives. In the
/// place of right answers stand nearer ones.
pub fn of_scores(
    model: &Answers,
    reference: &Answers,
    difference: FigureDifference,
) -> PairedDifference {
    let errors = |answers: &Answers| -> Vec<f64> {
        let Answers::Scores { predicted, truth } = answers else {
            return Vec::new();
        };
        let pairs = predicted.iter().zip(truth);
        pairs.map(|(p, t)| (p - t).abs()).collect()
    };
    let (ours, theirs) = (errors(model), errors(reference));
    let nearer = |a: &[f64], b: &[f64]| a.iter().zip(b).filter(|(a, b)| a < b).count();
    PairedDifference {
        value: difference.value,
        low: difference.low,
        high: difference.high,
        only_model: nearer(&ours, &theirs),
        only_reference: nearer(&theirs, &ours),
        p_value: difference.p_value.unwrap_or(1.0),
        grouped: None,
    }
}

/// The two-by-two table of right and wrong answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    both: usize,
    only_model: usize,
    only_reference: usize,
    neither: usize,
}

impl Counts {
    fn n(&self) -> usize {
        self.both + self.only_model + self.only_reference + self.neither
    }

    /// Takes in one example: whether each of the two is right.
    pub fn add(&mut self, model: bool, reference: bool) {
        *match (model, reference) {
            (true, true) => &mut self.both,
            (true, false) => &mut self.only_model,
            (false, true) => &mut self.only_reference,
            (false, false) => &mut self.neither,
        } += 1;
    }

    /// The difference of the shares of right answers.
    pub fn difference(&self) -> PairedDifference {
        let (low, high) = self.newcombe(Z_95);
        PairedDifference {
            value: self.value(),
            low,
            high,
            only_model: self.only_model,
            only_reference: self.only_reference,
            p_value: mcnemar_exact(self.only_model, self.only_reference),
            grouped: None,
        }
    }

    fn value(&self) -> f64 {
        (self.only_model as f64 - self.only_reference as f64) / self.n().max(1) as f64
    }

    /// The most that the model can have lost against the reference, as a share: the upper end of the one-sided
    /// interval that misses with probability `alpha`. Never below 0 without examples that tell them apart.
    pub fn most_lost(&self, alpha: f64) -> f64 {
        -self.newcombe(normal_quantile(1.0 - alpha)).0
    }

    /// Score interval for a difference of paired proportions, of `z` standard deviations each way (95 % at
    /// 1.96): method 10 of Newcombe (1998),
    /// "Improved confidence intervals for the difference between binomial proportions based on
    /// paired data". Two Wilson intervals, joined with the correlation of the answers.
    fn newcombe(&self, z: f64) -> (f64, f64) {
        let n = self.n();
        if n == 0 {
            return (0.0, 0.0);
        }
        let interval = |correct: usize| {
            let (low, high) = wilson(correct, n, z);
            let value = correct as f64 / n as f64;
            (value - low, high - value)
        };
        let model = interval(self.both + self.only_model);
        let reference = interval(self.both + self.only_reference);
        let phi = self.correlation();
        let join = |a: f64, b: f64| (a * a - 2.0 * phi * a * b + b * b).max(0.0).sqrt();
        let below = join(model.0, reference.1);
        let above = join(model.1, reference.0);
        let difference = self.value();
        (difference - below, difference + above)
    }

    /// Newcombe's phi with its continuity correction; 0 where a margin of the table is empty.
    fn correlation(&self) -> f64 {
        let [a, b, c, d] = [
            self.both,
            self.only_model,
            self.only_reference,
            self.neither,
        ]
        .map(|x| x as f64);
        let margins = (a + b) * (c + d) * (a + c) * (b + d);
        if margins == 0.0 {
            return 0.0;
        }
        let cross = a * d - b * c;
        let corrected = if cross > 0.0 {
            (cross - self.n() as f64 / 2.0).max(0.0)
        } else {
            cross
        };
        corrected / margins.sqrt()
    }
}

/// McNemar's exact test (McNemar 1947, in its binomial form): of the examples on which exactly one
/// of two models is right, each side is as likely if the models are equally good. Two-sided
/// p-value, `min(1, 2 P[X <= min(b, c)])` with `X ~ Binomial(b + c, 1/2)`.
pub fn mcnemar_exact(b: usize, c: usize) -> f64 {
    let (few, n) = (b.min(c), b + c);
    // Terms C(n, k) / 2^n by their logarithms: 2^-n alone is 0 in f64 from n = 1075 on.
    let mut log_term = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = log_term.exp();
    for k in 1..=few {
        log_term += ((n - k + 1) as f64 / k as f64).ln();
        tail += log_term.exp();
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * b.abs().max(1.0)
    }

    /// scipy 1.17.1: `binomtest(b, b + c, 0.5).pvalue`.
    #[test]
    fn mcnemar_agrees_with_scipy() {
        for (b, c, p) in [
            (12, 2, 0.012939453125),
            (2, 12, 0.012939453125),
            (0, 5, 0.0625),
            (5, 6, 1.0),
            (30, 30, 1.0),
            (130, 101, 0.06520336158618655),
            (1500, 1300, 0.00016841162264376235),
        ] {
            assert!(
                close(mcnemar_exact(b, c), p),
                "{b} {c}: {}",
                mcnemar_exact(b, c)
            );
        }
        assert_eq!(mcnemar_exact(0, 0), 1.0);
        assert!(
            mcnemar_exact(0, 100_000) == 0.0,
            "underflows to 0, not to NaN"
        );
    }

    /// Newcombe's formula written out in Python over the Wilson intervals of statsmodels 0.15.0
    /// (`proportion_confint(k, n, method="wilson")`).
    #[test]
    fn newcombe_agrees_with_recorded_values() {
        for ([both, only_model, only_reference, neither], low, high) in [
            ([36, 12, 2, 0], 0.05692958400323875, 0.3404276029749408),
            (
                [212, 144, 256, 707],
                -0.1141915328050671,
                -0.05543347268433288,
            ),
            (
                [212, 256, 144, 707],
                0.05543347268433288,
                0.1141915328050671,
            ),
            (
                [1800, 60, 40, 100],
                0.00012306781296870205,
                0.02004936382970758,
            ),
            ([20, 0, 0, 0], -0.16112515805281957, 0.16112515805281957),
            ([1, 97, 1, 1], 0.8736721762007447, 0.9850257703740076),
            ([53, 0, 1, 0], -0.09771437488781953, 0.049621661889404076),
        ] {
            let counts = Counts {
                both,
                only_model,
                only_reference,
                neither,
            };
            let got = counts.newcombe(Z_95);
            assert!(
                close(got.0, low) && close(got.1, high),
                "{got:?} for {low} .. {high}"
            );
        }
    }

    /// The same formula in Python, one-sided (`alpha=2 * alpha` of statsmodels' Wilson intervals).
    #[test]
    fn the_most_that_is_lost_agrees_with_recorded_values() {
        for ([both, only_model, only_reference, neither], alpha, most) in [
            ([36, 12, 2, 0], 0.05, -0.08166543565795026),
            ([1800, 60, 40, 100], 0.05, -0.0017303540891804858),
            ([1800, 40, 60, 100], 0.05, 0.018391821859903002),
            ([1800, 40, 60, 100], 0.05 / 3.0, 0.020942667267212365),
            ([4300, 150, 170, 380], 0.05 / 3.0, 0.011664202001340981),
        ] {
            let counts = Counts {
                both,
                only_model,
                only_reference,
                neither,
            };
            let got = counts.most_lost(alpha);
            assert!((got - most).abs() < 1e-8, "{got} for {most}");
        }
    }

    /// Models that have truly lost a point: the bound lies below it as seldom as it says.
    #[test]
    fn the_bound_holds_as_often_as_it_says() {
        let mut rng = Seed(7).stream("coverage");
        for (n, lost, won) in [(300, 0.04, 0.03), (3000, 0.06, 0.05)] {
            let draws = 2000;
            let broken = (0..draws)
                .filter(|_| {
                    let mut counts = Counts::default();
                    for _ in 0..n {
                        match rng.random_range(0.0..1.0) {
                            x if x < lost => counts.add(false, true),
                            x if x < lost + won => counts.add(true, false),
                            x => counts.add(x < 0.8, x < 0.8),
                        }
                    }
                    counts.most_lost(0.05) < lost - won
                })
                .count();
            let share = broken as f64 / draws as f64;
            // Three standard errors of 2000 draws.
            assert!((0.015..0.065).contains(&share), "{n}: {share}");
        }
    }

    /// Five copies of each example say as much as one.
    #[test]
    fn copies_do_not_tighten_the_bound() {
        let lost = |i: usize| (i / 5).is_multiple_of(10);
        let model: Vec<bool> = (0..5000).map(|i| !lost(i)).collect();
        let reference = vec![true; 5000];
        let groups: Vec<Vec<usize>> = (0..1000).map(|g| (5 * g..5 * g + 5).collect()).collect();
        let grouped = most_lost(&model, &reference, &groups, 0.05);
        // Binomial, 100 of 1000 groups: 0.1 + 1.645 sqrt(0.09 / 1000).
        assert!((grouped - 0.1156).abs() < 5e-4, "{grouped}");
        let alone: Vec<Vec<usize>> = (0..5000).map(|i| vec![i]).collect();
        assert!(most_lost(&model, &reference, &alone, 0.05) < 0.109);
    }

    #[test]
    fn answers_are_paired_one_by_one() {
        let model = [true, true, false, true];
        let reference = [true, false, true, false];
        let d = difference(&model, &reference);
        assert_eq!((d.only_model, d.only_reference), (2, 1));
        assert_eq!(d.value, 0.25);
        let back = difference(&reference, &model);
        assert!(close(back.low, -d.high) && close(back.high, -d.low));
        assert_eq!(back.p_value, d.p_value);
    }

    /// Groups of copies: as many independent examples as groups, so the interval of a large sample
    /// is the normal one for that many, wider than the one that takes copies for new examples.
    #[test]
    fn copies_are_no_new_evidence() {
        let each = |i: usize, period: usize| (i / 5).is_multiple_of(period);
        let model: Vec<bool> = (0..5000).map(|i| !each(i, 4)).collect();
        let reference: Vec<bool> = (0..5000).map(|i| !each(i, 5)).collect();
        let groups: Vec<Vec<usize>> = (0..1000).map(|g| (5 * g..5 * g + 5).collect()).collect();
        let d = grouped_difference(&model, &reference, &groups, Seed(1));
        let grouped = d.grouped.unwrap();
        assert_eq!(grouped.groups, 1000);
        // 200 of 1000 groups lost, 150 won back: variance (0.2 + 0.15 - 0.05^2) / 1000.
        let half = 1.96 * ((0.35 - 0.0025) / 1000.0f64).sqrt();
        assert!(
            (grouped.high - grouped.low - 2.0 * half).abs() < 0.15 * half,
            "{grouped:?}"
        );
        assert!(grouped.high - grouped.low > 1.8 * (d.high - d.low));
        // Alone, examples need no groups.
        let alone: Vec<Vec<usize>> = (0..5000).map(|i| vec![i]).collect();
        let d = grouped_difference(&model, &reference, &alone, Seed(1));
        assert_eq!(d.grouped, None);
    }

    #[test]
    fn nothing_to_compare_is_no_difference() {
        let d = difference(&[], &[]);
        assert_eq!((d.value, d.low, d.high, d.p_value), (0.0, 0.0, 0.0, 1.0));
    }
}
