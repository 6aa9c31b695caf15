//! `act-data`: fetches, checks and makes data sets and vocabularies.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use act_core::Error;
use act_data::check::{Reader, check};
use act_data::describe::describe;
use act_data::sample::{Size, sample};
use act_data::{DESCRIPTION, Dataset, Split, vocabulary};
use act_stage::{Context, Exit, LogArgs, SeedArgs, StageCli};

const EXAMPLES: &str = "\
Examples:
  The sample corpus for a task, with nothing downloaded:
    act-data sample afqmc -o sample
  The official archive, and what is in it:
    act-data fetch tnews -o ~/clue/tnews && act-data check ~/clue/tnews --task tnews
  A vocabulary of the characters and words that the training data use:
    act-data vocab ~/clue/tnews --task tnews -o vocab.txt";

const SAMPLE_EXAMPLES: &str = "\
Examples:
  The task's usual size; train.json, dev.json and act-dataset.json, which says that it is synthetic:
    act-data sample afqmc -o sample
  A small one, for a quick look:
    act-data sample tnews -o sample-tnews --train 500 --dev 100
  Another draw of the same task:
    act-data sample csl -o sample-csl --seed 7";

#[cfg(feature = "fetch")]
const FETCH_EXAMPLES: &str = "\
Examples:
  The official archive, checked against its published digest:
    act-data fetch afqmc -o data/clue/afqmc
  All of them, where make looks for them:
    for task in afqmc tnews iflytek; do act-data fetch $task -o data/clue/$task; done
  An archive that was published anew, pinned to what it was when you looked:
    act-data fetch tnews -o data/clue/tnews \\
      --digest 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

const CHECK_EXAMPLES: &str = "\
Examples:
  A CLUE folder: classes, lengths, doubles, and the line of everything that is wrong:
    act-data check ~/clue/tnews --task tnews
  Own data, whose act-dataset.json names task and columns:
    act-data check tickets
  How many of its tokens a given vocabulary knows, and how many texts are longer than 64 of them:
    act-data check ~/clue/afqmc --task afqmc --vocab vocab.txt --max-seq-length 64
  As a model will read it, for a script:
    act-data check tickets --model tickets.act --json";

const DESCRIBE_EXAMPLES: &str = "\
Examples:
  What is in a folder: files, columns, rows, labels, and what is doubtful about that:
    act-data describe answers
  The same, and the act-dataset.json that says so, for every stage to read by:
    act-data describe answers --write && act-data check answers
  For a script: the labels that were found:
    act-data describe answers --json | grep -A 3 labels";

const VOCAB_EXAMPLES: &str = "\
Examples:
  Characters and words that train uses at least twice:
    act-data vocab ~/clue/tnews --task tnews -o vocab.txt
  A smaller one, and how large it is:
    act-data vocab ~/clue/tnews --task tnews --min-count 5 | wc -l
  For own data, and a model that knows nothing else:
    act-data vocab tickets -o vocab.txt && act-convert new --layers 2 --hidden 64 --heads 2 \\
      --data tickets --vocab vocab.txt -o new.act";

/// Fetches, checks and makes the data that the stages read.
#[derive(clap::Parser)]
#[command(name = "act-data", version, after_help = EXAMPLES)]
enum Args {
    /// Makes a sample corpus for a CLUE task, with nothing downloaded.
    #[command(after_help = SAMPLE_EXAMPLES)]
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
        seed: SeedArgs,
        #[command(flatten)]
        log: LogArgs,
    },
    /// Downloads the official archive of a CLUE task.
    #[cfg(feature = "fetch")]
    #[command(after_help = FETCH_EXAMPLES)]
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
        log: LogArgs,
    },
    /// Says what a data folder holds and what is wrong with it.
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// Folder of the data set.
        dir: PathBuf,
        /// Task, where the folder does not say it.
        #[arg(long)]
        task: Option<String>,
        /// A vocab.txt to count tokens with; otherwise one is made from train.
        #[arg(long, value_name = "FILE")]
        vocab: Option<PathBuf>,
        /// Longest sequence in tokens, special ones counted: what is longer is cut [default: 128].
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(3..))]
        max_seq_length: Option<u32>,
        /// The model that is to read the data: its vocabulary, length and labels.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["vocab", "max_seq_length"])]
        model: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        log: LogArgs,
    },
    /// Looks at a data folder and proposes the act-dataset.json that describes it.
    #[command(after_help = DESCRIBE_EXAMPLES)]
    Describe {
        /// Folder of the data set.
        dir: PathBuf,
        /// What to call the task; else as the folder is called.
        #[arg(long)]
        task: Option<String>,
        /// Write act-dataset.json into the folder.
        #[arg(long)]
        write: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        log: LogArgs,
    },
    /// Makes a vocab.txt from a data set's train split.
    #[command(after_help = VOCAB_EXAMPLES)]
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
        log: LogArgs,
    },
}

