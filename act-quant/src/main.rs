//! `act-quant`: a float artifact in, an int8 artifact out.

use std::process::ExitCode;

use act_core::Error;
use act_core::cli::{self, CommonArgs, Context, Exit, StageArgs, StageCli};
use act_core::report::Report;
use act_data::{Dataset, Split};
use act_quant::options::{Deploy, Options};
use act_quant::record;
use act_quant::samples::Samples;

const EXAMPLES: &str = "\
Examples:
  With the defaults: one scale a weight row, thresholds at the 99.99th percentile:
    act-quant student.act -o int8.act --data ~/clue/afqmc
  Try four calibrators and keep the best, with a report of every trial:
    act-quant student.act -o int8.act --data ~/clue/afqmc --report int8.json \\
      --set 'HyperParameterOptimization.ptq_algo=[KL, hist, avg, mse]'
  For another runtime, by way of act-convert export:
    act-quant student.act -o int8.act --data ~/clue/afqmc --deploy onnx
  In a pipe:
    act-distill pruned.act --data D --teacher base.act | act-quant --data D -o int8.act";

/// Quantises a float classifier to int8.
///
/// Activations are calibrated on examples of train, and trials are judged on others that training
/// held out; dev is not read.
#[derive(clap::Parser)]
#[command(name = "act-quant", version, after_help = EXAMPLES)]
struct Args {
    #[command(flatten)]
    stage: StageArgs,
    /// Who will run the model: `act`, or `onnx`, whose graphs know no scale per token.
    #[arg(long, value_name = "RUNTIME", default_value = "act")]
    deploy: DeployArg,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum DeployArg {
    Act,
    Onnx,
}

impl From<DeployArg> for Deploy {
    fn from(arg: DeployArg) -> Self {
        match arg {
            DeployArg::Act => Deploy::Act,
            DeployArg::Onnx => Deploy::Onnx,
        }
    }
}

impl StageCli for Args {
    fn common(&self) -> &CommonArgs {
        &self.stage.common
    }
}

#[global_allocator]
static ALLOCATOR: cli::Allocator = cli::Allocator;

fn main() -> ExitCode {
    cli::main(record::STAGE, run)
}

fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    let config = context.config()?;
    let options = Options::from_config(&config)?.restrict(args.deploy.into())?;
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
    let mut done = 0;
    let mut tick = || {
        done += 1;
        match done <= total {
            true => progress.advance(1),
            false => progress.message("changing single inputs"),
        }
        match cli::interrupted() {
            true => Err(Error::interrupted()),
            false => Ok(()),
        }
    };
    let (seed, threads) = (context.seed(), context.threads());
    let mut quantized = act_quant::quantize(&model, &samples, &options, seed, threads, &mut tick)?;
    progress.finish();

    let record = record::provenance(&model, &quantized, &train.record, &config, context.seed())?;
    quantized.artifact.provenance.push(record);
    let mut report = Report::new(record::STAGE, &quantized.artifact)?;
    report.set_dataset(&train.record);
    report.details = record::details(&quantized);
    // The artifact comes last: where it is, Make takes all the rest for done.
    context.write_report(report)?;
    context.write_artifact(&args.stage.output, &quantized.artifact)?;
    Ok(Exit::Done)
}
