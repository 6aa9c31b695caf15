//! `act-eval accuracy`: how often a model is right, and how far that number can be trusted. It may
//! stand at the end of a pipe of stages.

use std::path::PathBuf;

use act_core::Result;
use act_core::metrics::{Accuracy, Metric};
use act_core::provenance::DataRecord;
use act_data::Encoded;
use act_stage::report::{AccuracyDetails, ClassCount, Report};
use act_stage::{Context, Exit, ThreadsArgs};

use crate::args::{self, JudgeArgs};
use crate::evaluation::{Answers, open_split};
use crate::model::{Model, stem};
use crate::output::{self, Printed, synthetic_tag};
use crate::table::Table;
use crate::{classes, figures, resample};

/// Arguments of `act-eval accuracy`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Model; `-` is standard input.
    #[arg(default_value = "-", value_name = "MODEL")]
    pub model: PathBuf,
    /// Sequences computed together; the result does not depend on it.
    #[arg(long, default_value_t = 32, value_parser = args::at_least_one, value_name = "N")]
    pub batch_size: usize,
    /// Add a table of classes: examples, answers, recall, precision, F1.
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
    let Encoded { encodings, lengths } = data.encode(&model.tokenizer)?;
    let cut = lengths.cut().tell(&data.record.name);
    let progress = ctx.progress();
    let answers = Answers::collect(&model, &data, &encodings, args.batch_size, &progress)?;
    progress.finish();
    let accuracy = answers.accuracy();
    let labels = &model.task.labels;
    let classes = answers.classes(labels);
    let counts = answers.counts(labels.len());
    let measures = figures::measures(&model.task);
    let values = resample::values(&answers, &measures);
    let value = |metric: Metric| {
        let found = measures.iter().position(|m| m.metric() == metric)?;
        Some(values[found])
    };
    let positive = classes::positive(&model.task);

    let warning = answers.warning(labels);
    if let Some(warning) = &warning {
        log::warn!("{}: {warning}", model.name);
    }
    let mut report = model.report.with(AccuracyDetails {
        majority_class: answers.majority(labels),
        warning,
        macro_f1: value(Metric::MacroF1),
        micro_f1: value(Metric::MicroF1),
        lrap: value(Metric::Lrap),
        mcc: value(Metric::Mcc),
        f1: value(Metric::F1),
        spearman: value(Metric::Spearman),
        worst_class: classes::worst(&counts, labels),
        classes: Some(classes.clone()),
    });
    report.set_dataset(&data.record, Some(cut));
    report.accuracy = Some(accuracy);
    let text = if args.json {
        Printed::Json(output::json(&report)?)
    } else {
        let shown = args.per_class && !classes.is_empty();
        let table = shown.then(|| class_table(&classes).to_string());
        let mut text = summary(&accuracy, &data.record, &report);
        text += &output::cut_line(&cut);
        text += &beside(&report.details, positive);
        Printed::Text(text + &table.unwrap_or_default())
    };
    args.judge.report.write(ctx, report)?;
    output::print(ctx, &text)?;
    Ok(Exit::Done)
}

/// The two lines that people read and scripts cut.
fn summary<D>(accuracy: &Accuracy, data: &DataRecord, report: &Report<D>) -> String {
    let [value, low, high] = [accuracy.value, accuracy.low, accuracy.high].map(|x| 100.0 * x);
    let figure = if accuracy.metric.is_correlation() {
        let Accuracy { low, high, .. } = accuracy;
        let words = accuracy.metric.words(accuracy.value);
        format!("{words} ({low:.3} .. {high:.3}, 95 %)")
    } else {
        format!("accuracy {value:.1} % ({low:.1} .. {high:.1}, 95 %)")
    };
    format!(
        "{figure}, {} examples of {}{}\n\
         model_digest {}\n",
        accuracy.n,
        data.name,
        synthetic_tag(report.synthetic),
        report.model.digest,
    )
}

/// A third line: what the accuracy does not show. `positive` is the class that F1 is of.
fn beside(details: &AccuracyDetails, positive: Option<&str>) -> String {
    let mut figures = Vec::new();
    let several = [
        (Metric::MacroF1, details.macro_f1),
        (Metric::MicroF1, details.micro_f1),
        (Metric::Lrap, details.lrap),
        (Metric::Spearman, details.spearman),
    ];
    for (metric, value) in several {
        figures.extend(value.map(|value| metric.words(value)));
    }
    if let (Some(f1), Some(label)) = (details.f1, positive) {
        figures.push(format!("{} of class {label:?}", Metric::F1.words(f1)));
    }
    if let Some(mcc) = details.mcc {
        figures.push(Metric::Mcc.words(mcc));
    }
    if let Some(worst) = &details.worst_class {
        let (label, recall, n) = (&worst.label, classes::share(worst.recall), worst.examples);
        figures.push(format!("worst class {label:?}, recall {recall} of {n}"));
    }
    figures.join("; ") + "\n"
}

fn class_table(classes: &[ClassCount]) -> Table {
    let header = ["class", "examples", "answers", "recall", "precision", "F1"];
    let mut table = Table::new(header);
    for c in classes {
        table.push([
            c.label.clone(),
            c.examples.to_string(),
            c.predicted.to_string(),
            classes::share(c.recall),
            classes::share(c.precision),
            classes::share(c.f1),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use act_core::metrics::ClassCounts;

    use super::*;

    #[test]
    fn a_class_that_is_never_answered_has_no_precision() {
        let class = |label: &str, examples, predicted, correct| {
            let counts = ClassCounts {
                examples,
                predicted,
                correct,
            };
            ClassCount::new(label, &counts)
        };
        let expected = "\
| class | examples | answers | recall | precision |     F1 |
| ----- | -------: | ------: | -----: | --------: | -----: |
| 0     |        3 |       4 | 66.7 % |    50.0 % | 57.1 % |
| 1     |        1 |       0 |  0.0 % |         - |  0.0 % |
";
        let table = class_table(&[class("0", 3, 4, 2), class("1", 1, 0, 0)]);
        assert_eq!(table.to_string(), expected);
    }
}
