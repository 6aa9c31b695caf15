//! What a file holds, as JSON.

use act_core::artifact::Header;
use act_core::provenance::Digest;
use act_core::{Plan, Problem, ProblemKind, TaskInfo};
use act_data::Task;
use act_stage::report::{InputSite, LinearReport, ModelReport, SCHEMA, StageReport};
use serde::Serialize;

use super::groups;
use crate::sites::Row;

/// All that `act-eval inspect --json` says.
#[derive(Serialize)]
pub(super) struct Inspection {
    schema: u32,
    stage: &'static str,
    task: String,
    synthetic: bool,
    model: ModelReport,
    labels: Vec<String>,
    /// Left out where a text has one label.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemKind>,
    /// Of several labels, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thresholds: Vec<f32>,
    /// The columns of the texts; empty where nobody has recorded it.
    reads: Vec<String>,
    max_seq_length: usize,
    /// Left out where nobody has recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    head_trained: Option<bool>,
    plan: Shapes,
    tensors: Vec<TensorReport>,
    quant: Vec<LinearReport>,
    sites: Vec<InputSite>,
    int8_embeddings: Vec<String>,
    /// Layers.
    int8_attention: Vec<usize>,
    lineage: Vec<StageReport>,
}

/// What the plan says beside the layers' shapes.
#[derive(Serialize)]
struct Shapes {
    family: &'static str,
    hidden_size: usize,
    hidden_act: &'static str,
    vocab_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    task_type_vocab_size: usize,
    layer_norm_eps: f64,
    kept_heads: Vec<Vec<u16>>,
}

#[derive(Serialize)]
struct TensorReport {
    name: String,
    part: Option<&'static str>,
    dtype: &'static str,
    shape: Vec<usize>,
    bytes: u64,
    digest: Digest,
}

impl Inspection {
    /// Of a file's head and its inputs.
    pub(super) fn new(header: &Header, sites: Vec<Row>, synthetic: bool) -> Self {
        let TaskInfo {
            name,
            labels,
            max_seq_length,
            head_trained,
            problem,
            ..
        } = header.task.clone();
        let reads = Task::of_model(&header.task);
        let reads = reads.iter().flat_map(Task::text_columns);
        let quant = &header.quant;
        Self {
            schema: SCHEMA,
            stage: "act-eval",
            task: name,
            synthetic,
            model: header.into(),
            labels,
            problem: Some(problem.kind()).filter(|kind| *kind != ProblemKind::SingleLabel),
            thresholds: match problem {
                Problem::MultiLabel { thresholds } => thresholds,
                _ => Vec::new(),
            },
            reads: reads.map(str::to_string).collect(),
            max_seq_length,
            head_trained,
            plan: shapes(&header.plan),
            tensors: tensors(header),
            quant: quant.linears.iter().map(LinearReport::from).collect(),
            sites: sites.into_iter().map(|row| row.report).collect(),
            int8_embeddings: quant
                .embeddings
                .iter()
                .map(|q| q.table.to_string())
                .collect(),
            int8_attention: quant.attention.clone(),
            lineage: header.provenance.iter().map(StageReport::from).collect(),
        }
    }
}

fn shapes(plan: &Plan) -> Shapes {
    Shapes {
        family: plan.family.name(),
        hidden_size: plan.hidden_size,
        hidden_act: plan.block.activation.name(),
        vocab_size: plan.embeddings.vocab_size,
        max_position_embeddings: plan.embeddings.longest,
        type_vocab_size: plan.embeddings.type_vocab_size,
        task_type_vocab_size: plan.embeddings.task_type_vocab_size,
        layer_norm_eps: plan.layer_norm_eps.into(),
        kept_heads: plan.layers.iter().map(|l| l.kept_heads.clone()).collect(),
    }
}

/// Every tensor, in the order of the file.
fn tensors(header: &Header) -> Vec<TensorReport> {
    let groups = groups::of_tensors(&header.plan);
    let tensors = header.tensors.iter().map(|tensor| TensorReport {
        name: tensor.spec.name.clone(),
        part: groups.get(&tensor.spec.name).copied(),
        dtype: tensor.spec.dtype.name(),
        shape: tensor.spec.shape.clone(),
        bytes: tensor.len,
        digest: tensor.digest,
    });
    tensors.collect()
}
