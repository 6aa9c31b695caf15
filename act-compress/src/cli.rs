//! The command line.

use std::path::{Path, PathBuf};

use act_core::{Artifact, Error, Result};
use act_data::{Dataset, Split};
use act_stage::args::{DeviceArgs, SeedArgs, ThreadsArgs};
use act_stage::config::{Config, Size};
use act_stage::{Context, Exit, LogArgs, StageCli};

use crate::folder::Folder;
use crate::promise::{self, Terms};
use crate::recipe;
use crate::way::{Foreign, Settings, Way};

const EXAMPLES: &str = "\
Examples:
  A fine-tuned model or a bare encoder, and data (act-data describe):
    act-compress model/ --data ~/clue/afqmc -o compressed
  Three times as fast as int8 as the model would be, measured on this machine:
    act-compress base.act --data ~/clue/afqmc --target-speedup 3 -o compressed
  A file of 10 MB, by a configuration of one's own:
    act-compress base.act --data ~/clue/afqmc --bytes 10MB -c afqmc.yaml -o compressed
  The fastest that loses at most half a point with 95 % confidence, looked for in eight hours:
    act-compress base.act --data ~/clue/afqmc --max-drop 0.5 --hours 8 -o compressed
  Killed? The same command goes on where it was, and this one redoes what the key changes:
    act-compress model/ --data ~/clue/afqmc -o compressed
    act-compress model/ --data ~/clue/afqmc -o compressed --set TrainConfig.epochs=2";

/// Makes a small fast model of a model and data: imports, prunes, distils, quantises, reports.
///
/// Every result is a file in the folder of -o: base.act, pruned.act, student.act, int8.act,
/// report.{html,md,json,txt}. The same command goes on where it was interrupted, and one that asks for
/// something else redoes only what that changes. Dev is read by the report alone.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "act-compress", version, after_help = EXAMPLES)]
pub struct Args {
    /// Model: Paddle inference folder or Hugging Face folder, .tar or .tar.gz of one, or an artifact.
    #[arg(value_name = "BASE")]
    base: PathBuf,
    /// Folder of the data set.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder for everything that is made; it is made, too.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    goal: GoalArgs,
    /// Task: a built-in name, where neither the data's folder nor the model says it.
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// Labels of a foreign model in the order of its classes [default: those of the data].
    #[arg(long, value_name = "A,B")]
    labels: Option<String>,
    /// Configuration (YAML) for every stage [default: a copy of the one built in, recipe.yaml].
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Override one key of the configuration: `--set TrainConfig.epochs=2`.
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    threads: ThreadsArgs,
    /// Print the JSON report instead of the table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    log: LogArgs,
}

/// What is promised; without any of these the configuration says how much is pruned.
#[derive(Debug, Clone, clap::Args)]
struct GoalArgs {
    /// So many times faster than the model that went in, at the same precision.
    #[arg(long, value_name = "X", group = "promise")]
    target_speedup: Option<f64>,
    /// Size of int8.act: 10MB.
    #[arg(long, value_name = "SIZE", group = "promise")]
    bytes: Option<Size>,
    /// The fastest model that loses at most so many points of accuracy against the base, with 95 % confidence,
    /// on texts that neither training nor choosing has seen.
    #[arg(long, value_name = "POINTS", group = "promise", value_parser = points)]
    max_drop: Option<f64>,
    /// Hours that the search for --max-drop may take [default: as many as its plan].
    #[arg(long, value_name = "H", requires = "max_drop", value_parser = hours)]
    hours: Option<f64>,
    /// What --max-drop is judged on: a FILE of labelled texts written as the data are, or `dev`, which then
    /// measures nothing any more [default: a tenth of train, TrainConfig.judge_ratio, kept from training].
    #[arg(long, value_name = "FILE|dev", requires = "max_drop")]
    judge: Option<String>,
}

/// Points from 0 to 100.
fn points(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(points) if (0.0..=100.0).contains(&points) => Ok(points),
        _ => Err("points of accuracy, 0 to 100".into()),
    }
}

/// Hours above 0.
fn hours(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(hours) if hours > 0.0 && hours.is_finite() => Ok(hours),
        _ => Err("a number of hours above 0".into()),
    }
}

impl StageCli for Args {
    fn log(&self) -> &LogArgs {
        &self.log
    }
}

/// What is written into the folder.
const RESULTS: [&str; 10] = [
    "promise.json",
    "imported.act",
    "base.act",
    "pruned.act",
    "student.act",
    "int8.act",
    "report.md",
    "report.json",
    "report.html",
    "report.txt",
];

