//! act-prune: remove the least important attention heads and feed-forward neurons.

use std::process::ExitCode;

use act_core::cli::{self, CommonArgs, Context, Exit, StageArgs, StageCli};
use act_data::{Dataset, Split};
use act_nn::Device;
use act_prune::{Calibration, Options, prune, record};
use clap::Parser;

const EXAMPLES: &str = "\
Examples:
  Remove a quarter of the heads and neurons of every layer (the default ratio):
    act-prune base.act -o pruned.act --data ~/clue/afqmc
  With a configuration, a ratio of one half, and a report:
    act-prune base.act -o pruned.act -c afqmc.yaml --data ~/clue/afqmc \\
      --set Prune.pruned_ratio=0.5 --report pruned.json
  In a pipe, so that no pruned model is kept:
    act-prune base.act --data D | act-distill --data D --teacher base.act -o student.act";

/// Remove the least important attention heads and feed-forward neurons.
///
/// Importance is measured on examples of train, with dropout off; dev is not read. The model that
/// comes out is smaller, not masked, and loses accuracy that act-distill brings back.
#[derive(Parser)]
#[command(name = "act-prune", version, after_help = EXAMPLES)]
struct Args {
    #[command(flatten)]
    stage: StageArgs,
}

impl StageCli for Args {
    fn common(&self) -> &CommonArgs {
        &self.stage.common
    }
}

#[global_allocator]
static ALLOCATOR: cli::Allocator = cli::Allocator;

fn main() -> ExitCode {
    cli::main("act-prune", run)
}

fn run(args: Args, ctx: &Context) -> anyhow::Result<Exit> {
    let config = ctx.config()?;
    let options = Options::new(&config)?;
    let device: Device = ctx.device().parse()?;
    ctx.check_output(&args.stage.output)?;

    let model = ctx.read_artifact(&args.stage.input)?;
    let task = &model.task;
    let train = Dataset::open(
        ctx.data_dir()?,
        Some(&task.name),
        Split::Train,
        Some(&task.labels),
    )?;
    ctx.set_synthetic(train.record.synthetic);
    let calibration = Calibration::sample(&train, &model, &options, ctx.seed())?;

    let batches = calibration.len().div_ceil(options.batch_size);
    let progress = ctx.progress("importance", batches as u64);
    let mut on_batch = |_| {
        progress.advance(1);
        !cli::interrupted()
    };
    let threads = ctx.threads();
    let mut pruned = prune(
        model,
        &calibration,
        &options,
        device,
        threads,
        &mut on_batch,
    )?;
    progress.finish();

    let record = record::record(&pruned, &train.record, &config, ctx.device(), ctx.seed())?;
    pruned.artifact.provenance.push(record);
    record::log(&pruned);
    ctx.write_artifact(&args.stage.output, &pruned.artifact)?;
    ctx.write_report(record::report(&pruned, &train.record)?)?;
    Ok(Exit::Done)
}
