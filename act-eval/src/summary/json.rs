//! A summary as JSON, for scripts.

use act_stage::report::SCHEMA;
use serde::Serialize;

use super::average::{Average, Comparison, ends, interval};

/// All that `act-eval summary --json` says.
#[derive(Serialize)]
pub(super) struct Summary {
    schema: u32,
    stage: &'static str,
    tasks: Vec<TaskSummary>,
    average: Average,
}

#[derive(Serialize)]
struct TaskSummary {
    task: String,
    synthetic: bool,
    examples: usize,
    base: f64,
    compressed: f64,
    difference: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    size_ratio: f64,
    speedup: Option<f64>,
    warning: Option<String>,
}

impl Summary {
    pub(super) fn new(reports: &[Comparison]) -> Self {
        Self {
            schema: SCHEMA,
            stage: "act-eval",
            tasks: reports.iter().map(task).collect(),
            average: Average::new(reports),
        }
    }
}

fn task(report: &Comparison) -> TaskSummary {
    let (first, last) = ends(report);
    let interval = last.difference.as_ref().map(interval);
    TaskSummary {
        task: report.task.clone(),
        synthetic: report.synthetic,
        examples: last.accuracy.n,
        base: first.accuracy.value,
        compressed: last.accuracy.value,
        difference: last.difference.as_ref().map(|d| d.value),
        low: interval.map(|i| i.low),
        high: interval.map(|i| i.high),
        size_ratio: last.size_ratio,
        speedup: last.speedups.first().map(|s| s.ratio.median),
        warning: last.warning.clone(),
    }
}
