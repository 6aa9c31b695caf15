//! Means over tasks.

use act_stage::report::{ComparedModel, ComparisonDetails, PairedDifference, Report};
use serde::Serialize;

use crate::conclusion;

/// A task's report.
pub(super) type Comparison = Report<ComparisonDetails>;

/// The first model of a report, and the last, which is what the pipeline made.
pub(super) fn ends(report: &Comparison) -> (&ComparedModel, &ComparedModel) {
    let models = &report.details.models;
    (&models[0], &models[models.len() - 1])
}

/// A 95 % interval.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The interval to trust, as a report's conclusion has it.
pub(super) fn interval(difference: &PairedDifference) -> Interval {
    let (low, high) = conclusion::interval(difference);
    Interval { low, high }
}

/// Means over tasks, each task with the same weight.
#[derive(Serialize)]
pub(super) struct Average {
    pub(super) base: f64,
    pub(super) compressed: f64,
    pub(super) difference: f64,
    /// 95 % interval of the difference: tasks are independent, so the squares of the half-widths of
    /// their intervals add up.
    #[serde(flatten)]
    pub(super) interval: Interval,
    /// Geometric mean of the speed-ups in the first setting; absent if a task has none.
    pub(super) speedup: Option<f64>,
}

impl Average {
    pub(super) fn new(reports: &[Comparison]) -> Self {
        let n = reports.len() as f64;
        let mean = |of: &dyn Fn(&Comparison) -> f64| reports.iter().map(of).sum::<f64>() / n;
        let base = mean(&|r| ends(r).0.accuracy.value);
        let compressed = mean(&|r| ends(r).1.accuracy.value);
        let side = |width: &dyn Fn(f64, Interval) -> f64| {
            let squares = reports.iter().filter_map(|r| ends(r).1.difference.as_ref());
            squares
                .map(|d| width(d.value, interval(d)).powi(2))
                .sum::<f64>()
                .sqrt()
                / n
        };
        let difference = compressed - base;
        let logs: Option<Vec<f64>> = (reports.iter())
            .map(|r| Some(ends(r).1.speedups.first()?.ratio.median.ln()))
            .collect();
        Self {
            base,
            compressed,
            difference,
            interval: Interval {
                low: difference - side(&|value, i| value - i.low),
                high: difference + side(&|value, i| i.high - value),
            },
            speedup: logs.map(|logs| (logs.iter().sum::<f64>() / n).exp()),
        }
    }
}
