//! What scikit-learn 1.9.1 and SciPy 1.17.1 make of answers drawn by whole numbers;
//! `tests/peers/metrics_record.py` draws the same ones and prints [`CASES`], [`SETS`] and [`SCORES`] anew.

use super::accuracy::Accuracy;
use super::correlation::{pearson, spearman};
use super::counts::Counts;
use super::measure::{Measure, Metric};
use super::ranking::ranking_precision;

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

fn draws(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        state >> 15
    }
}

/// Answers and truth.
fn answers(case: (u64, usize, u64, u64, u64)) -> (Vec<usize>, Vec<u32>) {
    let (seed, n, classes, kept, floor) = case;
    let mut draw = draws(seed);
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

/// Seed, texts, labels, share of right answers in per cent; macro-F1, micro-F1, subset accuracy, LRAP.
type SetCase = ((u64, usize, u32, u64), [f64; 4]);

#[rustfmt::skip]
const SETS: [SetCase; 6] = [
    ((1, 200, 3, 80), [0.861771694252513, 0.864197530864197, 0.685, 0.940833333333334]),
    ((2, 500, 28, 60), [0.392673740403219, 0.461989446941567, 0.002, 0.466724881885301]),
    ((3, 300, 5, 0), [0.333137720843937, 0.351027397260274, 0.04, 0.607574074074074]),
    ((4, 40, 2, 100), [1.0, 1.0, 1.0, 1.0]),
    ((5, 1, 4, 50), [0.0, 0.0, 0.0, 1.0]),
    ((6, 1000, 60, 90), [0.579737462477276, 0.694311102032479, 0.046, 0.659925589218104]),
];

#[test]
fn metrics_of_sets_are_those_of_scikit_learn() {
    for ((seed, n, labels, kept), expected) in SETS {
        let mut draw = draws(seed);
        let (mut truth, mut given) = (Vec::new(), Vec::new());
        let (mut exact, mut ranking) = (0, 0.0);
        for _ in 0..n {
            let (mut right, mut scores) = (Vec::new(), Vec::new());
            for label in 0..labels {
                let is = draw().is_multiple_of(u64::from(2 + label));
                right.extend(is.then_some(label));
                let said = if draw() % 100 < kept {
                    u64::from(is)
                } else {
                    draw() % 2
                };
                scores.push((500 * said + draw() % 500) as f32 / 1000.0);
            }
            let over = (0..labels).filter(|&label| scores[label as usize] >= 0.5);
            let over: Vec<u32> = over.collect();
            exact += usize::from(over == right);
            ranking += ranking_precision(&scores, &right);
            truth.push(right);
            given.push(over);
        }
        let given = given.iter().map(Vec::as_slice);
        let counts = Counts::of_sets(given, truth.iter().map(Vec::as_slice), labels as usize);
        let shares = [exact as f64, ranking].map(|sum| sum / n as f64);
        let found = [
            counts.macro_f1_of_all(),
            counts.micro_f1(),
            shares[0],
            shares[1],
        ];
        let pairs = found.iter().zip(&expected);
        let near = pairs.map(|(a, b)| (a - b).abs()).all(|gap| gap < 1e-12);
        assert!(near, "{seed}: {found:?}, not {expected:?}");
    }
}

/// Seed, texts, noise, steps of a score; Pearson, its interval, Spearman.
type ScoreCase = ((u64, usize, u64, u64), [f64; 4]);

#[rustfmt::skip]
const SCORES: [ScoreCase; 5] = [
    ((1, 200, 50, 6), [0.986141271658398, 0.98171705759547, 0.989500560538496, 0.984326635737109]),
    ((2, 1500, 10, 26), [0.999218942214881, 0.999135699105088, 0.999294170790823, 0.999232722127618]),
    ((3, 30, 200, 6), [0.880951871422892, 0.762770694171132, 0.942189223493574, 0.853608076211613]),
    ((4, 4, 0, 3), [1.0, 1.0, 1.0, 1.0]),
    ((5, 700, 500, 501), [0.429282227591563, 0.366849238502525, 0.487865562376359, 0.407854864272302]),
];

#[test]
fn correlations_are_those_of_scipy() {
    for ((seed, n, noise, steps), expected) in SCORES {
        let mut draw = draws(seed);
        let (mut truth, mut given) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let right = (draw() % steps) as f64 / (steps - 1) as f64 * 5.0;
            truth.push(right);
            let off = ((draw() % 1000) as f64 - 500.0) / 500.0 * noise as f64 / 100.0;
            given.push(right + off);
        }
        let of = Accuracy::correlation(pearson(&given, &truth), n);
        let found = [of.value, of.low, of.high, spearman(&given, &truth)];
        let pairs = found.iter().zip(&expected);
        let near = pairs.map(|(a, b)| (a - b).abs()).all(|gap| gap < 1e-9);
        assert!(near, "{seed}: {found:?}, not {expected:?}");
    }
}
