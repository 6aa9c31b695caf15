//! The command line: `new`, an untrained encoder, `import` and `export`.

use std::path::PathBuf;

use crate::new::{self, EncoderShape};
use crate::tokenizer;
use crate::{DataTask, ImportOptions, export, import};
use act_core::{Activation, Family};
use act_data::{Dataset, Split};
use act_stage::config::Program;
use act_stage::report::Report;
use act_stage::{ConfigArgs, Context, DataArgs, Exit, LogArgs, ReportArgs, SeedArgs, StageCli};
use clap::builder::{PossibleValuesParser, TypedValueParser};

const EXAMPLES: &str = "\
Examples:
  An encoder of 4 layers of width 128, its vocabulary made from the training data:
    act-convert new --layers 4 --hidden 128 --heads 4 --data ~/clue/tnews --task tnews -o new.act
  The same with BERT's vocabulary, trained at once:
    act-convert new --layers 4 --hidden 128 --heads 4 --data ~/clue/tnews --task tnews \\
      --vocab vocab.txt | act-distill --data ~/clue/tnews -o base.act
  For own data, whose act-dataset.json names the task:
    act-convert new --layers 2 --hidden 64 --heads 2 --data tickets -o new.act";

const IMPORT_EXAMPLES: &str = "\
Examples:
  A Paddle inference folder (*.pdmodel or Paddle 3's *.json, *.pdiparams, vocab.txt), an archive of
  one, or one of several programs in a folder:
    act-convert import afqmc/ --task afqmc -o base.act
    act-convert import afqmc.tar --task afqmc -o base.act
    act-convert import afqmc/float32.pdmodel --task afqmc -o base.act
  A Hugging Face folder (config.json, model.safetensors, vocab.txt); a bare encoder gets a new head:
    act-convert import bert-base-chinese/ --task tnews -o base.act
  Labels of your own, in the order of the classes:
    act-convert import model/ --task mood --labels bad,good --max-seq-length 64 -o base.act
  For data that describe themselves, whose labels have other names than the model's:
    act-convert import model/ --data tickets --labels billing,network -o base.act";

const EXPORT_EXAMPLES: &str = "\
Examples:
  For ONNX Runtime, OpenVINO; int8 models become QDQ graphs:
    act-convert export int8.act -o int8.onnx
  For transformers (float models):
    act-convert export student.act -o student/
  At the end of a pipe, in the bytes that ONNX Runtime multiplies fastest on x86:
    act-quant student.act --data ~/clue/afqmc --deploy onnx \\
      | act-convert export --activations uint8 -o int8.onnx
  For TensorRT, which takes no zero points:
    act-quant student.act --data ~/clue/afqmc --deploy onnx --set QuantPost.shift=false \\
      | act-convert export --tensorrt -o int8.onnx";

/// Makes artifacts, and writes them for other systems.
#[derive(clap::Parser)]
#[command(name = "act-convert", version, after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Makes an untrained encoder for a task; act-distill trains it.
    #[command(after_help = EXAMPLES)]
    New(NewArgs),
    /// Reads a fine-tuned classifier of another framework.
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(ImportArgs),
    /// Writes a model for another system.
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(export::Args),
}

#[derive(clap::Args)]
struct ImportArgs {
    /// Paddle inference folder or Hugging Face folder, .tar or .tar.gz of one, or an artifact.
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    /// Name of the task; a built-in one gives the labels [default: the configuration's].
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// Labels in the order of the classes [default: the task's, or 0, 1, 2 ...].
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    labels: Option<Vec<String>>,
    /// Data that the model is for: its task, the names of its labels and its columns.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Longest sequence in tokens [default: the configuration's, or 128].
    #[arg(long, value_name = "N")]
    max_seq_length: Option<usize>,
    /// Vocabulary, one token a line [default: vocab.txt beside the model].
    #[arg(long, value_name = "FILE")]
    vocab: Option<PathBuf>,
    /// Output artifact; `-` is standard output.
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(clap::Args)]
struct NewArgs {
    /// Encoder layers.
    #[arg(long, value_name = "N")]
    layers: usize,
    /// Width of the hidden states.
    #[arg(long, value_name = "N")]
    hidden: usize,
    /// Attention heads of each layer; a divisor of --hidden.
    #[arg(long, value_name = "N")]
    heads: usize,
    /// Neurons of each feed-forward block [default: 4 times --hidden].
    #[arg(long, value_name = "N")]
    intermediate: Option<usize>,
    /// Task: a built-in name, or nothing where the data folder describes itself [default: the
    /// configuration's].
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// Vocabulary, one token a line [default: made from the training data].
    #[arg(long, value_name = "FILE")]
    vocab: Option<PathBuf>,
    /// Longest sequence in tokens [default: the configuration's, or 128].
    #[arg(long, value_name = "N")]
    max_seq_length: Option<usize>,
    /// Model family.
    #[arg(long, default_value = "bert", value_parser = family())]
    family: Family,
    /// Activation of the feed-forward blocks.
    #[arg(long, default_value = "gelu", value_parser = activation())]
    activation: Activation,
    /// Output artifact; `-` is standard output.
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    log: LogArgs,
}

