//! `act-eval predict`: lines in, JSON lines out, in the same order. A batch is computed as soon as
//! it is full or the input has nothing more to give for now, so the program can serve a pipe.

pub mod input;
mod lines;
mod takes;

use std::io::Write;
use std::path::{Path, PathBuf};

use act_core::{Encoding, Error, Progress, Result};
use act_data::Lengths;
use act_stage::{Context, Exit, Listing, LogArgs, ThreadsArgs};
use serde::Serialize;
use serde_json::Value;

use crate::args;
use crate::model::{Model, stem};
use input::{LineFormat, Question, Reader};
use lines::Lines;

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
    let mut reader = Reader::of_file(&model, args.format, &args.input)?;
    let mut lines = Lines::open(&args.input)?;
    let (mut out, progress) = (ctx.listing(), ctx.progress());
    let mut answers = Answers {
        model: &model,
        style: match (args.submission, args.labels_only) {
            (true, _) => Style::Submission,
            (false, true) => Style::Label,
            (false, false) => Style::Whole,
        },
        lengths: Lengths::new(model.tokenizer.max_seq_length()),
        asked: 0,
        batch: Vec::new(),
    };
    let read = loop {
        let next = match lines.next() {
            Ok(Some(line)) => reader.read(line).map_err(|e| e.context(lines.place())),
            Ok(None) => break Ok(()),
            Err(bad) => break Err(bad),
        };
        match next {
            Ok(question) => answers.batch.extend(question),
            Err(bad) => break Err(bad),
        }
        if answers.batch.len() == args.batch_size || !lines.ready() {
            answers.give(&mut out, &progress)?;
        }
    };
    answers.give(&mut out, &progress)?;
    let cut = answers.lengths.cut();
    if cut.examples > 0 {
        log::warn!("{}: {cut}", lines.name());
    }
    read.map(|()| Exit::Done)
}

/// Questions on their way to their answers.
struct Answers<'a> {
    model: &'a Model,
    style: Style,
    /// Of all questions so far.
    lengths: Lengths,
    /// How many were asked.
    asked: u64,
    /// Those that wait.
    batch: Vec<Question>,
}

impl Answers<'_> {
    /// Answers all questions, and leaves none.
    fn give(&mut self, out: &mut Listing, progress: &dyn Progress) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        progress.advance(0)?;
        let (encodings, ids): (Vec<Encoding>, Vec<_>) = self
            .batch
            .drain(..)
            .map(|q| {
                self.lengths.add(q.whole);
                (q.encoding, q.id)
            })
            .unzip();
        let answers = self.model.engine.classify_encodings(&encodings)?;
        for (answer, id) in answers.into_iter().zip(ids) {
            let number = self.asked;
            self.asked += 1;
            let label = answer.label;
            let prediction = match self.style {
                Style::Label => {
                    let written = writeln!(out, "{label}");
                    written.map_err(|e| Error::io("standard output", e))?;
                    continue;
                }
                Style::Submission => Prediction::Submission {
                    id: id.unwrap_or_else(|| number.into()),
                    label,
                },
                Style::Whole => Prediction::Whole {
                    label,
                    probabilities: answer.probabilities,
                    logits: answer.logits,
                },
            };
            serde_json::to_writer(&mut *out, &prediction)
                .map_err(std::io::Error::from)
                .and_then(|()| out.write_all(b"\n"))
                .map_err(|e| Error::io("standard output", e))?;
        }
        out.flush().map_err(|e| Error::io("standard output", e))
    }
}
