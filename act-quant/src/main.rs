//! `act-quant`: a float artifact in, an int8 artifact out.

use std::process::ExitCode;

use act_core::Error;
use act_core::cli::{self, CommonArgs, Context, Exit, StageArgs, StageCli};
use act_core::report::Report;
use act_data::{Dataset, Split};
use act_quant::options::Options;
use act_quant::record;
use act_quant::samples::Samples;

/// Quantises a classifier to int8, calibrated on a slice of its training data.
#[derive(clap::Parser)]
#[command(name = "act-quant", version)]
struct Args {
    #[command(flatten)]
    stage: StageArgs,
}

impl StageCli for Args {
    fn common(&self) -> &CommonArgs {
        &self.stage.common
    }
}

fn main() -> ExitCode {
    cli::main(record::STAGE, run)
}

fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let options = Options::from_config(&config)?;
    context.check_output(&args.stage.output)?;

    let model = context.read_artifact(&args.stage.input)?;
    act_quant::require_float(&model)?;
    let task = &model.task;
    let train = Dataset::open(
        context.data_dir()?,
        Some(&task.name),
        Split::Train,
        Some(&task.labels),
    )?;
    context.set_synthetic(train.record.synthetic);
    let samples = Samples::draw(&train, &model, &options, context.seed())?;

    let total = act_quant::batches_to_run(&samples, &options);
    let progress = context.progress("quantising", total as u64);
    let mut quantized =
        act_quant::quantize(&model, &samples, &options, context.threads(), &mut || {
            progress.advance(1);
            match cli::interrupted() {
                true => Err(Error::interrupted()),
                false => Ok(()),
            }
        })?;
    progress.finish();

    let record = record::provenance(&model, &quantized, &train.record, &config, context.seed())?;
    quantized.artifact.provenance.push(record);
    context.write_artifact(&args.stage.output, &quantized.artifact)?;

    let mut report = Report::new(record::STAGE, &quantized.artifact)?;
    report.set_dataset(&train.record);
    report.details = record::details(&quantized);
    context.write_report(report)?;
    Ok(Exit::Done)
}
