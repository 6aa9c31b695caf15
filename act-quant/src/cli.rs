//! The command line, and the way through a quantisation.

use std::time::Duration;

use crate::aware::{self, AwareOptions, Inputs, Mode};
use crate::judges::Judges;
use crate::options::{Deploy, Options};
use crate::samples::Samples;
use crate::{Quantized, record, table};
use act_core::{Artifact, Result};
use act_data::{Dataset, Split};
use act_stage::config::Program;
use act_stage::report::{KeptModel, QuantisationDetails, Report};
use act_stage::{Context, Exit, LogArgs, StageArgs, StageCli};
use act_train::{CheckpointArgs, MetricsArgs, Session, TeacherArgs, read_teacher};

const EXAMPLES: &str = "\
Examples:
  With the defaults: one scale a weight row, thresholds at the 99.99th percentile:
    act-quant student.act -o int8.act --data ~/clue/afqmc
  Try four calibrators and keep the best, with a report of every trial:
    act-quant student.act -o int8.act --data ~/clue/afqmc --report int8.json \\
      --set 'HyperParameterOptimization.ptq_algo=[KL, hist, avg, mse]'
  Train with the rounding if calibration loses too much (the default with a section QuantAware):
    act-quant student.act -o int8.act --data ~/clue/afqmc --mode auto --teacher base.act
  For another runtime, by way of act-convert export:
    act-quant student.act -o int8.act --data ~/clue/afqmc --deploy onnx
  Half the bytes, weights and tables in 4 bits:
    act-quant student.act -o int4.act --data ~/clue/afqmc --bits 4
  In a pipe:
    act-distill pruned.act --data D --teacher base.act | act-quant --data D -o int8.act";

/// How long it may be judged what other schemes would have cost.
const EXPLAINING: Duration = Duration::from_secs(60);

/// Quantises a float classifier to int8, stored in 8 or 4 bits.
///
/// Activations are calibrated on examples of train, and trials are judged on others that training
/// held out; dev is not read. Quantisation-aware training goes on from there, and the better of the
/// two models is written.
#[derive(clap::Parser)]
#[command(name = "act-quant", version, after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    stage: StageArgs,
    /// Who will run the model: `act`, or `onnx`, whose graphs know no scale per token.
    #[arg(long, value_name = "RUNTIME", default_value = "act")]
    deploy: DeployArg,
    /// `ptq` calibrates; `qat` trains afterwards, against --teacher or else the input itself; `auto`
    /// trains if calibration loses more than QuantAware.max_divergence. Default: auto with a section
    /// QuantAware, else ptq.
    #[arg(long, value_name = "MODE")]
    mode: Option<Mode>,
    /// What trials are judged on: a FILE of texts (.json, .jsonl, .tsv; .txt: one a line), or else
    /// `made`, `train`, or `dev`, which then measures nothing any more [default: `unlabelled.*` in the
    /// data's folder, or else training texts without every fifth word].
    #[arg(long, value_name = "FILE|made|train|dev")]
    judge: Option<String>,
    /// Bits that a stored weight takes, 8 or 4: QuantPost.weight_bits. The engine computes in int8 with
    /// both.
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u32).range(4..=8))]
    bits: Option<u32>,
    #[command(flatten)]
    teacher: TeacherArgs,
    #[command(flatten)]
    checkpoint: CheckpointArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
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
    fn log(&self) -> &LogArgs {
        &self.stage.log
    }
}

