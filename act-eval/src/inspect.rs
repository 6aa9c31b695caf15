//! `act-eval inspect`: what is in a file, from its verified metadata alone; no tensor is read, so a
//! model of any size is shown at once; only `--time` runs it.

mod groups;
mod inspection;

use std::fmt::Write;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use act_core::artifact::{self, Header};
use act_core::{Artifact, Error, Problem, Result, TaskInfo};
use act_data::Task;
use act_stage::{Context, Exit, LogArgs};

use crate::lineage::tree;
use crate::output::{self, Printed, synthetic_tag};
use crate::sites;
use crate::table::Table;
use inspection::Inspection;

/// Arguments of `act-eval inspect`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Model; `-` is standard input.
    #[arg(default_value = "-", value_name = "MODEL")]
    pub model: PathBuf,
    /// Add a table of every layer's input: scheme, error, what float would give back.
    #[arg(long)]
    pub quant: bool,
    /// As --quant, and measure what each input costs here, in int8 and in float.
    #[arg(long)]
    pub time: bool,
    /// Print JSON instead; it holds everything.
    #[arg(long)]
    pub json: bool,
    /// What it says.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Runs the subcommand.
pub fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let (header, sites) = if args.time {
        read_and_time(&args.model)?
    } else {
        let header = read(&args.model)?;
        let sites = sites::rows(&header.plan, &header.quant, &header.provenance);
        (header, sites)
    };
    let text = if args.json {
        Printed::Json(output::json(&Inspection::new(
            &header,
            sites,
            is_synthetic(&header),
        ))?)
    } else {
        let shown = (args.quant || args.time).then_some(&sites[..]);
        Printed::Text(as_text(&header, shown))
    };
    output::print(ctx, &text)?;
    Ok(Exit::Done)
}

fn read(path: &Path) -> Result<Header> {
    if path.as_os_str() != "-" {
        return artifact::inspect(path);
    }
    let mut stdin = io::stdin().lock();
    let header = Header::read(&mut stdin).map_err(|e| e.context("standard input"))?;
    // The stage before must be able to finish writing, or the pipe fails.
    io::copy(&mut stdin, &mut io::sink()).map_err(|e| Error::io("standard input", e))?;
    Ok(header)
}

/// The whole model, checked and timed: the bytes are read once, so that a pipe will do.
fn read_and_time(path: &Path) -> Result<(Header, Vec<sites::Row>)> {
    let bytes = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let read = io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|e| Error::io("standard input", e))?;
        bytes
    } else {
        std::fs::read(path).map_err(|e| Error::io(path, e))?
    };
    let context = |e: Error| e.context(path.display().to_string());
    let header = Header::read(&mut &bytes[..]).map_err(context)?;
    let model = Artifact::read(&bytes[..]).map_err(context)?;
    let mut sites = sites::rows(&header.plan, &header.quant, &header.provenance);
    if sites.is_empty() {
        log::warn!("nothing is quantised: there is nothing to measure");
    }
    sites::measure(&model, &mut sites)?;
    Ok((header, sites))
}

fn is_synthetic(header: &Header) -> bool {
    header
        .provenance
        .iter()
        .flat_map(|r| &r.data)
        .any(|d| d.synthetic)
}

fn as_text(header: &Header, sites: Option<&[sites::Row]>) -> String {
    let Header { plan, task, .. } = header;
    let tag = synthetic_tag(is_synthetic(header));
    let quantised = if header.quant.is_empty() {
        String::new()
    } else {
        let stored = if header.quant.has_four_bits() {
            ", stored in 4 bits"
        } else {
            ""
        };
        let attention = match header.quant.attention.len() {
            0 => String::new(),
            layers => format!(", attention of {layers} of {} layers", plan.layers.len()),
        };
        format!(
            "{stored} ({} of {} linear layers, {} of {} embedding tables{attention})",
            header.quant.linears.len(),
            plan.linears().len(),
            header.quant.embeddings.len(),
            plan.tables().len()
        )
    };
    let facts = [
        ("task", format!("{}{tag}", task.name)),
        ("labels", labels(&task.labels)),
        ("reads", reads(task)),
        (
            "family",
            format!("{}, {}", plan.family.name(), plan.block.activation.name()),
        ),
        ("hidden_size", plan.hidden_size.to_string()),
        ("vocabulary", plan.embeddings.vocab_size.to_string()),
        (
            "max_seq_length",
            format!("{} of {}", task.max_seq_length, plan.embeddings.longest),
        ),
        (
            "precision",
            format!("{}{quantised}", header.quant.precision()),
        ),
        ("parameters", plan.parameters().to_string()),
        ("file_bytes", header.file_len.to_string()),
        ("model_digest", header.model_digest.to_string()),
    ];
    let problem = match &task.problem {
        Problem::SingleLabel => None,
        Problem::MultiLabel { thresholds } => {
            let shown = |(label, threshold): (&String, &f32)| format!("{label} {threshold:.3}");
            let all: Vec<String> = task.labels.iter().zip(thresholds).map(shown).collect();
            Some(("multi-label", format!("from {}", all.join(", "))))
        }
        Problem::Regression => Some(("regression", "one score".into())),
    };
    let head = task.head_trained.map(|trained| {
        let state = if trained { "trained" } else { "never trained" };
        ("head", state.to_string())
    });
    let mut text = String::new();
    // Writing to a String cannot fail.
    for (name, value) in facts.into_iter().chain(problem).chain(head) {
        let _ = writeln!(text, "{name:<15} {value}");
    }
    let _ = write!(text, "\n{}\n{}", layer_table(header), groups::table(header));
    if let Some(sites) = sites.filter(|sites| !sites.is_empty()) {
        let _ = write!(text, "\n{}", sites::table(sites));
    }
    let lineage = match header.provenance.as_slice() {
        [] => "nothing is recorded\n".into(),
        records => tree(records),
    };
    let _ = write!(text, "\nlineage\n{lineage}");
    text
}

/// How many texts, and in which columns.
fn reads(task: &TaskInfo) -> String {
    let Some(task) = Task::of_model(task) else {
        return "one text or two: nobody has recorded it".into();
    };
    let texts = if task.is_pair() {
        "two texts"
    } else {
        "one text"
    };
    format!("{texts}: {}", task.text_columns().join(", "))
}

fn labels(labels: &[String]) -> String {
    const SHOWN: usize = 8;
    let more = if labels.len() > SHOWN { ", ..." } else { "" };
    let shown = labels
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    format!("{}: {shown}{more}", labels.len())
}

fn layer_table(header: &Header) -> Table {
    let mut table = Table::new(["layer", "heads", "head_dim", "neurons", "kept heads"]);
    for (i, layer) in header.plan.layers.iter().enumerate() {
        let kept: Vec<String> = layer.kept_heads.iter().map(u16::to_string).collect();
        table.push([
            i.to_string(),
            layer.heads().to_string(),
            layer.head_dim.to_string(),
            layer.intermediate_size.to_string(),
            kept.join(" "),
        ]);
    }
    table
}
