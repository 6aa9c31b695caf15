//! `act-eval summary`: the reports of several tasks as one: accuracy task by task and on average, as
//! the reference prints it, then intervals, sizes and latency. It reads reports and measures nothing.

mod average;
mod html;
mod json;
mod tables;

use std::path::{Path, PathBuf};

use act_core::BuiltIn;
use act_core::{Error, Result};
use act_stage::report::{self, ComparisonDetails, Report};
use act_stage::{Context, Exit, LogArgs, printed};

use crate::output::{self, Printed};
use json::Summary;

/// Arguments of `act-eval summary`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Reports of `act-eval report`, one a task.
    #[arg(required = true, value_name = "REPORT.json")]
    pub reports: Vec<PathBuf>,
    /// Print JSON instead.
    #[arg(long)]
    pub json: bool,
    /// Where to write, repeatable; the extension decides the format: html, md or json.
    #[arg(short, long, value_name = "FILE", value_parser = parse_page)]
    pub output: Vec<(PathBuf, Page)>,
    /// What it says.
    #[command(flatten)]
    pub log: LogArgs,
}

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// A web page.
    Html,
    /// What is printed.
    Markdown,
    /// For scripts.
    Json,
}

fn parse_page(text: &str) -> Result<(PathBuf, Page), String> {
    let path = PathBuf::from(text);
    let format = match path.extension().and_then(|e| e.to_str()) {
        Some("html") => Page::Html,
        Some("md") => Page::Markdown,
        Some("json") => Page::Json,
        _ => return Err("a summary ends in .html, .md or .json".into()),
    };
    Ok((path, format))
}

/// Runs the subcommand.
pub fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    for (path, _) in &args.output {
        ctx.check_output(path)?;
    }
    let mut reports: Vec<Report<ComparisonDetails>> = Vec::new();
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
    for (path, format) in &args.output {
        let content = match format {
            Page::Html => page(&reports)?,
            Page::Markdown => printed::markdown(&text(&reports)),
            Page::Json => json(&reports)?,
        };
        ctx.write_file(path, content.as_bytes())?;
    }
    let text = if args.json {
        Printed::Json(json(&reports)?)
    } else {
        Printed::Text(text(&reports))
    };
    output::print(ctx, &text)?;
    Ok(Exit::Done)
}

/// Tasks in the order of the reference's table, which is that of the built-in ones; others after them by
/// name.
fn place(task: &str) -> (usize, String) {
    let place = BuiltIn::ALL
        .iter()
        .position(|built_in| built_in.name() == task);
    (place.unwrap_or(BuiltIn::ALL.len()), task.to_string())
}

/// The tables of reports in their order, as text; each has been read by [`read`].
pub fn text(reports: &[Report<ComparisonDetails>]) -> String {
    tables::text(reports)
}

/// The same as a web page.
///
/// # Errors
/// Failed: figures that cannot be drawn.
pub fn page(reports: &[Report<ComparisonDetails>]) -> Result<String> {
    html::document(reports)
}

/// The same as JSON.
///
/// # Errors
/// Failed: figures that are no JSON.
pub fn json(reports: &[Report<ComparisonDetails>]) -> Result<String> {
    output::json(&Summary::new(reports))
}

/// Reads a report of several models.
///
/// # Errors
/// No such file; usage: no such report, or of one model.
pub fn read(path: &Path) -> Result<Report<ComparisonDetails>> {
    let report: Report<ComparisonDetails> = report::read(path, "act-eval report")?;
    if report.details.models.len() < 2 {
        return Err(Error::usage(format!(
            "{}: it has one model; a summary compares the last with the first",
            path.display()
        )));
    }
    Ok(report)
}
