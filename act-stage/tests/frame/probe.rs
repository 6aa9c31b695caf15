//! A stage with no work of its own, to try the frame from outside: `act-probe --act WHAT`.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use act_core::Error;
use act_stage::report::Report;
use act_stage::{CommonArgs, Context, Exit, StageArgs, StageCli};

#[derive(clap::Parser)]
#[command(
    version,
    about = "Tries the frame",
    after_help = "Example: act-probe --act done"
)]
struct Args {
    #[command(flatten)]
    stage: StageArgs,
    /// What to do.
    #[arg(long, default_value = "copy")]
    act: String,
}

impl StageCli for Args {
    fn common(&self) -> &CommonArgs {
        &self.stage.common
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
        "done" => {}
        "missed" => return Ok(Exit::GoalMissed),
        "gate" => return Ok(Exit::GateMissed),
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
        "config" => ctx.write_file(
            &args.stage.output,
            ctx.config()?.yaml_of(&["Prune"])?.as_bytes(),
        )?,
        "data" => drop(ctx.data_dir()?),
        "file" => ctx.write_file(&args.stage.output, &[b'x'; 3_000_000])?,
        "check" => ctx.check_output(&args.stage.output)?,
        "log" => log(ctx),
        "listing" => listing(ctx)?,
        "println" => (0..1_000_000).for_each(|i| println!("{i}")),
        "work" => return work(ctx),
        "stubborn" => {
            log::info!("working");
            std::thread::sleep(Duration::from_secs(60));
        }
        other => return Err(Error::usage(format!("--act {other}")).into()),
    }
    Ok(Exit::Done)
}

fn copy(args: &Args, ctx: &Context) -> anyhow::Result<Exit> {
    ctx.check_output(&args.stage.output)?;
    let artifact = ctx.read_artifact(&args.stage.input)?;
    ctx.write_artifact(&args.stage.output, &artifact)?;
    ctx.write_report(Report::new(ctx.name(), &artifact)?)?;
    Ok(Exit::Done)
}

fn log(ctx: &Context) {
    log::warn!("careful");
    log::info!("threads {}", ctx.threads());
    log::debug!("detail");
    log::trace!("all");
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
    let progress = ctx.bar("working", 10_000);
    for _ in 0..10_000 {
        if act_stage::interrupted() {
            return Err(Error::interrupted().into());
        }
        std::thread::sleep(Duration::from_millis(5));
        progress.advance(1);
        progress.message("loss 0.5");
    }
    progress.finish();
    Ok(Exit::Done)
}
