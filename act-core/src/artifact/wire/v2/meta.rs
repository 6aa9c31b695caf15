//! META, schema 2.

use std::num::NonZeroUsize;

use bincode::{Decode, Encode};

use super::choice::Choice;
use crate::artifact::wire::codes::{self, Coded};
use crate::artifact::wire::v1::narrow;
use crate::error::{Error, Result};
use crate::plan::{Block, Embeddings, Head, HeadDense, LayerPlan, Plan, Position};
use crate::task_info::{Columns, Problem, TaskInfo};

/// META: plan and task.
#[derive(Encode, Decode)]
pub struct Meta {
    family: u16,
    hidden_size: u32,
    layer_norm_eps: f32,
    embeddings: EmbeddingParts,
    block: BlockParts,
    layers: Vec<Layer>,
    head: HeadParts,
    task: Task,
}

#[derive(Encode, Decode)]
struct EmbeddingParts {
    vocab_size: u32,
    width: u32,
    longest: u32,
    positions: Vec<Choice>,
    type_vocab_size: u32,
    task_type_vocab_size: u32,
    norm: bool,
}

#[derive(Encode, Decode)]
struct BlockParts {
    norms: u16,
    activation: u16,
    gated: bool,
    attention_bias: bool,
    feed_forward_bias: bool,
    norm_bias: bool,
    final_norm: bool,
}

#[derive(Encode, Decode)]
struct Layer {
    head_dim: u32,
    kept_heads: Vec<u16>,
    intermediate_size: u32,
    window: u32,
}

#[derive(Encode, Decode)]
struct HeadParts {
    pooling: u16,
    dense: Option<Dense>,
}

#[derive(Encode, Decode)]
struct Dense {
    activation: u16,
    bias: bool,
    norm: bool,
}

#[derive(Encode, Decode)]
struct Task {
    name: String,
    max_seq_length: u32,
    labels: Vec<String>,
    problem: Choice,
    columns: Option<DataColumns>,
    head_trained: Option<bool>,
}

#[derive(Encode, Decode)]
struct DataColumns {
    text: String,
    pair: Option<String>,
    label: Option<String>,
}

impl Meta {
    /// To the wire.
    pub fn new(plan: &Plan, task: &TaskInfo) -> Result<Self> {
        let (block, head) = (&plan.block, &plan.head);
        let layer = |layer: &LayerPlan| {
            Ok(Layer {
                head_dim: narrow(layer.head_dim)?,
                kept_heads: layer.kept_heads.clone(),
                intermediate_size: narrow(layer.intermediate_size)?,
                window: narrow(layer.window.map_or(0, NonZeroUsize::get))?,
            })
        };
        Ok(Self {
            family: plan.family.code(),
            hidden_size: narrow(plan.hidden_size)?,
            layer_norm_eps: plan.layer_norm_eps,
            embeddings: EmbeddingParts::new(&plan.embeddings)?,
            block: BlockParts {
                norms: block.norms.code(),
                activation: block.activation.code(),
                gated: block.gated,
                attention_bias: block.attention_bias,
                feed_forward_bias: block.feed_forward_bias,
                norm_bias: block.norm_bias,
                final_norm: block.final_norm,
            },
            layers: plan.layers.iter().map(layer).collect::<Result<_>>()?,
            head: HeadParts {
                pooling: head.pooling.code(),
                dense: head.dense.map(|dense| Dense {
                    activation: dense.activation.code(),
                    bias: dense.bias,
                    norm: dense.norm,
                }),
            },
            task: Task::new(task)?,
        })
    }
}

impl TryFrom<Meta> for (Plan, TaskInfo) {
    type Error = Error;

    fn try_from(meta: Meta) -> Result<Self> {
        let (block, head) = (meta.block, meta.head);
        let layer = |layer: Layer| LayerPlan {
            head_dim: layer.head_dim as usize,
            kept_heads: layer.kept_heads,
            intermediate_size: layer.intermediate_size as usize,
            window: NonZeroUsize::new(layer.window as usize),
        };
        let dense = |dense: Dense| {
            Ok::<_, Error>(HeadDense {
                activation: Coded::from_code(dense.activation)?,
                bias: dense.bias,
                norm: dense.norm,
            })
        };
        let plan = Plan {
            family: Coded::from_code(meta.family)?,
            hidden_size: meta.hidden_size as usize,
            layer_norm_eps: meta.layer_norm_eps,
            num_labels: meta.task.labels.len(),
            embeddings: meta.embeddings.try_into()?,
            block: Block {
                norms: Coded::from_code(block.norms)?,
                activation: Coded::from_code(block.activation)?,
                gated: block.gated,
                attention_bias: block.attention_bias,
                feed_forward_bias: block.feed_forward_bias,
                norm_bias: block.norm_bias,
                final_norm: block.final_norm,
            },
            layers: meta.layers.into_iter().map(layer).collect(),
            head: Head {
                pooling: Coded::from_code(head.pooling)?,
                dense: head.dense.map(dense).transpose()?,
            },
        };
        Ok((plan, meta.task.try_into()?))
    }
}

