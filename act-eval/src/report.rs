//! `act-eval report`: models side by side on one data set, written as JSON for scripts, as
//! Markdown and as a web page for people.

use std::path::{Path, PathBuf};
use std::time::Instant;

use act_core::{Error, Result};
use act_stage::{Context, Exit, printed};

use crate::args::LatencyArgs;
use crate::comparison::{Comparison, Measurements};
use crate::evaluation::{Answers, open_split};
use crate::html;
use crate::latency::{Contestant, race_all};
use crate::markdown;
use crate::model::{Model, stem};
use crate::operators;
use crate::output::{self, Printed};
use crate::promised;
use crate::terminal;
use crate::training::TrainingReports;

/// Arguments of `act-eval report`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Models, the reference first: a file, or NAME=FILE.
    #[arg(required = true, value_name = "MODEL")]
    pub models: Vec<String>,
    /// Where to write, repeatable, in this order; the extension decides the format: html, md, json, or
    /// txt for what is printed.
    #[arg(short, long, value_name = "FILE", value_parser = parse_document)]
    pub output: Vec<Document>,
    /// Report of act-distill or act-quant, whose curves and reasons are shown; repeatable.
    #[arg(long, value_name = "FILE")]
    pub training: Vec<PathBuf>,
    /// What act-compress promised and every model that it tried for it, its promise.json.
    #[arg(long, value_name = "FILE")]
    pub promise: Option<PathBuf>,
    /// Print the JSON report instead of the table.
    #[arg(long)]
    pub json: bool,
    /// How to measure latency.
    #[command(flatten)]
    pub latency: LatencyArgs,
}

/// A file to write and its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    path: PathBuf,
    format: DocumentFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DocumentFormat {
    Html,
    Json,
    Markdown,
    Text,
}

fn parse_document(text: &str) -> Result<Document, String> {
    let path = PathBuf::from(text);
    let format = match path.extension().and_then(|e| e.to_str()) {
        Some("html") => DocumentFormat::Html,
        Some("json") => DocumentFormat::Json,
        Some("md") => DocumentFormat::Markdown,
        Some("txt") => DocumentFormat::Text,
        _ => return Err("a report ends in .html, .md, .json or .txt".into()),
    };
    Ok(Document { path, format })
}

/// Answers do not depend on threads, so they may have them all; `--threads` is for latency.
const ALL_CORES: usize = 0;

/// Runs the subcommand.
pub fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    output::print(ctx, &write(args, ctx)?)?;
    Ok(Exit::Done)
}

/// Measures and writes what the arguments ask for; gives back what is to be printed.
///
/// # Errors
/// Usage: files that cannot be read or written, models that cannot be compared.
pub fn write(args: &Args, ctx: &Context) -> Result<Printed> {
    let start = Instant::now();
    for document in &args.output {
        ctx.check_output(&document.path)?;
    }
    args.latency.judge.report.check(ctx)?;
    let training = TrainingReports::read(&args.training)?;
    let promise = args.promise.as_deref().map(promised::read).transpose()?;
    let mut models = load(args, ctx)?;
    training.explain(&mut models)?;
    let data = open_split(ctx, &models[0], &args.latency.judge)?;
    let progress = ctx.progress();
    let mut answers = Vec::new();
    let (mut encodings, mut cuts) = (Vec::new(), Vec::new());
    for model in &models {
        let encoded = data.encode(&model.tokenizer)?;
        let whose = format!("{}, {}", model.name, data.record.name);
        cuts.push(encoded.lengths.cut().tell(&whose));
        let (encoded, batch) = (encoded.encodings, args.latency.batch);
        answers.push(Answers::collect(model, &data, &encoded, batch, &progress)?);
        encodings.push(encoded);
    }
    let models: Vec<Model> = models
        .into_iter()
        .map(|m| m.with_threads(args.latency.threads()))
        .collect();
    let contestants: Vec<Contestant<'_>> = models
        .iter()
        .zip(&encodings)
        .map(|(model, encodings)| Contestant {
            model,
            encodings,
            examples: &data.examples,
        })
        .collect();
    let settings = args.latency.settings(&models);
    let (budget, seed) = (args.latency.budget(), args.latency.seed());
    let races = race_all(&settings, &contestants, &budget, seed, &progress)?;
    let operators = match settings.first() {
        Some(&setting) => operators::measure(setting, &contestants, seed, &progress)?,
        None => Vec::new(),
    };
    progress.finish();
    let measured = Measurements {
        answers,
        cuts,
        races,
        operators,
        training: training.courses,
        promise,
    };
    let mut comparison = Comparison::new(&models, measured, &data, seed);
    comparison.report.wall_s = start.elapsed().as_secs_f64();
    for lost in comparison.lost_classes() {
        log::warn!("{lost}");
    }
    let json = output::json(&comparison.report)?;
    let text = terminal::text(&comparison);
    // In the order of the flags: whoever waits for one of them, as Make does, names it last.
    for document in &args.output {
        let content = match document.format {
            DocumentFormat::Html => html::document(&comparison, &models)?,
            DocumentFormat::Json => json.clone(),
            DocumentFormat::Markdown => {
                printed::markdown(&markdown::document(&comparison, &models))
            }
            DocumentFormat::Text => printed::lines(&text),
        };
        ctx.write_file(&document.path, content.as_bytes())?;
    }
    let printed = if args.json {
        Printed::Json(json)
    } else {
        Printed::Text(text)
    };
    args.latency.judge.report.write(ctx, comparison.report)?;
    Ok(printed)
}

