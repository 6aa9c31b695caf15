//! ONNX out: an artifact as a graph that ONNX Runtime, TensorRT and OpenVINO load.
//!
//! Float models become float graphs, int8 models become QDQ graphs (QuantizeLinear and
//! DequantizeLinear around float operators, which runtimes fuse into integer ones). What the graph
//! computes, and where it cannot be the engine to the bit, is said in `docs/export.md`.

mod encoder;
mod graph;
mod linear;
mod metadata;
pub mod proto;
#[cfg(test)]
mod tests;

pub use linear::ActivationType;

use act_core::quant::{ActivationScheme, LinearQuant};
use act_core::{Artifact, Error, Linear, Result};
use prost::Message;
use proto::{ModelProto, OperatorSetIdProto};

/// The operator set that the graphs use: the first with LayerNormalization.
pub const OPSET: i64 = 17;

/// The file format's version that came with [`OPSET`].
const IR_VERSION: i64 = 8;

/// Protobuf messages end at 2 GiB.
const LARGEST: usize = i32::MAX as usize;

/// An artifact as ONNX.
pub struct Export {
    /// The file.
    pub bytes: Vec<u8>,
    /// Linears of int8 weights whose input stays float, because it has a scale a token, which
    /// QuantizeLinear cannot compute.
    pub float_inputs: Vec<Linear>,
}

/// Writes an artifact as an ONNX file. Equal models give equal bytes. `activations` matters to int8
/// models only.
///
/// # Errors
/// Usage: a model over 2 GB. Rejected: tensors that are not those of the plan, parts that this
/// version does not know how to compute.
pub fn export(artifact: &Artifact, activations: ActivationType) -> Result<Export> {
    write(artifact, activations, false)
}

/// Writes an artifact for TensorRT, in the same numbers: it takes bytes that are signed and, for a constant,
/// nothing but DequantizeLinear behind them, so that an embedding table is converted before rows are gathered.
///
/// # Errors
/// Usage: inputs whose zero point is not 0, which it refuses. Those of [`export`].
pub fn export_for_tensorrt(artifact: &Artifact) -> Result<Export> {
    let moved = moved_zeros(artifact);
    if moved > 0 {
        return Err(Error::usage(format!(
            "{moved} layers read inputs whose zero point is not 0, which TensorRT refuses: give act-quant \
             --set QuantPost.shift=false"
        )));
    }
    write(artifact, ActivationType::Int8, true)
}

/// Linears whose input has a zero point other than 0, in signed bytes.
fn moved_zeros(artifact: &Artifact) -> usize {
    let moved = |quant: &&LinearQuant| match quant.activation {
        ActivationScheme::Static { zero_point, .. } => zero_point != 128,
        ActivationScheme::DynamicPerToken => false,
    };
    artifact.quant.linears.iter().filter(moved).count()
}

fn write(artifact: &Artifact, activations: ActivationType, whole_tables: bool) -> Result<Export> {
    artifact.check_supported()?;
    let tensors = artifact.params.iter().map(|(_, t)| t.bytes().len());
    check_size(tensors.sum())?;
    // First of all, since the digest is of checked models only.
    let metadata_props = metadata::entries(artifact)?;
    let (graph, float_inputs) =
        encoder::graph(&artifact.clone().unpacked()?, activations, whole_tables)?;
    let model = ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some("act".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        doc_string: metadata::notice(artifact).map(String::from),
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(OPSET),
        }],
        graph: Some(graph),
        metadata_props,
    };
    check_size(model.encoded_len())?;
    Ok(Export {
        bytes: model.encode_to_vec(),
        float_inputs,
    })
}

/// Refuses what one file cannot hold.
fn check_size(bytes: usize) -> Result<()> {
    if bytes <= LARGEST {
        return Ok(());
    }
    Err(Error::usage(format!(
        "the model takes {:.1} GB and an ONNX file holds at most 2 GB: prune or quantise it first",
        bytes as f64 / 1e9
    )))
}
