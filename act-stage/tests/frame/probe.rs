//! A stage with no work of its own, to try the frame from outside: `act-probe --act WHAT`.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use act_core::{Error, Progress as _};
use act_stage::config::{Program, Section};
use act_stage::report::Report;
use act_stage::{Context, Exit, LogArgs, StageArgs, StageCli, StrictArgs};

#[derive(clap::Parser)]
#[command(
    version,
    about = "Tries the frame",
    after_help = "Example: act-probe --act done"
)]
struct Args {
    #[command(flatten)]
    stage: StageArgs,
    #[command(flatten)]
    strict: StrictArgs,
    /// What to do.
    #[arg(long, default_value = "copy")]
    act: String,
}

impl StageCli for Args {
    fn log(&self) -> &LogArgs {
        &self.stage.log
    }
}

#[global_allocator]
static ALLOCATOR: act_stage::Allocator = act_stage::Allocator;

fn main() -> ExitCode {
    act_stage::main("act-probe", run)
}

fn run(args: Args, ctx: &Context) -> anyhow::Result<Exit> {
    match args.act.as_str() {
        "copy" => return copy(&args, ctx),
        "done" => args.stage.report.check(ctx)?,
        "missed" => return Ok(args.strict.exit(false)),
        "gate" => return Ok(Exit::Missed),
        "usage" => return Err(Error::usage("no such thing").into()),
        "rejected" => {
            return Err(anyhow::Error::from(Error::rejected("bad magic")).context("x.act"));
        }
        "failed" => return Err(Error::failed("diverged").into()),
        "hostile" => return Err(Error::failed("a\nact-probe: forged\u{1b}[2J\u{202e}z").into()),
        "panic" => panic!("index 7\nout of bounds"),
        "panic-thread" => std::thread::scope(|s| {
            s.spawn(|| panic!("in a thread"));
        }),
        "config" => config(&args, Program::Prune, ctx)?,
        "config-quant" => config(&args, Program::Train, ctx)?,
        "data" => drop(
            args.stage
                .data
                .dir(&args.stage.config.load(Program::Prune)?)?,
        ),
        "file" => ctx.write_file(&args.stage.output, &[b'x'; 3_000_000])?,
        "check" => check(&args, ctx)?,
        "log" => log(&args, ctx),
        "listing" => listing(ctx)?,
        "println" => (0..1_000_000).for_each(|i| println!("{i}")),
        "work" => return work(ctx),
        "stubborn" => {
            log::info!("working");
            let progress = ctx.progress();
            progress.begin("a step", 1);
            std::thread::sleep(Duration::from_secs(60));
        }
        "waiting" => {
            log::info!("working");
            std::thread::sleep(Duration::from_secs(60));
        }
        other => return Err(Error::usage(format!("--act {other}")).into()),
    }
    Ok(Exit::Done)
}

/// Loads a configuration as a program does, warns as all of them do, and writes act-prune's section.
fn config(args: &Args, program: Program, ctx: &Context) -> anyhow::Result<()> {
    let config = args.stage.config.load(program)?;
    for program in [program, Program::Distill, Program::Prune] {
        config.warn_of_idle(program)?;
    }
    let section = config.yaml_of(&[Section::Prune])?;
    Ok(ctx.write_file(&args.stage.output, section.as_bytes())?)
}

fn copy(args: &Args, ctx: &Context) -> anyhow::Result<Exit> {
    check(args, ctx)?;
    let artifact = ctx.read_artifact(&args.stage.input)?;
    ctx.write_artifact(&args.stage.output, &artifact)?;
    let report = Report::new(ctx.name(), &artifact)?;
    args.stage.report.write(ctx, report)?;
    Ok(Exit::Done)
}

fn check(args: &Args, ctx: &Context) -> act_core::Result<()> {
    ctx.check_output(&args.stage.output)?;
    args.stage.report.check(ctx)
}

fn log(args: &Args, ctx: &Context) {
    log::warn!("careful");
    log::info!("threads {}", args.stage.threads.count());
    log::debug!("detail");
    log::trace!("all");
    log::trace!(target: "tokenizers::pipeline", "a user's text");
    log::info!(target: "actix", "a foreign note");
    log::warn!(target: "tokenizers", "a foreign warning");
    ctx.set_synthetic(true);
    log::info!("accuracy 0.9");
}

fn listing(ctx: &Context) -> anyhow::Result<()> {
    let mut out = ctx.listing();
    for i in 0..1_000_000 {
        writeln!(out, "{i}")?;
    }
    Ok(out.flush()?)
}

/// Works in small steps until told to stop.
fn work(ctx: &Context) -> anyhow::Result<Exit> {
    log::info!("working");
    let progress = ctx.progress();
    progress.begin("working", 10_000);
    for _ in 0..10_000 {
        std::thread::sleep(Duration::from_millis(5));
        progress.say("loss 0.5");
        progress.advance(1)?;
    }
    progress.finish();
    Ok(Exit::Done)
}