impl StageCli for Args {
    fn log(&self) -> &LogArgs {
        match self {
            Args::Sample { log, .. }
            | Args::Check { log, .. }
            | Args::Describe { log, .. }
            | Args::Vocab { log, .. } => log,
            #[cfg(feature = "fetch")]
            Args::Fetch { log, .. } => log,
        }
    }
}

#[global_allocator]
static ALLOCATOR: act_stage::Allocator = act_stage::Allocator;

fn main() -> ExitCode {
    act_stage::main("act-data", run)
}

fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    match args {
        Args::Sample {
            task,
            output,
            train,
            dev,
            seed,
            ..
        } => {
            context.set_synthetic(true);
            sample(&task, &output, Size { train, dev }, seed.get())?;
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
            max_seq_length,
            model,
            json,
            ..
        } => {
            let model = model.map(|path| context.read_artifact(&path).map(|m| (m, path)));
            let model = model.transpose()?;
            let task = task.or(model.as_ref().map(|(model, _)| model.task.name.clone()));
            let mut reader = match (&model, vocab) {
                (Some((model, path)), _) => Reader::of_model(model, &path.display().to_string()),
                (None, Some(path)) => {
                    let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, e))?;
                    Reader::of_vocabulary(&text, &path.display().to_string())?
                }
                (None, None) => Reader::default(),
            };
            if let Some(length) = max_seq_length {
                reader.max_seq_length = length as usize;
            }
            let found = check(&dir, task.as_deref(), &reader)?;
            context.set_synthetic(found.synthetic);
            print(context, json.then_some(&found), &found.to_string())?;
            found.verdict()?;
        }
        Args::Describe {
            dir,
            task,
            write,
            json,
            ..
        } => describe_folder(context, &dir, task.as_deref(), write, json)?,
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

/// Prints a finding as JSON where that is wished, which escapes for itself, or else as text.
fn print(
    context: &Context,
    as_json: Option<&impl serde::Serialize>,
    text: &str,
) -> anyhow::Result<()> {
    let path = Path::new("-");
    match as_json {
        Some(found) => {
            let json = serde_json::to_string_pretty(found)? + "\n";
            context.write_file(path, json.as_bytes())?;
        }
        None => context.write_text(path, text)?,
    }
    Ok(())
}

/// Shows what a folder seems to hold, and writes it down if that is wished and it can be read so.
fn describe_folder(
    context: &Context,
    dir: &Path,
    task: Option<&str>,
    write: bool,
    json: bool,
) -> anyhow::Result<()> {
    let path = dir.join(DESCRIPTION);
    let there = path.exists();
    if write && there {
        let path = path.display();
        return Err(Error::usage(format!(
            "{path} is there already: remove it, or leave out --write to see what would be proposed"
        ))
        .into());
    }
    let found = describe(dir, task)?;
    let description = found.json()?;
    let text = format!("{found}\n{DESCRIPTION}\n{description}");
    print(context, json.then_some(&found), &text)?;
    found.verdict()?;
    if write {
        context.write_file(&path, description.as_bytes())?;
        log::info!("wrote {}", path.display());
    } else if there {
        log::info!("{} is there already, and counts", path.display());
    } else {
        log::info!("nothing written: --write writes {}", path.display());
    }
    Ok(())
}

#[cfg(feature = "fetch")]
fn fetch(
    context: &Context,
    task: &str,
    dir: &Path,
    digest: Option<&str>,
    url: &str,
) -> anyhow::Result<()> {
    let progress = context.progress();
    let fetched = act_data::fetch::fetch(task, dir, url, digest, &progress)?;
    progress.finish();
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
