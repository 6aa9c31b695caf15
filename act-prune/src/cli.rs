//! The command line, and the way through a pruning.

use std::path::Path;

use crate::args::GoalArgs;
use crate::budget::{Cost, PruningTarget};
use crate::vocabulary::{self, Shortened};
use crate::{Calibration, Goal, Measure, Options, Origin, Pruned, Scored, family, record, width};
use act_core::Artifact;
use act_data::{Dataset, Split};
use act_stage::config::{Config, Program};
use act_stage::{Bars, Context, Exit, LogArgs, StageArgs, StageCli};
use clap::Parser;

const EXAMPLES: &str = "\
Examples:
  Three times faster on this machine as int8, or refused with the nearest that can be kept:
    act-prune base.act -o pruned.act --data ~/clue/afqmc --target-speedup 3
  PaddleSlim's way: half of the heads and neurons of every layer, with a report:
    act-prune base.act -o pruned.act -c afqmc.yaml --data ~/clue/afqmc \\
      --set Prune.pruned_ratio=0.5 --report pruned.json
  To a file of 20 MB, and on through a pipe, so that no pruned model is kept:
    act-prune base.act --data D --bytes 20MB \\
      | act-distill --data D --teacher base.act -o student.act";

/// Remove the least important attention heads and feed-forward neurons.
///
/// Importance is measured on examples of train, with dropout off; dev is not read. The model that
/// comes out is smaller, not masked, and loses accuracy that act-distill brings back. A target of
/// time is measured with the engine that serves, on this machine, before and after the cut.
#[derive(Parser)]
#[command(name = "act-prune", version, after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    goal: GoalArgs,
    #[command(flatten)]
    stage: StageArgs,
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
    let mut config = args.stage.config.load(Program::Prune)?;
    args.goal.apply(&mut config)?;
    config.warn_of_idle(Program::Prune)?;
    let options = Options::new(&config)?;
    let device = act_nn::available(args.stage.device.get())?;
    let speedups = args.goal.members()?;
    match speedups {
        Some(_) => family::open_folder(&args.stage.output)?,
        None => ctx.check_output(&args.stage.output)?,
    }
    args.stage.report.check(ctx)?;

    let mut model = ctx.read_artifact(&args.stage.input)?;
    config.check_model(&model)?;
    let origin = Origin::of(&model)?;
    let train = training_data(&model, args.stage.data.dir(&config)?, ctx)?
        .without_judges(config.train.judge_ratio, args.stage.seed.get())?;
    let shortened = vocabulary::shorten(&mut model, &options.vocabulary, &train)?;
    let closing = Closing {
        args: &args,
        ctx,
        config: &config,
        train: &train,
        shortened,
        progress: ctx.progress(),
    };
    if options.vocabulary_only() {
        let mut pruned = Pruned::shortened_only(model, origin);
        let shortened = closing.shortened.as_ref();
        pruned.cut = shortened.map(|s| s.texts_cut.tell(&train.record.name));
        return closing.one(pruned, None);
    }
    model.task.check_trained()?;
    let calibration = Calibration::sample(&train, &model, &options, args.stage.seed.get())?;
    let measure = Measure {
        calibration: &calibration,
        batch_size: options.batch_size,
        device,
        threads: args.stage.threads.count(),
        progress: &closing.progress,
    };
    let model = width::resize(model, options.size, &measure)?;
    let scored = Scored::new(model, origin, options.criterion, measure)?;
    let target = match options.goal {
        Goal::Ratio(ratio) => return closing.one(scored.by_ratio(ratio)?, None),
        Goal::Target(target) => target,
    };
    let table = args.goal.latency_table.as_deref();
    let mut cost = scored.cost(target, options.serving, table)?;
    let Some(speedups) = speedups else {
        let pruned = scored.to_target(target, &mut *cost)?;
        return closing.one(pruned, Some(&*cost));
    };
    let mut members = Vec::with_capacity(speedups.len());
    for speedup in speedups {
        let target = PruningTarget::Speedup(speedup);
        let pruned = scored.to_target(target, &mut *cost)?;
        members.push((family::file(&args.stage.output, speedup), pruned));
    }
    closing.family(members, &*cost)
}

fn training_data(model: &Artifact, dir: &Path, ctx: &Context) -> anyhow::Result<Dataset> {
    let train = Dataset::for_model(dir, Split::Train, &model.task)?;
    ctx.set_synthetic(train.record.synthetic);
    Ok(train)
}

/// What is written at the end: record, log lines, artifacts, report.
struct Closing<'a> {
    args: &'a Args,
    ctx: &'a Context,
    config: &'a Config,
    train: &'a Dataset,
    shortened: Option<Shortened>,
    progress: Bars,
}

impl Closing<'_> {
    fn one(&self, pruned: Pruned, cost: Option<&dyn Cost>) -> anyhow::Result<Exit> {
        let pruned = self.recorded(pruned)?;
        let output = &self.args.stage.output;
        let setting = cost.and_then(Cost::setting);
        let report = record::report(&pruned, &self.train.record, setting)?;
        // The artifact comes last: where it is, Make takes all the rest for done.
        self.args.stage.report.write(self.ctx, report)?;
        self.ctx.write_artifact(output, &pruned.artifact)?;
        Ok(Exit::Done)
    }

    fn family(&self, members: family::Members, cost: &dyn Cost) -> anyhow::Result<Exit> {
        let mut recorded = Vec::with_capacity(members.len());
        for (path, pruned) in members {
            let pruned = self.recorded(pruned)?;
            self.ctx.write_artifact(&path, &pruned.artifact)?;
            recorded.push((path, pruned));
        }
        let index = family::index(&recorded, cost.setting())?;
        if let Some((_, fastest)) = recorded.last() {
            let report = record::report(fastest, &self.train.record, cost.setting())?;
            self.args.stage.report.write(self.ctx, report)?;
        }
        // The index comes last, as the artifact does elsewhere.
        let path = self.args.stage.output.join(family::INDEX);
        self.ctx.write_file(&path, index.as_bytes())?;
        Ok(Exit::Done)
    }

    fn recorded(&self, mut pruned: Pruned) -> anyhow::Result<Pruned> {
        self.progress.finish();
        let stage = &self.args.stage;
        let (device, seed) = (stage.device.get(), stage.seed.get());
        pruned.shortened.clone_from(&self.shortened);
        let train = &self.train.record;
        let record = record::record(&pruned, train, self.config, device, seed)?;
        pruned.artifact.provenance.push(record);
        record::log(&pruned);
        Ok(pruned)
    }
}
