//! `act-eval summary`: the reports of several tasks as one: accuracy task by task and on average, as
//! the reference prints it, then intervals, sizes and latency. It reads reports and measures nothing.

mod tables;

use std::fs;
use std::path::{Path, PathBuf};

use act_core::{Error, Result};
use act_stage::{Context, Exit, LogArgs};
use serde::Deserialize;
use serde_json::json;

use crate::output;
use tables::Average;

/// Arguments of `act-eval summary`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Reports of `act-eval report`, one a task.
    #[arg(required = true, value_name = "REPORT.json")]
    pub reports: Vec<PathBuf>,
    /// Print JSON instead.
    #[arg(long)]
    pub json: bool,
    /// What it says.
    #[command(flatten)]
    pub log: LogArgs,
}

/// What a summary reads of a report.
#[derive(Debug, Deserialize)]
struct Reported {
    schema: u32,
    task: String,
    #[serde(default)]
    synthetic: bool,
    #[serde(default)]
    models: Vec<Measured>,
    host: Host,
}

#[derive(Debug, Deserialize)]
struct Host {
    cpu: String,
}

#[derive(Debug, Deserialize)]
struct Measured {
    name: String,
    model: Shape,
    accuracy: Accuracy,
    warning: Option<String>,
    difference: Option<Difference>,
    size_ratio: f64,
    latency: Vec<Latency>,
    speedups: Vec<Speedup>,
}

#[derive(Debug, Deserialize)]
struct Shape {
    precision: String,
    bytes: u64,
}

#[derive(Debug, Deserialize)]
struct Accuracy {
    value: f64,
    low: f64,
    high: f64,
    n: usize,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Difference {
    value: f64,
    low: f64,
    high: f64,
    p_value: f64,
    grouped: Option<Interval>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Interval {
    low: f64,
    high: f64,
}

impl Difference {
    /// The interval to trust: over groups of dependent examples where there are any.
    fn interval(&self) -> Interval {
        self.grouped.unwrap_or(Interval {
            low: self.low,
            high: self.high,
        })
    }
}

#[derive(Debug, Deserialize)]
struct Latency {
    batch: usize,
    seq: usize,
    padding: String,
    threads: usize,
    median_ms: f64,
}

#[derive(Debug, Deserialize)]
struct Speedup {
    median: f64,
}

/// Runs the subcommand.
pub fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let mut reports: Vec<Reported> = Vec::new();
    for path in &args.reports {
        let report = read(path)?;
        if reports.iter().any(|r| r.task == report.task) {
            let (path, task) = (path.display(), report.task);
            return Err(Error::usage(format!("{path}: a second report of {task}")));
        }
        reports.push(report);
    }
    reports.sort_by_key(|r| place(&r.task));
    ctx.set_synthetic(reports.iter().any(|r| r.synthetic));
    let text = match args.json {
        true => output::json(&as_json(&reports))?,
        false => tables::text(&reports),
    };
    output::print(ctx, &text)?;
    Ok(Exit::Done)
}

/// Tasks in the order of the reference's table, others after them by name.
fn place(task: &str) -> (usize, String) {
    const ORDER: [&str; 7] = [
        "afqmc",
        "tnews",
        "iflytek",
        "cmnli",
        "ocnli",
        "cluewsc2020",
        "csl",
    ];
    let place = ORDER.iter().position(|&name| name == task);
    (place.unwrap_or(ORDER.len()), task.to_string())
}

fn read(path: &Path) -> Result<Reported> {
    let refuse = |what: String| Error::usage(format!("{}: {what}", path.display()));
    let json = fs::read(path).map_err(|e| Error::io(path, e))?;
    let report: Reported = serde_json::from_slice(&json)
        .map_err(|e| refuse(format!("not a report of act-eval report: {e}")))?;
    if report.schema != 1 {
        let schema = report.schema;
        return Err(refuse(format!(
            "schema {schema}; this program knows schema 1"
        )));
    }
    if report.models.len() < 2 {
        return Err(refuse(
            "it has one model; a summary compares the last with the first".into(),
        ));
    }
    Ok(report)
}

fn as_json(reports: &[Reported]) -> serde_json::Value {
    let tasks: Vec<_> = reports
        .iter()
        .map(|report| {
            let (first, last) = ends(report);
            json!({
                "task": report.task,
                "synthetic": report.synthetic,
                "examples": last.accuracy.n,
                "base": first.accuracy.value,
                "compressed": last.accuracy.value,
                "difference": last.difference.map(|d| d.value),
                "low": last.difference.map(|d| d.interval().low),
                "high": last.difference.map(|d| d.interval().high),
                "size_ratio": last.size_ratio,
                "speedup": last.speedups.first().map(|s| s.median),
                "warning": last.warning,
            })
        })
        .collect();
    let average = Average::new(reports);
    json!({
        "schema": 1,
        "stage": "act-eval",
        "tasks": tasks,
        "average": {
            "base": average.base,
            "compressed": average.compressed,
            "difference": average.compressed - average.base,
            "low": average.interval.low,
            "high": average.interval.high,
            "speedup": average.speedup,
        },
    })
}

/// The first model of a report, and the last, which is what the pipeline made.
fn ends(report: &Reported) -> (&Measured, &Measured) {
    (&report.models[0], &report.models[report.models.len() - 1])
}
