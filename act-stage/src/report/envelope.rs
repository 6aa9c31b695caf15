//! What every report says.

use serde::{Deserialize, Serialize};

use act_core::artifact::Artifact;
use act_core::error::Result;
use act_core::metrics::Accuracy;
use act_core::provenance::DataRecord;

use super::cut::Cut;
use super::host::Host;
use super::latency::LatencyReport;
use super::subject::{DatasetReport, ModelReport};

/// The version of the schema.
pub const SCHEMA: u32 = 1;

/// What is said wherever a result rests on the bundled corpus.
pub const SYNTHETIC_NOTICE: &str = "synthetic sample: these figures show that the machinery works, not how well it does on real text";

/// One stage's report; `D` is what this stage has to say beside what all say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report<D = NoDetails> {
    /// Version of this schema.
    pub schema: u32,
    /// `act-prune` and so on.
    pub stage: String,
    /// Version of act.
    pub version: String,
    /// The task's name.
    pub task: String,
    /// True if the model or the data rest on the synthetic sample corpus.
    #[serde(default)]
    pub synthetic: bool,
    /// Why `synthetic` matters, in words; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// The data that was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetReport>,
    /// The model that came out.
    pub model: ModelReport,
    /// Accuracy on `dataset`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracy>,
    /// Latency, one row a setting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latency: Vec<LatencyReport>,
    /// Speed-up over the model it was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speedup: Option<f64>,
    /// The machine.
    pub host: Host,
    /// Wall time of the stage in seconds.
    #[serde(default)]
    pub wall_s: f64,
    /// What this stage has to say.
    #[serde(flatten)]
    pub details: D,
}

/// A stage has nothing to add.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NoDetails {}

impl Report {
    /// A report about `artifact`, everything optional still empty.
    ///
    /// # Errors
    /// Those of the artifact's digest and size.
    pub fn new(stage: &str, artifact: &Artifact) -> Result<Self> {
        let mut report = Self {
            schema: SCHEMA,
            stage: stage.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            task: artifact.task.name.clone(),
            synthetic: false,
            notice: None,
            dataset: None,
            model: ModelReport::new(artifact)?,
            accuracy: None,
            latency: Vec::new(),
            speedup: None,
            host: Host::detect(),
            wall_s: 0.0,
            details: NoDetails {},
        };
        report.mark_synthetic(artifact.synthetic());
        Ok(report)
    }
}

impl<D> Report<D> {
    /// The same report with other details.
    pub fn with<E>(self, details: E) -> Report<E> {
        Report {
            schema: self.schema,
            stage: self.stage,
            version: self.version,
            task: self.task,
            synthetic: self.synthetic,
            notice: self.notice,
            dataset: self.dataset,
            model: self.model,
            accuracy: self.accuracy,
            latency: self.latency,
            speedup: self.speedup,
            host: self.host,
            wall_s: self.wall_s,
            details,
        }
    }

    /// Names the data that was worked on, and how much of its text was cut.
    pub fn set_dataset(&mut self, data: &DataRecord, cut: Option<Cut>) {
        self.mark_synthetic(data.synthetic);
        self.dataset = Some(DatasetReport {
            cut,
            ..DatasetReport::new(data)
        });
    }

    /// Says, if `synthetic`, that the figures rest on the bundled corpus; they do not cease to.
    pub fn mark_synthetic(&mut self, synthetic: bool) {
        if synthetic {
            self.synthetic = true;
            self.notice = Some(SYNTHETIC_NOTICE.into());
        }
    }
}