/// Runs the program.
///
/// # Errors
/// Usage: what the arguments name is not there or contradicts itself. Those of the stages.
pub fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    act_nn::available(args.device.get())?;
    let config = Config::load(args.config.as_deref(), &args.set)?;
    let model = artifact(&args)?;
    let task = args.task.clone().or(config.global.task_name.clone());
    let task = model.as_ref().map(|model| model.task.name.clone()).or(task);
    // What is wrong with the data is told before anything is made.
    let open = |split| Dataset::open(&args.data, task.as_deref(), split, None);
    let (train, dev) = (open(Split::Train)?, open(Split::Dev)?);
    context.set_synthetic(train.record.synthetic);

    let folder = Folder::open(&args.output, &RESULTS)?;
    check_apart(&args.base, &args.output)?;
    let config_file = recipe::file(args.config.as_deref(), &folder, context)?;
    let mut config = Config::load(Some(&config_file), &args.set)?;
    let mut set = args.set.clone();
    if args.goal.max_drop.is_some() && args.goal.judge.is_none() {
        // Base, tries and finalists are all trained without the judge's texts.
        let ratio = *config.train.judge_ratio.get_or_insert(promise::JUDGE_RATIO);
        set.push(format!("TrainConfig.judge_ratio={ratio}"));
    }
    let settings = Settings {
        config: config_file,
        set,
        data: args.data.clone(),
        train: train.record.digest,
        dev: dev.record.digest,
        seed: args.seed.get(),
        threads: args.threads.count(),
        device: args.device.get(),
    };
    let mut way = Way {
        folder,
        settings,
        context,
        spent: 0.0,
    };
    let input = match model {
        Some(_) => args.base.clone(),
        None => {
            let foreign = Foreign {
                task: args.task.as_deref(),
                labels: args.labels.as_deref(),
            };
            way.import(&args.base, &foreign)?
        }
    };
    let model = Artifact::open(&input)?;
    let bare = model.task.head_trained == Some(false);
    let width = model.plan.hidden_size;
    if args.config.is_none() && recipe::fit(width, &way.folder, context)? {
        log::info!("a hidden size of {width}: recipe.yaml has the learning rate for wide encoders");
    }
    let base = way.base(&input)?;
    let exit = match args.goal.max_drop {
        None => straight(&mut way, base, &args.goal)?,
        Some(max_drop) => {
            let terms = Terms {
                max_drop,
                hours: args.goal.hours,
                judge: args.goal.judge.as_deref(),
            };
            promise::keep(&mut way, base, bare, &config, &terms)?
        }
    };
    print(&args, &way)?;
    Ok(exit)
}

/// The stages once, each after the other.
fn straight(way: &mut Way<'_>, base: PathBuf, promised: &GoalArgs) -> anyhow::Result<Exit> {
    let speedup = promised.target_speedup.map(|x| x.to_string());
    let bytes = promised.bytes.clone().map(String::from);
    let goal = match (&speedup, &bytes) {
        (Some(x), _) => Some(("--target-speedup", x.as_str())),
        (None, Some(size)) => Some(("--bytes", size.as_str())),
        (None, None) => None,
    };
    let pruned = way.prune("pruned", &base, goal)?;
    let student = way.distil("student", &pruned, &base, &[])?;
    let int8 = way.quantise("int8", &student, &base)?;
    let fits = promised.bytes.as_ref().map(|size| fits(&int8, size));
    way.folder.withdraw("promise.json")?;
    way.report(&[base, pruned, student, int8], None)?;
    Ok(match fits.transpose()? {
        Some(false) => Exit::Missed,
        _ => Exit::Done,
    })
}

/// Whether a file is as small as it was pruned for; says so if it is not.
fn fits(int8: &Path, size: &Size) -> Result<bool> {
    let found = std::fs::metadata(int8)
        .map_err(|e| Error::io(int8, e))?
        .len();
    let (path, wanted) = (int8.display(), size.bytes());
    if found > wanted {
        log::warn!("{path} has {found} bytes, and --bytes {wanted} was asked for: ask for less");
    }
    Ok(found <= wanted)
}

/// BASE, if it is an artifact; a float one whose labels and task are its own.
fn artifact(args: &Args) -> Result<Option<Artifact>> {
    let path = &args.base;
    std::fs::metadata(path).map_err(|e| Error::io(path, e))?;
    if path.is_dir() || act_core::artifact::inspect(path).is_err() {
        return Ok(None);
    }
    let given = [
        ("--task", args.task.is_some()),
        ("--labels", args.labels.is_some()),
    ];
    if let Some((flag, _)) = given.iter().find(|(_, given)| *given) {
        return Err(Error::usage(format!(
            "{}: an artifact has its own task and labels: leave out {flag}",
            path.display()
        )));
    }
    let model = Artifact::open(path)?;
    if !model.quant.is_empty() {
        return Err(Error::usage(format!(
            "{}: is int8 already; give the float model that it was made of",
            path.display()
        )));
    }
    Ok(Some(model))
}

/// A model that is read is not replaced.
fn check_apart(base: &Path, output: &Path) -> Result<()> {
    let (Ok(base), Ok(folder)) = (base.canonicalize(), output.canonicalize()) else {
        return Ok(());
    };
    if base.parent() == Some(&folder) || base == folder {
        return Err(Error::usage(format!(
            "{}: lies in the folder of -o, whose files are replaced; give another folder",
            base.display()
        )));
    }
    Ok(())
}

/// The report, for people or for scripts.
fn print(args: &Args, way: &Way<'_>) -> Result<()> {
    let name = if args.json {
        "report.json"
    } else {
        "report.txt"
    };
    let path = way.file(name);
    let text = std::fs::read(&path).map_err(|e| Error::io(&path, e))?;
    way.context.write_file(Path::new("-"), &text)?;
    let folder = args.output.display();
    log::info!("files: {folder}/{{base,pruned,student,int8}}.act, report.{{html,md,json,txt}}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Args::command().debug_assert();
    }
}
