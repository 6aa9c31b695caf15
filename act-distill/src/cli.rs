//! The command line, and the way through a training.

use crate::{Options, distill, record};
use act_data::{Dataset, Split};
use act_stage::config::Program;
use act_stage::{Context, Exit, LogArgs, StageArgs, StageCli, StrictArgs};
use act_train::record::TeacherRecord;
use act_train::{CheckpointArgs, MetricsArgs, Session, TeacherArgs, read_teacher};
use clap::Parser;

const EXAMPLES: &str = "\
Examples:
  Fine-tune an untrained or pre-trained model on the labels of DIR/train.json:
    act-distill new.act -o base.act -c afqmc.yaml --data ~/clue/afqmc
  Fine-tune what was imported if it is a bare encoder, and pass it on if it is a classifier:
    act-convert import model/ --data D | act-distill --unless-trained --data D -o base.act
  Teach a pruned model what the original answers:
    act-distill pruned.act -o student.act -c afqmc.yaml --data ~/clue/afqmc --teacher base.act
  The same from its logits alone, as PaddleSlim does, or from its hidden states too:
    act-distill pruned.act -o student.act --data D --teacher base.act --set Distillation.logits=1
    act-distill pruned.act -o student.act --data D --teacher base.act \\
      --set Distillation.logits=1 --set Distillation.hidden=1
  The first in a pipe, one pass over the data, with twice the learning rate:
    act-prune base.act --data D | act-distill --data D --teacher base.act \\
      --set TrainConfig.epochs=1 --set TrainConfig.learning_rate=4e-5 > student.act";

/// Train a classifier against its labels, a teacher, or both.
///
/// Without a teacher this is plain fine-tuning; with one, the section Distillation says what is
/// learned from it: logits, soft labels, hidden states, self-attention relations. A slice of train
/// is held out to choose the best weights; dev is not read.
#[derive(Parser)]
#[command(name = "act-distill", version, after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    stage: StageArgs,
    #[command(flatten)]
    teacher: TeacherArgs,
    /// Sequences computed together: less memory, the same result but for rounding
    /// (TrainConfig.micro_batch).
    #[arg(long, value_name = "N")]
    micro_batch: Option<usize>,
    /// Pass on a model whose head is trained as it is; only a bare encoder, imported with a new head, is
    /// trained.
    #[arg(long, conflicts_with = "teacher")]
    unless_trained: bool,
    #[command(flatten)]
    checkpoint: CheckpointArgs,
    #[command(flatten)]
    strict: StrictArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
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
pub fn run(args: Args, ctx: &Context) -> anyhow::Result<Exit> {
    let mut config = args.stage.config.load(Program::Distill)?;
    if let Some(sequences) = args.micro_batch {
        config.train.micro_batch = Some(sequences);
    }
    let (input, output) = (&args.stage.input, &args.stage.output);
    let teacher = args.teacher.path(&config.distillation, input)?;
    match &teacher {
        Some(_) => config.warn_of_idle(Program::Distill)?,
        None => config.check_untaught()?,
    }
    let seed = args.stage.seed.get();
    // What is wrong with it is told before the model is read.
    Options::new(&config, teacher.is_some(), seed, args.stage.threads.count())?;
    let device = act_nn::available(args.stage.device.get())?;
    ctx.check_output(output)?;
    args.stage.report.check(ctx)?;
    let metrics = args.metrics.file()?;

    let student = ctx.read_artifact(input)?;
    if args.unless_trained && student.task.head_trained != Some(false) {
        log::info!("the model's head is trained: nothing to do");
        ctx.write_artifact(output, &student)?;
        return Ok(Exit::Done);
    }
    config.check_model(&student)?;
    config.distillation = config.distillation.of_kind(student.task.problem.kind());
    let options = Options::new(&config, teacher.is_some(), seed, args.stage.threads.count())?;
    let teacher = read_teacher(teacher.as_deref(), &student, ctx)?;
    let dir = args.stage.data.dir(&config)?;
    let data = Dataset::for_model(dir, Split::Train, &student.task)?
        .without_judges(config.train.judge_ratio, seed)?;
    ctx.set_synthetic(data.record.synthetic);

    let begun = record::begun(
        student.model_digest()?,
        teacher
            .as_ref()
            .map(TeacherRecord::new)
            .transpose()?
            .as_ref(),
        &data.record,
        &config,
        device,
        seed,
    )?;
    let progress = ctx.progress();
    let mut session = Session {
        device,
        progress: &progress,
        metrics,
        checkpoints: args.checkpoint.open(output, &student, &begun)?,
    };
    let mut distilled = distill(student, teacher, &data, &options, &mut session)?;
    progress.finish();

    let record = record::finished(begun, &distilled);
    distilled.artifact.provenance.push(record);
    record::log(&distilled);
    // The artifact last: where it is, a kill has left nothing undone.
    let report = record::report(&distilled, &data.record)?;
    args.stage.report.write(ctx, report)?;
    ctx.write_artifact(output, &distilled.artifact)?;
    session.finish();
    let reached = distilled.reached(config.train.target_metric);
    Ok(args.strict.exit(reached))
}
