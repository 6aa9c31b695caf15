//! `act-eval predict`: lines in, JSON lines out, in the same order. A batch is computed as soon as
//! it is full or the input has nothing more to give for now, so the program can serve a pipe.

pub mod input;
mod lines;
mod source;
mod stages;
mod takes;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use act_core::{Error, Progress, Result};
use act_data::Lengths;
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
    /// Write the labels alone, one a line.
    #[arg(long, conflicts_with = "submission")]
    pub labels_only: bool,
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
        label: String,
        probabilities: Vec<f32>,
        logits: Vec<f32>,
    },
    Submission {
        id: Value,
        label: String,
    },
}

/// What is written of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Whole,
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
    let model = Arc::new(model);
    let mut reader = Reader::of_file(&model, args.format, &args.input)?;
    let source = Source::open(&args.input, args.format, &mut reader, &model.task.name)?;
    let name = if args.input.as_os_str() == "-" {
        "standard input".into()
    } else {
        args.input.display().to_string()
    };
    let progress = ctx.progress();
    let mut written = Written {
        out: ctx.listing(),
        style: match (args.submission, args.labels_only) {
            (true, _) => Style::Submission,
            (false, true) => Style::Label,
            (false, false) => Style::Whole,
        },
        lengths: Lengths::new(model.tokenizer.max_seq_length()),
        answers: 0,
    };
    let stages = Stages::start(model, reader, source, args.batch_size)?;
    let ended = stages.each(|answers| {
        progress.advance(0)?;
        written.add(answers)
    });
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
        let prediction = match self.style {
            Style::Label => return writeln!(self.out, "{}", given.label),
            Style::Submission => Prediction::Submission {
                id: id.unwrap_or_else(|| self.answers.into()),
                label: given.label,
            },
            Style::Whole => Prediction::Whole {
                label: given.label,
                probabilities: given.probabilities,
                logits: given.logits,
            },
        };
        serde_json::to_writer(&mut self.out, &prediction)?;
        self.out.write_all(b"\n")
    }
}