/// Loads all models; they must answer the same question.
fn load(args: &Args, ctx: &Context) -> Result<Vec<Model>> {
    let mut models: Vec<Model> = Vec::new();
    for argument in &args.models {
        let (name, path) = name_and_path(argument);
        if models.iter().any(|m| m.name == name) {
            let message = format!("two models are called {name}: write NAME=FILE for one of them");
            return Err(Error::usage(message));
        }
        let model = Model::load_timed(ctx, &path, &name, ALL_CORES)?;
        if let Some(first) = models.first()
            && (first.task.labels != model.task.labels
                || first.task.problem.kind() != model.task.problem.kind())
        {
            let [a, b] = [first, &model].map(|m| format!("{} ({})", m.name, m.task.name));
            let [ours, theirs] = [first, &model].map(|m| m.task.problem.kind());
            let what = if ours == theirs {
                "have different labels".to_string()
            } else {
                format!("give {ours} and {theirs} answers")
            };
            let message = format!("{a} and {b} {what}: they cannot be compared");
            return Err(Error::usage(message));
        }
        models.push(model);
    }
    Ok(models)
}

/// `NAME=FILE`, or a file whose stem is the name. A `=` inside a path is no separator.
fn name_and_path(argument: &str) -> (String, PathBuf) {
    match argument.split_once('=') {
        Some((name, path)) if !name.is_empty() && !name.contains('/') => {
            (printed::one_line(name), path.into())
        }
        _ => (stem(Path::new(argument)), argument.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_named_by_the_user_or_by_their_file() {
        let named = |s| {
            let (name, path) = name_and_path(s);
            format!("{name} {}", path.display())
        };
        assert_eq!(named("build/int8.act"), "int8 build/int8.act");
        assert_eq!(named("small=build/int8.act"), "small build/int8.act");
        assert_eq!(named("lr=3/int8.act"), "lr 3/int8.act");
        assert_eq!(named("runs/lr=3/int8.act"), "int8 runs/lr=3/int8.act");
        assert_eq!(named("-"), "model -");
        // What a name may do to a terminal or a table, it does not.
        assert_eq!(
            named("a\u{1b}[2J\n.act").split(' ').next(),
            Some("a\\u{1b}[2J\\n")
        );
        assert_eq!(named("\u{1b}c=x.act"), "\\u{1b}c x.act");
    }

    #[test]
    fn the_extension_decides_the_format() {
        assert_eq!(
            parse_document("a/report.md").unwrap().format,
            DocumentFormat::Markdown
        );
        assert_eq!(
            parse_document("report.json").unwrap().format,
            DocumentFormat::Json
        );
        assert!(parse_document("report").is_err());
        assert!(parse_document("report.pdf").is_err());
    }
}
