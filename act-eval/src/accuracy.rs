//! `act-eval accuracy`: how often a model is right, and how far that number can be trusted. It may
//! stand at the end of a pipe of stages.

use std::path::PathBuf;

use act_core::Result;
use act_core::metrics::Accuracy;
use act_core::provenance::DataRecord;
use act_stage::report::{AccuracyDetails, ClassCount, Report};
use act_stage::{Context, Exit, ThreadsArgs};

use crate::args::{self, JudgeArgs};
use crate::evaluation::{Answers, majority, open_split};
use crate::model::{Model, stem};
use crate::output::{self, synthetic_tag};
use crate::table::Table;

/// Arguments of `act-eval accuracy`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Model; `-` is standard input.
    #[arg(default_value = "-", value_name = "MODEL")]
    pub model: PathBuf,
    /// Sequences computed together; the result does not depend on it.
    #[arg(long, default_value_t = 32, value_parser = args::at_least_one, value_name = "N")]
    pub batch_size: usize,
    /// Add a table of classes: examples, answers, recall, precision.
    #[arg(long)]
    pub per_class: bool,
    /// Print the JSON report instead.
    #[arg(long)]
    pub json: bool,
    /// On how many threads.
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// On what.
    #[command(flatten)]
    pub judge: JudgeArgs,
}

/// Runs the subcommand.
pub fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    args.judge.report.check(ctx)?;
    let threads = args.threads.count();
    let model = Model::load(ctx, &args.model, &stem(&args.model), threads)?;
    let data = open_split(ctx, &model, &args.judge)?;
    let encodings = data.encode(&model.tokenizer)?;
    let progress = ctx.progress();
    let answers = Answers::collect(&model, &data, &encodings, args.batch_size, &progress)?;
    progress.finish();
    let accuracy = answers.accuracy();
    let classes = answers.classes(&model.task.labels);

    let warning = answers.warning(&model.task.labels);
    if let Some(warning) = &warning {
        log::warn!("{}: {warning}", model.name);
    }
    let mut report = model.report.with(AccuracyDetails {
        majority_class: majority(&classes),
        warning,
        classes: args.per_class.then(|| classes.clone()),
    });
    report.set_dataset(&data.record);
    report.accuracy = Some(accuracy);
    let text = if args.json {
        output::json(&report)?
    } else {
        let table = args.per_class.then(|| class_table(&classes).to_string());
        summary(&accuracy, &data.record, &report) + &table.unwrap_or_default()
    };
    args.judge.report.write(ctx, report)?;
    output::print(ctx, &text)?;
    Ok(Exit::Done)
}

/// The two lines that people read and scripts cut.
fn summary<D>(accuracy: &Accuracy, data: &DataRecord, report: &Report<D>) -> String {
    let [value, low, high] = [accuracy.value, accuracy.low, accuracy.high].map(|x| 100.0 * x);
    format!(
        "accuracy {value:.1} % ({low:.1} .. {high:.1}, 95 %), {} examples of {}{}\n\
         model_digest {}\n",
        accuracy.n,
        data.name,
        synthetic_tag(report.synthetic),
        report.model.digest,
    )
}

fn class_table(classes: &[ClassCount]) -> Table {
    let share = |some: usize, whole: usize| match whole {
        0 => "-".to_string(),
        _ => format!("{:.1} %", 100.0 * some as f64 / whole as f64),
    };
    let mut table = Table::new(["class", "examples", "answers", "recall", "precision"]);
    for c in classes {
        table.push([
            c.label.clone(),
            c.examples.to_string(),
            c.predicted.to_string(),
            share(c.correct, c.examples),
            share(c.correct, c.predicted),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_is_never_answered_has_no_precision() {
        let class = |label: &str, examples, predicted, correct| ClassCount {
            label: label.into(),
            examples,
            predicted,
            correct,
        };
        let expected = "\
| class | examples | answers | recall | precision |
| ----- | -------: | ------: | -----: | --------: |
| 0     |        3 |       4 | 66.7 % |    50.0 % |
| 1     |        1 |       0 |  0.0 % |         - |
";
        let table = class_table(&[class("0", 3, 4, 2), class("1", 1, 0, 0)]);
        assert_eq!(table.to_string(), expected);
    }
}
