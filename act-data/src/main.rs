//! `act-data`: fetches, checks and makes data sets and vocabularies.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use act_core::Error;
use act_core::cli::{self, CommonArgs, Context, Exit, StageCli};
use act_data::check::check;
use act_data::sample::{Size, sample};
use act_data::{Dataset, Split, vocabulary};

const EXAMPLES: &str = "\
Examples:
  The sample corpus for a task, with nothing downloaded:
    act-data sample afqmc -o sample
  The official archive, and what is in it:
    act-data fetch tnews -o data/clue/tnews && act-data check data/clue/tnews --task tnews
  A vocabulary of the characters and words that the training data use:
    act-data vocab data/clue/tnews --task tnews -o vocab.txt";

/// Fetches, checks and makes the data that the stages read.
#[derive(clap::Parser)]
#[command(name = "act-data", version, after_help = EXAMPLES)]
enum Args {
    /// Makes a sample corpus for a CLUE task, with nothing downloaded.
    Sample {
        /// afqmc, tnews, iflytek, ocnli, cmnli, cluewsc2020 or csl.
        task: String,
        /// Folder to make.
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
        /// Examples of train instead of the task's usual number.
        #[arg(long, value_name = "N")]
        train: Option<usize>,
        /// Examples of dev instead of the task's usual number.
        #[arg(long, value_name = "N")]
        dev: Option<usize>,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Downloads the official archive of a CLUE task.
    #[cfg(feature = "fetch")]
    Fetch {
        /// afqmc, tnews, iflytek, ocnli, cmnli, cluewsc2020 or csl.
        task: String,
        /// Folder to make.
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
        /// The archive's BLAKE3 digest, instead of the published ones.
        #[arg(long, value_name = "HEX")]
        digest: Option<String>,
        /// Where the archives lie.
        #[arg(long, hide = true, default_value = act_data::fetch::OFFICIAL)]
        url: String,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Says what a data folder holds and what is wrong with it.
    Check {
        /// Folder of the data set.
        dir: PathBuf,
        /// Task, where the folder does not say it.
        #[arg(long)]
        task: Option<String>,
        /// A vocab.txt to count tokens with; otherwise one is made from train.
        #[arg(long, value_name = "FILE")]
        vocab: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Makes a vocab.txt from a data set's train split.
    Vocab {
        /// Folder of the data set.
        dir: PathBuf,
        /// Task, where the folder does not say it.
        #[arg(long)]
        task: Option<String>,
        /// File to write; `-` is standard output.
        #[arg(short, long, default_value = "-", value_name = "FILE")]
        output: PathBuf,
        /// Leave out characters that occur less often.
        #[arg(long, value_name = "N", default_value_t = 2)]
        min_count: usize,
        #[command(flatten)]
        common: CommonArgs,
    },
}

impl StageCli for Args {
    fn common(&self) -> &CommonArgs {
        match self {
            Args::Sample { common, .. } | Args::Check { common, .. } => common,
            Args::Vocab { common, .. } => common,
            #[cfg(feature = "fetch")]
            Args::Fetch { common, .. } => common,
        }
    }
}

#[global_allocator]
static ALLOCATOR: cli::Allocator = cli::Allocator;

fn main() -> ExitCode {
    cli::main("act-data", run)
}

fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    match args {
        Args::Sample {
            task,
            output,
            train,
            dev,
            ..
        } => {
            context.set_synthetic(true);
            sample(&task, &output, Size { train, dev }, context.seed())?;
            log::info!("wrote {}", output.display());
        }
        #[cfg(feature = "fetch")]
        Args::Fetch {
            task,
            output,
            digest,
            url,
            ..
        } => {
            fetch(context, &task, &output, digest.as_deref(), &url)?;
        }
        Args::Check {
            dir,
            task,
            vocab,
            json,
            ..
        } => {
            let read =
                |path: &PathBuf| std::fs::read_to_string(path).map_err(|e| Error::io(path, e));
            let vocab = vocab.as_ref().map(read).transpose()?;
            let found = check(&dir, task.as_deref(), vocab.as_deref())?;
            context.set_synthetic(found.synthetic);
            let text = if json {
                serde_json::to_string_pretty(&found)? + "\n"
            } else {
                found.to_string()
            };
            context.write_file(Path::new("-"), text.as_bytes())?;
            found.verdict()?;
        }
        Args::Vocab {
            dir,
            task,
            output,
            min_count,
            ..
        } => {
            let train = Dataset::open(&dir, task.as_deref(), Split::Train, None)?;
            context.set_synthetic(train.record.synthetic);
            context.write_file(&output, vocabulary(&train, min_count)?.as_bytes())?;
        }
    }
    Ok(Exit::Done)
}

#[cfg(feature = "fetch")]
fn fetch(
    context: &Context,
    task: &str,
    dir: &Path,
    digest: Option<&str>,
    url: &str,
) -> anyhow::Result<()> {
    let (mut shown, mut before) = (None, 0);
    let fetched = act_data::fetch::fetch(task, dir, url, digest, &mut |done, total| {
        let bar = shown.get_or_insert_with(|| context.progress("downloading", total.unwrap_or(0)));
        bar.advance(done.saturating_sub(before));
        before = done;
        if cli::interrupted() {
            Err(Error::interrupted())
        } else {
            Ok(())
        }
    })?;
    drop(shown);
    for (split, examples) in &fetched.splits {
        log::info!("{split}: {examples} examples");
    }
    log::info!(
        "wrote {}; to pin the archive, give --digest {}",
        dir.display(),
        fetched.digest
    );
    Ok(())
}
