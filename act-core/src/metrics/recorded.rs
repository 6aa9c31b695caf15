//! What scikit-learn 1.9.1 makes of answers drawn by whole numbers; `tests/peers/metrics_record.py` draws
//! the same ones and prints [`CASES`] anew.

use super::counts::Counts;
use super::measure::{Measure, Metric};

/// Seed, examples, classes, share of right answers in per cent, the first class of the others; F1 of class
/// 1 of two; accuracy, macro-F1, MCC, recall, precision and F1 of class 0.
type Case = ((u64, usize, u64, u64, u64), Option<f64>, [f64; 6]);

#[rustfmt::skip]
const CASES: [Case; 12] = [
    ((1, 200, 2, 80, 0), Some(0.816), [0.885, 0.866181818181818, 0.745397073375062, 0.868965517241379, 0.969230769230769, 0.916363636363636]),
    ((2, 200, 2, 0, 1), Some(0.449612403100775), [0.29, 0.224806201550388, 0.0, 0.0, 0.0, 0.0]),
    ((3, 50, 2, 100, 0), Some(1.0), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
    ((4, 300, 3, 70, 0), None, [0.813333333333333, 0.767018132884847, 0.679746390003839, 0.807291666666667, 0.945121951219512, 0.870786516853933]),
    ((5, 300, 3, 40, 2), None, [0.5, 0.517379679144385, 0.44063868286846, 0.36, 1.0, 0.529411764705882]),
    ((6, 40, 30, 60, 0), None, [0.6, 0.496952380952381, 0.580867251610357, 0.333333333333333, 0.5, 0.4]),
    ((7, 1000, 119, 55, 0), None, [0.577, 0.517242970613694, 0.571535581260344, 0.563829787234043, 0.963636363636364, 0.711409395973154]),
    ((8, 1000, 119, 10, 118), None, [0.096, 0.140850331567248, 0.216552674335349, 0.0795454545454545, 1.0, 0.147368421052632]),
    ((9, 1, 2, 100, 0), Some(0.0), [1.0, 1.0, 0.0, 1.0, 1.0, 1.0]),
    ((10, 5, 4, 0, 3), None, [0.2, 0.111111111111111, 0.0, 0.0, 0.0, 0.0]),
    ((11, 100, 1, 100, 0), None, [1.0, 1.0, 0.0, 1.0, 1.0, 1.0]),
    ((12, 2000, 15, 90, 7), None, [0.901, 0.872209834795519, 0.890470533275579, 0.899009900990099, 1.0, 0.94681960375391]),
];

/// Answers and truth.
fn answers(case: (u64, usize, u64, u64, u64)) -> (Vec<usize>, Vec<u32>) {
    let (mut state, n, classes, kept, floor) = case;
    let mut draw = || {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        state >> 15
    };
    let of_example = |_| {
        let u = draw();
        let truth = (((u * u) >> 16) * classes) >> 16;
        let right = draw() % 100 < kept;
        let other = floor + ((draw() * (classes - floor)) >> 16);
        let predicted = if right { truth } else { other };
        (predicted as usize, truth as u32)
    };
    (0..n).map(of_example).unzip()
}

#[test]
fn metrics_are_those_of_scikit_learn() {
    for (case, f1, expected) in CASES {
        let (predicted, truth) = answers(case);
        let classes = case.2 as usize;
        let counts = Counts::new(predicted, truth, classes);
        let labels: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
        let of = |metric| Measure::new(metric, &labels).map(|measure| measure.of(&counts));
        let first = counts.classes[0];
        let found = [
            of(Metric::Accuracy).unwrap(),
            of(Metric::MacroF1).unwrap(),
            of(Metric::Mcc).unwrap(),
            first.recall().unwrap_or(0.0),
            first.precision().unwrap_or(0.0),
            first.f1(),
        ];
        let pairs = found.iter().zip(&expected);
        let near = pairs.map(|(a, b)| (a - b).abs()).all(|gap| gap < 1e-12);
        assert!(near, "{case:?}: {found:?}, not {expected:?}");
        let same = |found: f64| f1.is_some_and(|f1: f64| (found - f1).abs() < 1e-12);
        assert!(of(Metric::F1).map_or(f1.is_none(), same), "{case:?}: F1");
    }
}
