//! `act-convert export`: an artifact as a file of another system; the output's name says which.

use std::path::{Path, PathBuf};

use act_core::{Artifact, Error, Result};
use act_stage::report::Report;
use act_stage::{Context, Exit, LogArgs, ReportArgs};

use crate::hf;
use crate::onnx::{self, ActivationType};

/// Arguments of `act-convert export`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Model; `-` is standard input.
    #[arg(default_value = "-", value_name = "INPUT")]
    pub input: PathBuf,
    /// Where to write: FILE.onnx, or FOLDER/ for `transformers`.
    #[arg(short, long, value_name = "FILE.onnx|FOLDER/")]
    pub output: PathBuf,
    /// FOLDER/ with `model.onnx` in place of weights for `transformers`, int8 models too: what `optimum`, and
    /// whoever else runs ONNX from text to label, reads.
    #[arg(long)]
    pub onnx: bool,
    /// How an int8 model's inputs are written in ONNX: int8 for every runtime, uint8 for speed in
    /// ONNX Runtime on x86. The numbers are the same.
    #[arg(long, value_enum, default_value = "int8", value_name = "TYPE")]
    pub activations: ActivationType,
    /// Write the ONNX of an int8 model so that TensorRT builds an engine of it; other runtimes then convert
    /// whole embedding tables in every run.
    #[arg(long, conflicts_with = "activations")]
    pub tensorrt: bool,
    /// Its report.
    #[command(flatten)]
    pub report: ReportArgs,
    /// What it says.
    #[command(flatten)]
    pub log: LogArgs,
}

/// What can be written.
#[derive(Debug, PartialEq)]
enum ExportFormat {
    Onnx,
    /// `config.json`, `model.safetensors`, the tokenizer.
    HuggingFace,
    /// The same with `model.onnx`.
    OnnxFolder,
}

impl ExportFormat {
    /// The format that the output's name asks for.
    fn of(path: &Path) -> Result<Self> {
        match path.extension() {
            _ if path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/") => {
                Ok(ExportFormat::HuggingFace)
            }
            Some(extension) if extension.eq_ignore_ascii_case("onnx") => Ok(ExportFormat::Onnx),
            _ => Err(Error::usage(format!(
                "--output {}: the name's ending says the format; give FILE.onnx or FOLDER/",
                path.display()
            ))),
        }
    }
}

/// Runs the subcommand.
///
/// # Errors
/// Usage: an output whose name says no format, or a model that the format cannot hold. Rejected: an
/// input that is no artifact.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let format = match ExportFormat::of(&args.output)? {
        ExportFormat::HuggingFace if args.onnx => ExportFormat::OnnxFolder,
        ExportFormat::Onnx if args.onnx => {
            let message = "--onnx: is for a folder; --output FILE.onnx is the graph alone";
            return Err(Error::usage(message).into());
        }
        ExportFormat::HuggingFace if args.tensorrt => {
            let message =
                "--tensorrt: is for ONNX; give --output FILE.onnx, or --onnx with the folder";
            return Err(Error::usage(message).into());
        }
        format => format,
    };
    if format == ExportFormat::Onnx {
        context.check_output(&args.output)?; // A folder is written beside its place, and renamed.
    }
    args.report.check(context)?;
    let model = context.read_artifact(&args.input)?;
    match format {
        ExportFormat::Onnx => {
            let graph = graph(args, &model)?;
            context.write_file(&args.output, &graph)?;
            tell(args, &model, graph.len());
        }
        ExportFormat::OnnxFolder => {
            let graph = graph(args, &model)?;
            hf::export_onnx(&model, &graph, &args.output)?;
            tell(args, &model, graph.len());
        }
        ExportFormat::HuggingFace => {
            hf::export(&model, &args.output)?;
            log::info!("wrote {}: for transformers, f32", args.output.display());
        }
    }
    args.report
        .write(context, Report::new("act-convert", &model)?)?;
    Ok(Exit::Done)
}

/// The ONNX file, and what to know of it in the log.
fn graph(args: &Args, model: &Artifact) -> Result<Vec<u8>> {
    let export = if args.tensorrt {
        onnx::export_for_tensorrt(model)?
    } else {
        onnx::export(model, args.activations)?
    };
    if !export.float_inputs.is_empty() {
        let names: Vec<String> = export.float_inputs.iter().map(|l| l.to_string()).collect();
        log::warn!(
            "{} layers compute in float with their int8 weights, for ONNX cannot scale inputs \
             token by token: {}",
            names.len(),
            names.join(", ")
        );
    }
    if !model.quant.attention.is_empty() {
        log::warn!(
            "attention of {} layers multiplies bytes whose scales are found while the model runs, which \
             ONNX cannot say: in the graph it is float",
            model.quant.attention.len()
        );
    }
    if model.quant.has_four_bits() {
        log::info!(
            "weights and tables of 4 bits are written as the int8 numbers that they unpack to: the same \
             answers, in a file as large as an int8 model's"
        );
    }
    Ok(export.bytes)
}

fn tell(args: &Args, model: &Artifact, bytes: usize) {
    log::info!(
        "wrote {}: {:.1} MB, {}, opset {}",
        args.output.display(),
        bytes as f64 / 1e6,
        model.quant.precision(),
        onnx::OPSET
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_the_format() {
        for name in ["a.onnx", "b/c.ONNX"] {
            assert_eq!(
                ExportFormat::of(Path::new(name)).unwrap(),
                ExportFormat::Onnx
            );
        }
        assert_eq!(
            ExportFormat::of(Path::new("a/")).unwrap(),
            ExportFormat::HuggingFace
        );
        for name in ["-", "a", "a.act", ".onnx", "onnx"] {
            let error = ExportFormat::of(Path::new(name)).unwrap_err().to_string();
            assert!(error.contains("FILE.onnx"), "{error}");
        }
    }
}
