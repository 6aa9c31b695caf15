//! Calibrators against thresholds that NumPy found for the same values (`calibrators.py`).

use std::collections::BTreeMap;

use act_core::quant::Calibrator;
use act_quant::calibrate::Method;
use act_quant::statistics::Statistics;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    min: f32,
    max: f32,
    positive: Vec<u64>,
    negative: Vec<u64>,
    /// Levels, then method, then threshold.
    thresholds: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Case {
    fn statistics(&self) -> Statistics {
        Statistics {
            min: self.min,
            max: self.max,
            mean_peak: 0.75,
            positive: self.positive.clone(),
            negative: self.negative.clone(),
            shift: None,
            channels: Default::default(),
            moments: None,
        }
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("fixtures/calibrators.json")).unwrap()
}

#[test]
fn thresholds_are_those_of_numpy() {
    let mut compared = 0;
    for case in cases() {
        let statistics = case.statistics();
        for (levels, thresholds) in &case.thresholds {
            let levels = levels.parse().unwrap();
            for (name, &expected) in thresholds {
                if name == "mse_of_values" {
                    continue;
                }
                let (algo, percent) = name.split_once(' ').unwrap_or((name, "1"));
                let method = Method::new(algo.parse().unwrap(), percent.parse().unwrap());
                let found = method.threshold(&statistics, levels);
                assert!(
                    (found - expected).abs() <= 1e-9 * expected,
                    "{}: {name} with {levels} levels: {found}, NumPy {expected}",
                    case.name
                );
                compared += 1;
            }
        }
    }
    assert_eq!(compared, (5 + 14) * 2 * 8);
}

/// The histogram stands in for the values: the error search must land on the threshold that the
/// values themselves choose, or on its neighbour.
#[test]
fn mse_of_the_histogram_agrees_with_mse_of_the_values() {
    for case in cases() {
        let statistics = case.statistics();
        for (levels, thresholds) in &case.thresholds {
            let Some(expected) = thresholds.get("mse_of_values") else {
                continue;
            };
            let found =
                Method::new(Calibrator::Mse, 0.0).threshold(&statistics, levels.parse().unwrap());
            let off = (found - expected).abs() / statistics.abs_max();
            assert!(off < 0.021, "{}: {off} of the maximum off", case.name);
        }
    }
}

#[test]
fn avg_is_the_mean_peak() {
    let statistics = cases()[0].statistics();
    assert_eq!(
        Method::new(Calibrator::Avg, 0.0).threshold(&statistics, 127),
        0.75
    );
}