/// Runs the program.
///
/// # Errors
/// Those of arguments, configuration, data and models, and of the work.
pub fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    let mut config = args.stage.config.load(Program::Train)?;
    if let Some(judge) = &args.judge {
        config.quant_post.judge_by(judge);
    }
    if let Some(bits) = args.bits {
        config.quant_post.weight_bits = bits;
        config.quant_post.check().map_err(|e| e.context("--bits"))?;
    }
    let (seed, threads) = (args.stage.seed.get(), args.stage.threads.count());
    let mut options = Options::from_config(&config)?.restrict(args.deploy.into())?;
    // Nobody else sees them, and they take about as long as the search.
    let seen = args.stage.report.is_wanted() || log::log_enabled!(log::Level::Debug);
    options.explain = seen.then_some(EXPLAINING);
    let aware_options = AwareOptions::new(&config, args.mode, seed, threads)?;
    let program = match aware_options.mode {
        Mode::Post => Program::Calibrate,
        Mode::Aware | Mode::Auto => Program::Train,
    };
    config.check_flags(program)?;
    config.warn_of_idle(program)?;
    let (input, output) = (&args.stage.input, &args.stage.output);
    let teacher = args.teacher.path(&config.distillation, input)?;
    if program == Program::Calibrate && teacher.is_some() {
        log::info!("calibration alone (no QuantAware, no --mode): the teacher is not asked");
    }
    let teacher = teacher.filter(|_| program == Program::Train);
    let device = act_nn::available(args.stage.device.get())?;
    context.check_output(output)?;
    args.stage.report.check(context)?;
    let metrics = args.metrics.file()?;

    let model = context.read_artifact(input)?;
    config.check_model(&model)?;
    crate::require_float(&model)?;
    model.task.check_trained()?;
    let teacher = read_teacher(teacher.as_deref(), &model, context)?;
    let dir = args.stage.data.dir(&config)?;
    let data = Dataset::for_model(dir, Split::Train, &model.task)?
        .without_judges(config.train.judge_ratio, seed)?;
    context.set_synthetic(data.record.synthetic);

    let judges = Judges::find(&data, dir, &model, &options, seed)?;
    let mut quantized = calibrate(
        &model,
        &data,
        judges.clone(),
        &options,
        &args.stage,
        context,
    )?;
    let (train, reason) = aware_options.decide(&quantized.winner().score);
    if aware_options.mode == Mode::Auto {
        log::info!(
            "{}: {reason}",
            if train { "training" } else { "no training" }
        );
    }
    let mut record = record::provenance(&model, &quantized, &data.record, &config, seed)?;
    let judged = judges.as_ref().and_then(|judges| judges.record.clone());
    record.data.extend(judged);
    let progress = context.progress();
    let mut session = Session::new(device, &progress);
    let mut outcome = None;
    if train {
        record::begin_training(&mut record, teacher.as_ref(), &config, device)?;
        let start = record::start(&record, &quantized.artifact)?;
        session.checkpoints = args.checkpoint.open(output, &model, &start)?;
        session.metrics = metrics;
        let inputs = Inputs {
            model: &model,
            teacher: teacher.as_ref(),
            data: &data,
            calibration: &options,
            seed,
            judges: judges.as_ref(),
        };
        let trained = aware::train(&inputs, &aware_options, &mut quantized, &mut session)?;
        record.metrics.extend(trained.metrics());
        outcome = Some(trained);
    }
    progress.finish();
    if !outcome
        .as_ref()
        .is_some_and(|o| o.kept == KeptModel::Trained)
    {
        quantized.warn_if_far();
    }
    quantized.artifact.provenance.push(record);

    let quantization = record::quantisation(&quantized);
    for line in quantization.costs.iter().flat_map(table::lines) {
        log::debug!("{line}");
    }
    let mut report = Report::new(record::STAGE, &quantized.artifact)?.with(QuantisationDetails {
        quantization,
        training: record::training(&aware_options, &reason, outcome.as_ref()),
    });
    report.set_dataset(&data.record, quantized.cut);
    // The artifact comes last: where it is, Make takes all the rest for done.
    args.stage.report.write(context, report)?;
    context.write_artifact(output, &quantized.artifact)?;
    session.finish();
    Ok(Exit::Done)
}

/// Calibrates and searches.
fn calibrate(
    model: &Artifact,
    data: &Dataset,
    judges: Option<Judges>,
    options: &Options,
    args: &StageArgs,
    context: &Context,
) -> Result<Quantized> {
    let (seed, threads) = (args.seed.get(), args.threads.count());
    let samples = Samples {
        unseen: judges,
        ..Samples::draw(data, model, options, seed)?
    };
    let progress = context.progress();
    let quantized = crate::quantize(model, &samples, options, seed, threads, &progress)?;
    progress.finish();
    Ok(quantized)
}
