//! `act-eval gate`: turns a report into pass or fail, one line for each criterion, so that a build
//! can depend on it; a class that is lost is told whatever the criteria are. It measures nothing and
//! changes nothing.

mod criteria;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use act_core::metrics::Metric;
use act_core::{Error, Result};
use act_stage::report::{self, ComparedModel, ComparisonDetails, Report};
use act_stage::{Context, Exit, LogArgs};

use crate::args;
use crate::output::{self, Printed, synthetic_tag};
use criteria::Verdict;

/// Arguments of `act-eval gate`.
#[derive(Debug, Clone, clap::Args)]
#[command(group(
    clap::ArgGroup::new("criteria")
        .args(["max_drop", "max_drop_f1", "max_drop_of", "max_class_drop", "min_speedup"])
        .required(true)
        .multiple(true)
))]
pub struct Args {
    /// The JSON that `act-eval report` wrote; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// Model to judge, by its name in the report; default: the last.
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Accuracy lost against the first model, in percentage points, at most; of scores their correlation in
    /// hundredths.
    #[arg(long, value_name = "POINTS", value_parser = args::not_negative)]
    pub max_drop: Option<f64>,
    /// Macro-F1 lost, in percentage points, at most.
    #[arg(long, value_name = "POINTS", value_parser = args::not_negative)]
    pub max_drop_f1: Option<f64>,
    /// Another figure lost, METRIC=POINTS, at most: f1, micro_f1, mcc, lrap, spearman ...; of a correlation a
    /// point is a hundredth; repeatable.
    #[arg(long, value_name = "METRIC=POINTS", value_parser = metric_and_points)]
    pub max_drop_of: Vec<(Metric, f64)>,
    /// Recall lost in any class, in percentage points, at most.
    #[arg(long, value_name = "POINTS", value_parser = args::not_negative)]
    pub max_class_drop: Option<f64>,
    /// Examples that a class must have for --max-class-drop to judge it: one answer moves a class of 10
    /// by 10 points.
    #[arg(long, default_value_t = 10, value_parser = args::at_least_one, value_name = "N")]
    #[arg(requires = "max_class_drop")]
    pub class_examples: usize,
    /// Speed-up over the first model, at least.
    #[arg(long, value_name = "RATIO", value_parser = args::not_negative)]
    pub min_speedup: Option<f64>,
    /// What it says.
    #[command(flatten)]
    pub log: LogArgs,
}

/// `mcc=2`
fn metric_and_points(text: &str) -> std::result::Result<(Metric, f64), String> {
    let (metric, points) = text
        .split_once('=')
        .ok_or("write METRIC=POINTS, as in mcc=2")?;
    let metric = metric.parse::<Metric>().map_err(|e| e.to_string())?;
    Ok((metric, args::not_negative(points)?))
}

/// Who writes what is judged here.
const WRITER: &str = "act-eval report";

/// Runs the subcommand.
pub fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let report = report::read(&args.from, WRITER)?;
    let outcome = judge(args, &report).map_err(|e| e.context(args.from.display()))?;
    if let Some(lost) = &outcome.lost {
        log::warn!("{lost}");
    }
    output::print(ctx, &Printed::Text(outcome.text()))?;
    let met = outcome
        .verdicts
        .iter()
        .all(|v| v.outcome == criteria::Outcome::Met);
    Ok(if met { Exit::Done } else { Exit::Missed })
}

/// What the gate finds.
pub struct Outcome {
    verdicts: Vec<Verdict>,
    /// Classes that the model lost, in a sentence.
    lost: Option<String>,
}

impl Outcome {
    /// A line a criterion.
    pub fn text(&self) -> String {
        let mut text: String = self
            .verdicts
            .iter()
            .map(|v| v.line.clone() + "\n")
            .collect();
        if let Some(lost) = &self.lost {
            text += &format!("warning {lost}\n");
        }
        text
    }
}

/// Judges a model of a report by the criteria that are given.
///
/// # Errors
/// Usage: no such model, or figures that the report lacks.
pub fn judge(args: &Args, report: &Report<ComparisonDetails>) -> Result<Outcome> {
    let models = &report.details.models;
    let model = find(models, args.model.as_deref())?;
    let examples = args.class_examples;
    let criteria = [
        args.max_drop.map(|most| criteria::accuracy(model, most)),
        (args.max_drop_f1).map(|most| criteria::figure(model, Metric::MacroF1, most)),
        (args.max_class_drop).map(|most| criteria::classes(model, most, examples)),
        (args.min_speedup).map(|least| criteria::speedup(model, least)),
    ];
    let of = |(metric, most): &(Metric, f64)| criteria::figure(model, *metric, *most);
    let others = args.max_drop_of.iter().map(of);
    let verdicts: Result<Vec<Verdict>> = criteria.into_iter().flatten().chain(others).collect();
    let mut verdicts = verdicts?;
    let tag = synthetic_tag(report.synthetic);
    for v in &mut verdicts {
        let word = v.outcome.word();
        v.line = format!("{word:<7} {}: {}{tag}", model.name, v.line);
    }
    let lost = criteria::lost(models, model);
    Ok(Outcome {
        verdicts,
        lost: lost.map(|lost| format!("{}: {lost}{tag}", model.name)),
    })
}

fn find<'a>(models: &'a [ComparedModel], name: Option<&str>) -> Result<&'a ComparedModel> {
    let found = match name {
        Some(name) => models.iter().find(|m| m.name == name),
        None => models.last(),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = models.iter().map(|m| m.name.as_str()).collect();
        Error::usage(match (name, names.is_empty()) {
            (Some(name), false) => format!("no model {name}; there are {}", names.join(", ")),
            _ => "no models to judge: is it the JSON that act-eval report wrote?".into(),
        })
    })
}