impl EmbeddingParts {
    fn new(embeddings: &Embeddings) -> Result<Self> {
        let position = |position: &Position| match *position {
            Position::Learned { offset } => Choice::new(codes::LEARNED, &[offset], &[]),
            Position::Rotary {
                global_theta,
                local_theta,
            } => Choice::new(codes::ROTARY, &[], &[global_theta, local_theta]),
            Position::Bias {
                buckets,
                max_distance,
                heads,
            } => Choice::new(codes::BIAS, &[buckets, max_distance, heads], &[]),
            Position::Disentangled {
                buckets,
                max_distance,
            } => Choice::new(codes::DISENTANGLED, &[buckets, max_distance], &[]),
        };
        let positions = embeddings.positions.iter().map(position);
        Ok(Self {
            vocab_size: narrow(embeddings.vocab_size)?,
            width: narrow(embeddings.width)?,
            longest: narrow(embeddings.longest)?,
            positions: positions.collect::<Result<_>>()?,
            type_vocab_size: narrow(embeddings.type_vocab_size)?,
            task_type_vocab_size: narrow(embeddings.task_type_vocab_size)?,
            norm: embeddings.norm,
        })
    }
}

impl TryFrom<EmbeddingParts> for Embeddings {
    type Error = Error;

    fn try_from(parts: EmbeddingParts) -> Result<Self> {
        let position = |part: &Choice| match part.open() {
            (codes::LEARNED, &[offset], []) => Ok(Position::Learned {
                offset: offset as usize,
            }),
            (codes::ROTARY, [], &[global_theta, local_theta]) => Ok(Position::Rotary {
                global_theta,
                local_theta,
            }),
            (codes::BIAS, &[buckets, max_distance, heads], []) => Ok(Position::Bias {
                buckets: buckets as usize,
                max_distance: max_distance as usize,
                heads: heads as usize,
            }),
            (codes::DISENTANGLED, &[buckets, max_distance], []) => Ok(Position::Disentangled {
                buckets: buckets as usize,
                max_distance: max_distance as usize,
            }),
            _ => Err(part.refuse("position scheme", codes::DISENTANGLED)),
        };
        Ok(Self {
            vocab_size: parts.vocab_size as usize,
            width: parts.width as usize,
            longest: parts.longest as usize,
            positions: parts
                .positions
                .iter()
                .map(position)
                .collect::<Result<_>>()?,
            type_vocab_size: parts.type_vocab_size as usize,
            task_type_vocab_size: parts.task_type_vocab_size as usize,
            norm: parts.norm,
        })
    }
}

impl Task {
    fn new(task: &TaskInfo) -> Result<Self> {
        let columns = |columns: &Columns| DataColumns {
            text: columns.text.clone(),
            pair: columns.pair.clone(),
            label: columns.label.clone(),
        };
        Ok(Self {
            name: task.name.clone(),
            max_seq_length: narrow(task.max_seq_length)?,
            labels: task.labels.clone(),
            problem: match &task.problem {
                Problem::SingleLabel => Choice::new(codes::SINGLE_LABEL, &[], &[])?,
                Problem::MultiLabel { thresholds } => {
                    Choice::new(codes::MULTI_LABEL, &[], thresholds)?
                }
                Problem::Regression => Choice::new(codes::REGRESSION, &[], &[])?,
            },
            columns: task.columns.as_ref().map(columns),
            head_trained: task.head_trained,
        })
    }
}

impl TryFrom<Task> for TaskInfo {
    type Error = Error;

    fn try_from(task: Task) -> Result<Self> {
        let problem = match task.problem.open() {
            (codes::SINGLE_LABEL, [], []) => Problem::SingleLabel,
            (codes::MULTI_LABEL, [], thresholds) => Problem::MultiLabel {
                thresholds: thresholds.to_vec(),
            },
            (codes::REGRESSION, [], []) => Problem::Regression,
            _ => return Err(task.problem.refuse("problem type", codes::REGRESSION)),
        };
        let columns = |columns: DataColumns| Columns {
            text: columns.text,
            pair: columns.pair,
            label: columns.label,
        };
        Ok(Self {
            name: task.name,
            max_seq_length: task.max_seq_length as usize,
            labels: task.labels,
            problem,
            columns: task.columns.map(columns),
            head_trained: task.head_trained,
        })
    }
}
