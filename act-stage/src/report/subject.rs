//! What a report is about: a model, and the data it was judged on.

use serde::{Deserialize, Serialize};

use act_core::artifact::{Artifact, Header};
use act_core::error::Result;
use act_core::plan::Plan;
use act_core::provenance::{DataRecord, Digest};

use super::cut::Cut;

/// A data set in a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetReport {
    /// Task name.
    pub name: String,
    /// `train`, `dev` or `test`.
    pub split: String,
    /// Number of examples.
    pub examples: u64,
    /// Digest of the examples.
    pub digest: Digest,
    /// True for the bundled generator's corpus.
    pub synthetic: bool,
    /// How much of its text the model does not read; absent where nothing was encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

impl DatasetReport {
    /// From a provenance record, whose name is `task/split`.
    pub fn new(data: &DataRecord) -> Self {
        let (name, split) = data.name.split_once('/').unwrap_or((&data.name, ""));
        Self {
            name: name.into(),
            split: split.into(),
            examples: data.examples,
            digest: data.digest,
            synthetic: data.synthetic,
            cut: None,
        }
    }
}

/// A model in a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    /// `model_digest`.
    pub digest: Digest,
    /// Number of parameters.
    pub parameters: usize,
    /// Size of the artifact file.
    pub bytes: u64,
    /// Shape of each layer.
    pub layers: Vec<LayerReport>,
    /// `f32` or `int8`.
    pub precision: String,
}

impl ModelReport {
    /// Describes an artifact.
    ///
    /// # Errors
    /// Those of the artifact's digest and size.
    pub fn new(artifact: &Artifact) -> Result<Self> {
        Ok(Self {
            digest: artifact.model_digest()?,
            parameters: artifact.plan.parameters(),
            bytes: artifact.file_len()?,
            layers: layers(&artifact.plan),
            precision: artifact.quant.precision().into(),
        })
    }
}

/// Describes a file of which only the head was read.
impl From<&Header> for ModelReport {
    fn from(header: &Header) -> Self {
        Self {
            digest: header.model_digest,
            parameters: header.plan.parameters(),
            bytes: header.file_len,
            layers: layers(&header.plan),
            precision: header.quant.precision().into(),
        }
    }
}

/// A layer in a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct LayerReport {
    pub heads: usize,
    pub head_dim: usize,
    pub intermediate_size: usize,
}

fn layers(plan: &Plan) -> Vec<LayerReport> {
    let layers = plan.layers.iter().map(|l| LayerReport {
        heads: l.heads(),
        head_dim: l.head_dim,
        intermediate_size: l.intermediate_size,
    });
    layers.collect()
}
