//! How a model was made, stage by stage.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::subject::DatasetReport;
use act_core::provenance::{Digest, StageRecord};

/// One stage of a lineage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageReport {
    /// `act-prune` and so on.
    pub stage: String,
    /// Version of act.
    pub version: String,
    /// The configuration that acted, as YAML.
    pub config: String,
    /// The seed.
    pub seed: u64,
    /// Where it ran.
    pub device: String,
    /// Digests of the models that went in.
    pub inputs: Vec<InputReport>,
    /// Data that went in.
    pub data: Vec<DatasetReport>,
    /// What was measured.
    pub metrics: BTreeMap<String, f64>,
}

/// A model that went into a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputReport {
    /// `model` or `teacher`.
    pub role: String,
    /// Its digest.
    pub model_digest: Digest,
}

impl From<&StageRecord> for StageReport {
    fn from(record: &StageRecord) -> Self {
        let inputs = record.inputs.iter().map(|input| InputReport {
            role: input.role.clone(),
            model_digest: input.model_digest,
        });
        Self {
            stage: record.stage.clone(),
            version: record.version.clone(),
            config: record.config.clone(),
            seed: record.seed,
            device: record.device.clone(),
            inputs: inputs.collect(),
            data: record.data.iter().map(DatasetReport::new).collect(),
            metrics: record.metrics.iter().cloned().collect(),
        }
    }
}
