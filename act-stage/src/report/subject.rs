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
    /// What was held out of train because there is no file of it, in words: of this split, or as it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<String>,
    /// True for the bundled generator's corpus.
    pub synthetic: bool,
    /// How much of its text the model does not read; absent where nothing was encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

impl DatasetReport {
    /// From a provenance record, whose name is `task/split`, and behind that in brackets what was held out.
    pub fn new(data: &DataRecord) -> Self {
        let (name, split) = data.name.split_once('/').unwrap_or((&data.name, ""));
        let (split, held_out) = match split.split_once(" (") {
            Some((split, more)) => (split, Some(more.trim_end_matches(')').to_string())),
            None => (split, None),
        };
        Self {
            name: name.into(),
            split: split.into(),
            held_out,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_held_out_stands_beside_the_split() {
        let of = |name: &str| {
            let record = DataRecord {
                name: name.into(),
                digest: Digest([0; 32]),
                examples: 7,
                synthetic: false,
            };
            let report = DatasetReport::new(&record);
            (report.name, report.split, report.held_out)
        };
        let (name, split) = ("own".to_string(), "dev".to_string());
        assert_eq!(of("own/dev"), (name.clone(), split.clone(), None));
        let held_out = Some("10 % of train, by seed 42".to_string());
        assert_eq!(
            of("own/dev (10 % of train, by seed 42)"),
            (name, split, held_out)
        );
    }
}