fn family() -> impl TypedValueParser<Value = Family> {
    one_of([Family::Bert, Family::Ernie], Family::name)
}

fn activation() -> impl TypedValueParser<Value = Activation> {
    one_of(
        [Activation::Gelu, Activation::Relu, Activation::GeluTanh],
        Activation::name,
    )
}

/// Parses the name of one of `all`.
fn one_of<T, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    PossibleValuesParser::new(all.map(name)).try_map(move |given| {
        let found = all.into_iter().find(|&one| name(one) == given);
        found.ok_or("there is no such value")
    })
}

impl StageCli for Args {
    fn log(&self) -> &LogArgs {
        match &self.command {
            Command::New(args) => &args.log,
            Command::Export(args) => &args.log,
            Command::Import(args) => &args.log,
        }
    }
}

/// Runs the program.
///
/// # Errors
/// Those of arguments, configuration, data and models, and of the work.
pub fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    match args.command {
        Command::New(args) => make_new(&args, context),
        Command::Export(args) => export::run(&args, context),
        Command::Import(args) => import_model(args, context),
    }
}

fn make_new(args: &NewArgs, context: &Context) -> anyhow::Result<Exit> {
    let config = args.config.load(Program::New)?;
    let global = &config.global;
    let shape = EncoderShape {
        layers: args.layers,
        hidden: args.hidden,
        heads: args.heads,
        intermediate: args.intermediate.unwrap_or(args.hidden.saturating_mul(4)),
        max_seq_length: args.max_seq_length.or(global.max_seq_length).unwrap_or(128),
        family: args.family,
        activation: args.activation,
    };
    shape.check()?;
    context.check_output(&args.output)?;
    args.report.check(context)?;

    let tokenizer = args
        .vocab
        .as_deref()
        .map(tokenizer::read_vocab)
        .transpose()?;
    let task = args.task.as_deref().or(global.task_name.as_deref());
    let train = Dataset::open(args.data.dir(&config)?, task, Split::Train, None)?;
    context.set_synthetic(train.record.synthetic);
    let model = new::model(&shape, &train, tokenizer, args.seed.get())?;

    log::info!(
        "untrained {}: {} parameters, {} tokens, {} labels",
        model.task.name,
        model.plan.parameters(),
        model.plan.embeddings.vocab_size,
        model.plan.num_labels
    );
    let report = Report::new("act-convert", &model)?;
    args.report.write(context, report)?;
    context.write_artifact(&args.output, &model)?;
    Ok(Exit::Done)
}

fn import_model(args: ImportArgs, context: &Context) -> anyhow::Result<Exit> {
    let global = args.config.load(Program::Import)?.global;
    let task = args.task.or(global.task_name);
    let data = args.data.map(|dir| {
        let data = Dataset::open(&dir, task.as_deref(), Split::Train, None)?;
        Ok::<_, act_core::Error>(DataTask::from(data))
    });
    let options = ImportOptions {
        task,
        labels: args.labels,
        data: data.transpose()?,
        max_seq_length: args.max_seq_length.or(global.max_seq_length),
        vocab: args.vocab,
        seed: args.seed.get(),
    };
    context.check_output(&args.output)?;
    args.report.check(context)?;
    let model = import(&args.source, &options)?;

    log::info!(
        "imported {}: {} layers, {} parameters, {} tokens, {} labels",
        model.task.name,
        model.plan.layers.len(),
        model.plan.parameters(),
        model.plan.embeddings.vocab_size,
        model.plan.num_labels
    );
    let report = Report::new("act-convert", &model)?;
    args.report.write(context, report)?;
    context.write_artifact(&args.output, &model)?;
    Ok(Exit::Done)
}
