//! `act-eval predict`: lines in, JSON lines out, in the same order. A batch is computed as soon as
//! it is full or the input has nothing more to give for now, so the program can serve a pipe.

pub mod input;
mod lines;
mod source;
mod stages;
mod takes;

use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use act_core::{Error, Problem, Progress, Result, TaskInfo};
use act_data::Lengths;
use act_infer::Classification;
use act_stage::{Context, Exit, Listing, LogArgs, ThreadsArgs};
use serde::Serialize;
use serde_json::Value;

use crate::args;
use crate::model::{Model, stem};
use input::{LineFormat, Reader};
use source::Source;
use stages::{Answer, Stages};

/// Arguments of `act-eval predict`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Model.
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// What to classify; `-` is standard input.
    #[arg(default_value = "-", value_name = "FILE")]
    pub input: PathBuf,
    /// What a line is.
    #[arg(long, value_enum, default_value_t = LineFormat::Auto, value_name = "FORMAT")]
    pub format: LineFormat,
    /// Write only `{"id": .., "label": ..}`, as CLUE takes it; a line without `id` is numbered from 0.
    #[arg(long)]
    pub submission: bool,
    /// Write the labels alone, a line a text; several with commas between; of a regression the score.
    #[arg(long, conflicts_with = "submission")]
    pub labels_only: bool,
    /// Write the K most probable labels with their probabilities instead of all of them and the logits.
    #[arg(long, value_parser = args::at_least_one, value_name = "K")]
    #[arg(conflicts_with_all = ["submission", "labels_only"])]
    pub top: Option<usize>,
    /// Most lines computed together; the answers do not depend on it.
    #[arg(long, default_value_t = 32, value_parser = args::at_least_one, value_name = "N")]
    pub batch_size: usize,
    /// On how many threads.
    #[command(flatten)]
    pub threads: ThreadsArgs,
    /// What it says.
    #[command(flatten)]
    pub log: LogArgs,
}

/// One line of output.
#[derive(Serialize)]
#[serde(untagged)]
enum Prediction {
    Whole {
        #[serde(flatten)]
        told: Told,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        probabilities: Vec<f32>,
        logits: Vec<f32>,
    },
    Top {
        #[serde(flatten)]
        told: Told,
        top: Vec<Probable>,
    },
    Submission {
        id: Value,
        #[serde(flatten)]
        told: Told,
    },
}

/// The answer itself, by the model's kind of problem.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Told {
    Label(String),
    Labels(Vec<String>),
    Score(f32),
}

impl Told {
    fn new(problem: &Problem, given: &Classification) -> Self {
        match (problem, given.score) {
            (_, Some(score)) => Told::Score(score),
            (Problem::MultiLabel { .. }, _) => Told::Labels(given.labels.clone()),
            _ => Told::Label(given.label.clone()),
        }
    }

    /// As one line.
    fn line(&self) -> String {
        match self {
            Told::Label(label) => label.clone(),
            Told::Labels(labels) => labels.join(","),
            Told::Score(score) => score.to_string(),
        }
    }
}

/// A label with its probability.
#[derive(Serialize)]
struct Probable {
    label: String,
    probability: f32,
}

/// The `most` most probable labels, the first of equals first.
fn top(most: usize, labels: &[String], probabilities: &[f32]) -> Vec<Probable> {
    let mut all: Vec<usize> = (0..probabilities.len()).collect();
    all.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let probable = |&class: &usize| Probable {
        label: labels[class].clone(),
        probability: probabilities[class],
    };
    all.iter().take(most).map(probable).collect()
}

/// What is written of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Whole,
    Top(usize),
    Submission,
    Label,
}

/// Runs the subcommand. A bad line ends it, after the answers to the lines before.
pub fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    if args.model == Path::new("-") && args.input == Path::new("-") {
        let message = "model and lines cannot both come from standard input: name one of the files";
        return Err(Error::usage(message));
    }
    let model = Model::load(ctx, &args.model, &stem(&args.model), args.threads.count())?;
    if args.top.is_some() && model.task.problem == Problem::Regression {
        return Err(Error::usage(
            "--top: the model gives a score, which has no labels to choose from; leave the flag out",
        ));
    }
    let model = Arc::new(model);
    let mut reader = Reader::of_file(&model, args.format, &args.input)?;
    let source = Source::open(&args.input, args.format, &mut reader, &model.task.name)?;
    let name = if args.input.as_os_str() == "-" {
        "standard input".into()
    } else {
        args.input.display().to_string()
    };
    let progress = ctx.progress();
    // Between answers on the same terminal a bar would only flicker.
    if !std::io::stdout().is_terminal()
        && let Some(lines) = source::lines(&args.input)
    {
        progress.begin("predicting", lines);
    }
    let mut written = Written {
        out: ctx.listing(),
        style: match (args.submission, args.labels_only, args.top) {
            (true, ..) => Style::Submission,
            (_, true, _) => Style::Label,
            (.., Some(most)) => Style::Top(most),
            _ => Style::Whole,
        },
        task: model.task.clone(),
        lengths: Lengths::new(model.tokenizer.max_seq_length()),
        answers: 0,
    };
    let stages = Stages::start(model, reader, source, args.batch_size)?;
    let ended = stages.each(|answers| {
        progress.advance(answers.len())?;
        written.add(answers)
    });
    progress.finish();
    let cut = written.lengths.cut();
    if cut.examples > 0 {
        log::warn!("{name}: {cut}");
    }
    ended.map(|()| Exit::Done)
}

/// What was written so far.
struct Written {
    out: Listing,
    style: Style,
    task: TaskInfo,
    /// Of the questions.
    lengths: Lengths,
    answers: u64,
}

impl Written {
    /// Writes the answers of a batch, so that whoever waits has them.
    fn add(&mut self, answers: Vec<Answer>) -> Result<()> {
        for answer in answers {
            self.lengths.add(answer.whole);
            self.write(answer)
                .map_err(|e| Error::io("standard output", e))?;
            self.answers += 1;
        }
        let flushed = self.out.flush();
        flushed.map_err(|e| Error::io("standard output", e))
    }

    fn write(&mut self, Answer { given, id, .. }: Answer) -> std::io::Result<()> {
        let told = Told::new(&self.task.problem, &given);
        let prediction = match self.style {
            Style::Label => return writeln!(self.out, "{}", told.line()),
            Style::Submission => Prediction::Submission {
                id: id.unwrap_or_else(|| self.answers.into()),
                told,
            },
            Style::Top(most) => Prediction::Top {
                told,
                top: top(most, &self.task.labels, &given.probabilities),
            },
            Style::Whole => Prediction::Whole {
                told,
                probabilities: given.probabilities,
                logits: given.logits,
            },
        };
        serde_json::to_writer(&mut self.out, &prediction)?;
        self.out.write_all(b"\n")
    }
}
