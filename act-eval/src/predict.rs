//! `act-eval predict`: lines in, JSON lines out, in the same order. A batch is computed as soon as
//! it is full or the input has nothing more to give for now, so the program can serve a pipe.

pub mod input;
mod lines;

use std::io::Write;
use std::path::{Path, PathBuf};

use act_core::cli::{CommonArgs, Context, Exit, Listing};
use act_core::metrics::{argmax, softmax};
use act_core::{Encoding, Error, Result};
use serde::Serialize;

use crate::args;
use crate::model::{Model, stem};
use input::{Format, Reader};
use lines::Lines;

/// Arguments of `act-eval predict`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    mut_arg("config", |a| a.hide(true)),
    mut_arg("set", |a| a.hide(true)),
    mut_arg("data", |a| a.hide(true)),
    mut_arg("device", |a| a.hide(true)),
    mut_arg("seed", |a| a.hide(true)),
    mut_arg("report", |a| a.hide(true)),
    mut_arg("strict", |a| a.hide(true))
)]
pub struct Args {
    /// Model.
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// What to classify; `-` is standard input.
    #[arg(default_value = "-", value_name = "FILE")]
    pub input: PathBuf,
    /// What a line is; `auto`: JSON if it starts with `{`, else text.
    #[arg(long, value_enum, default_value_t = Format::Auto, value_name = "FORMAT")]
    pub format: Format,
    /// Most lines computed together; the answers do not depend on it.
    #[arg(long, default_value_t = 32, value_parser = args::at_least_one, value_name = "N")]
    pub batch_size: usize,
    /// What every program has.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// One line of output.
#[derive(Serialize)]
struct Prediction<'a> {
    label: &'a str,
    probabilities: Vec<f32>,
    logits: Vec<f32>,
}

/// Runs the subcommand. A bad line ends it, after the answers to the lines before.
pub fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    if args.model == Path::new("-") && args.input == Path::new("-") {
        let message = "model and lines cannot both come from standard input: name one of the files";
        return Err(Error::usage(message));
    }
    let model = Model::load(ctx, &args.model, &stem(&args.model), ctx.threads())?;
    let reader = Reader::new(&model, args.format);
    let mut lines = Lines::open(&args.input)?;
    let mut out = ctx.listing();
    let mut batch: Vec<Encoding> = Vec::new();
    loop {
        let next = match lines.next() {
            Ok(Some(line)) => reader
                .encode(line)
                .map(Some)
                .map_err(|e| e.context(lines.place())),
            other => other.map(|_| None),
        };
        match next {
            Ok(Some(encoding)) => batch.push(encoding),
            Ok(None) => {
                answer(&model, &batch, &mut out)?;
                return Ok(Exit::Done);
            }
            Err(bad) => {
                answer(&model, &batch, &mut out)?;
                return Err(bad);
            }
        }
        if batch.len() == args.batch_size || !lines.ready() {
            answer(&model, &batch, &mut out)?;
            batch.clear();
        }
    }
}

fn answer(model: &Model, batch: &[Encoding], out: &mut Listing) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    for logits in model.logits(batch, batch.len(), &mut |_| {})? {
        let class = argmax(&logits);
        let label = model
            .task
            .labels
            .get(class)
            .map(String::as_str)
            .unwrap_or_default();
        let prediction = Prediction {
            label,
            probabilities: softmax(&logits),
            logits,
        };
        serde_json::to_writer(&mut *out, &prediction)
            .map_err(std::io::Error::from)
            .and_then(|()| out.write_all(b"\n"))
            .map_err(|e| Error::io("standard output", e))?;
    }
    out.flush().map_err(|e| Error::io("standard output", e))
}
