//! `act-eval predict`: lines in, JSON lines out, in the same order. A batch is computed as soon as
//! it is full or the input has nothing more to give for now, so the program can serve a pipe.

pub mod input;
mod lines;

use std::io::Write;
use std::path::{Path, PathBuf};

use act_core::{Encoding, Error, Progress, Result};
use act_stage::{Context, Exit, Listing, LogArgs, ThreadsArgs};
use serde::Serialize;
use serde_json::Value;

use crate::args;
use crate::model::{Model, stem};
use input::{LineFormat, Reader};
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
    /// What a line is; `auto`: JSON if it starts with `{`, else text.
    #[arg(long, value_enum, default_value_t = LineFormat::Auto, value_name = "FORMAT")]
    pub format: LineFormat,
    /// Write only `{"id": .., "label": ..}`, as CLUE takes it; a line without `id` is numbered from 0.
    #[arg(long)]
    pub submission: bool,
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

/// A line that waits for its answer.
struct Question {
    encoding: Encoding,
    /// Only where the answer will name it.
    id: Option<Value>,
}

/// Runs the subcommand. A bad line ends it, after the answers to the lines before.
pub fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    if args.model == Path::new("-") && args.input == Path::new("-") {
        let message = "model and lines cannot both come from standard input: name one of the files";
        return Err(Error::usage(message));
    }
    let model = Model::load(ctx, &args.model, &stem(&args.model), args.threads.count())?;
    let reader = Reader::new(&model, args.format);
    let mut lines = Lines::open(&args.input)?;
    let (mut out, progress) = (ctx.listing(), ctx.progress());
    let mut batch: Vec<Question> = Vec::new();
    for number in 0u64.. {
        let question = |line: &str| {
            let encoding = reader.encode(line)?;
            let id = args.submission.then(|| input::id(line, number));
            Ok(Some(Question { encoding, id }))
        };
        let next = match lines.next() {
            Ok(Some(line)) => question(line).map_err(|e: Error| e.context(lines.place())),
            other => other.map(|_| None),
        };
        match next {
            Ok(Some(question)) => batch.push(question),
            Ok(None) => {
                answer(&model, &mut batch, &mut out, &progress)?;
                break;
            }
            Err(bad) => {
                answer(&model, &mut batch, &mut out, &progress)?;
                return Err(bad);
            }
        }
        if batch.len() == args.batch_size || !lines.ready() {
            answer(&model, &mut batch, &mut out, &progress)?;
        }
    }
    Ok(Exit::Done)
}

/// Answers all questions, and leaves none.
fn answer(
    model: &Model,
    batch: &mut Vec<Question>,
    out: &mut Listing,
    progress: &dyn Progress,
) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    progress.advance(0)?;
    let (encodings, ids): (Vec<Encoding>, Vec<_>) =
        batch.drain(..).map(|q| (q.encoding, q.id)).unzip();
    let answers = model.engine.classify_encodings(&encodings)?;
    for (answer, id) in answers.into_iter().zip(ids) {
        let label = answer.label;
        let prediction = match id {
            Some(id) => Prediction::Submission { id, label },
            None => Prediction::Whole {
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
