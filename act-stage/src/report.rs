//! Reports: the JSON that stages write with `--report` and `act-eval --json` prints. Schema 1.
//!
//! Scripts rely on these names; add fields, never rename one.

use serde::Serialize;

use act_core::artifact::Artifact;
use act_core::error::Result;
use act_core::metrics::Accuracy;
use act_core::provenance::{DataRecord, Digest};

/// One stage's report.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Version of this schema.
    pub schema: u32,
    /// `act-prune` and so on.
    pub stage: String,
    /// Version of act.
    pub version: String,
    /// The task's name.
    pub task: String,
    /// True if the model or the data rest on the synthetic sample corpus.
    pub synthetic: bool,
    /// Why `synthetic` matters, in words; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<&'static str>,
    /// The data that was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetReport>,
    /// The model that came out.
    pub model: ModelReport,
    /// Accuracy on `dataset`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracy>,
    /// Latency, one row a setting.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub latency: Vec<LatencyReport>,
    /// Speed-up over the model it was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speedup: Option<f64>,
    /// The machine.
    pub host: Host,
    /// Wall time of the stage in seconds.
    pub wall_s: f64,
    /// Whatever else the stage has to say.
    #[serde(flatten)]
    pub details: serde_json::Map<String, serde_json::Value>,
}

/// What is said wherever a result rests on the bundled corpus.
pub const SYNTHETIC_NOTICE: &str = "synthetic sample: these figures show that the machinery works, not how well it does on real text";

impl Report {
    /// A report about `artifact`, everything optional still empty.
    pub fn new(stage: &str, artifact: &Artifact) -> Result<Self> {
        let synthetic = artifact.synthetic();
        Ok(Self {
            schema: 1,
            stage: stage.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            task: artifact.task.name.clone(),
            synthetic,
            notice: synthetic.then_some(SYNTHETIC_NOTICE),
            dataset: None,
            model: ModelReport::new(artifact)?,
            accuracy: None,
            latency: Vec::new(),
            speedup: None,
            host: Host::detect(),
            wall_s: 0.0,
            details: serde_json::Map::new(),
        })
    }

    /// Names the data that was judged.
    pub fn set_dataset(&mut self, data: &DataRecord) {
        self.synthetic |= data.synthetic;
        self.notice = self.synthetic.then_some(SYNTHETIC_NOTICE);
        self.dataset = Some(DatasetReport::new(data));
    }
}

/// A data set in a report.
#[derive(Debug, Clone, Serialize)]
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
        }
    }
}

/// A model in a report.
#[derive(Debug, Clone, Serialize)]
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
    pub precision: &'static str,
}

impl ModelReport {
    /// Describes an artifact.
    pub fn new(artifact: &Artifact) -> Result<Self> {
        Ok(Self {
            digest: artifact.model_digest()?,
            parameters: artifact.plan.parameters(),
            bytes: artifact.file_len()?,
            layers: artifact
                .plan
                .layers
                .iter()
                .map(|l| LayerReport {
                    heads: l.heads(),
                    head_dim: l.head_dim,
                    intermediate_size: l.intermediate_size,
                })
                .collect(),
            precision: artifact.quant.precision(),
        })
    }
}

/// A layer in a report.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct LayerReport {
    pub heads: usize,
    pub head_dim: usize,
    pub intermediate_size: usize,
}

/// Latency in one setting.
#[derive(Debug, Clone, Serialize)]
pub struct LatencyReport {
    /// Sequences in a batch.
    pub batch: usize,
    /// Tokens of the longest sequence.
    pub seq: usize,
    /// `fixed` (every sequence padded to `seq`), `longest` (padded to the batch's longest) or
    /// `none` (padding is not computed).
    pub padding: &'static str,
    /// True if the time begins with the texts, false if with token ids.
    pub tokenizing: bool,
    /// Threads of the engine.
    pub threads: usize,
    /// `f32` or `int8`.
    pub precision: &'static str,
    /// Median time of a batch in milliseconds.
    pub median_ms: f64,
    /// 95th percentile in milliseconds.
    pub p95_ms: f64,
    /// 99th percentile in milliseconds.
    pub p99_ms: f64,
    /// Sequences a second at the median.
    pub sequences_per_s: f64,
}

/// The machine that measured.
#[derive(Debug, Clone, Serialize)]
pub struct Host {
    /// Processor name.
    pub cpu: String,
    /// Logical processors available.
    pub cores: usize,
    /// Operating system.
    pub os: &'static str,
    /// Architecture.
    pub arch: &'static str,
    /// Vector instruction sets that matter to the engine.
    pub features: Vec<&'static str>,
}

impl Host {
    /// This machine.
    pub fn detect() -> Self {
        let cpu = std::fs::read_to_string("/proc/cpuinfo")
            .ok()
            .and_then(|text| {
                let line = text.lines().find(|l| l.starts_with("model name"))?;
                Some(line.split_once(':')?.1.trim().to_string())
            })
            .unwrap_or_else(|| "unknown".into());
        Self {
            cpu,
            cores: std::thread::available_parallelism().map_or(1, |n| n.get()),
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            features: features(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let mut list = Vec::new();
    macro_rules! note {
        ($($name:tt),*) => { $(if std::is_x86_feature_detected!($name) { list.push($name); })* };
    }
    note!("avx2", "fma", "avx512f", "avx512vnni", "avxvnni");
    list
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<&'static str> {
    Vec::new()
}
