//! The layers of a loaded model, packed for one kernel.
//!
//! Loading checks everything the forward pass relies on, so that it has no way to fail. What is
//! packed leaves the artifact; embedding tables stay where they are, mapped or owned.

use std::num::NonZeroUsize;

use act_core::arithmetic::relative::Buckets;
use act_core::arithmetic::rotary::Frequencies;
use act_core::names::RELATIVE_BIAS;
use act_core::plan::{HeadActivation, Pooling};
use act_core::tensor::TensorData;
use act_core::{Activation, Artifact, Embedding, Error, Linear, Norm, Plan, Result, Tensor};

use crate::dense::Dense;
use crate::gemm::Kernel;
use crate::ops::Isa;
use crate::ops::embed::{add_floats, add_integers};
use crate::ops::norm::LayerNorm;

/// A model ready to run.
pub(crate) struct Model {
    pub kernel: &'static dyn Kernel,
    pub embeddings: Embeddings,
    pub layers: Vec<Layer>,
    /// Width of the residual stream.
    pub width: usize,
    /// Of each pair of base and head size that layers turn queries and keys by.
    pub frequencies: Vec<Frequencies>,
    /// What is added to the scores by distance and head, if anything is.
    pub bias: Option<RelativeBias>,
    /// Behind the last layer.
    pub final_norm: Option<LayerNorm>,
    pub pooling: Pooling,
    pub pooler: Option<Pooler>,
    pub classifier: Dense,
    pub activation: Activation,
    /// Tokens of this id are masked as keys.
    pub pad_id: u32,
}

/// What is added to the scores by distance and head.
pub(crate) struct RelativeBias {
    pub buckets: Buckets,
    /// `[heads before pruning, buckets]`.
    values: Vec<f32>,
    count: usize,
}

impl RelativeBias {
    fn take(artifact: &Artifact) -> Result<Option<Self>> {
        let Some(buckets) = artifact.plan.relative_bias() else {
            return Ok(None);
        };
        let table = artifact.params.get(RELATIVE_BIAS)?;
        let (count, heads) = (table.shape()[0], table.shape()[1]);
        let rows = artifact.params.f32(RELATIVE_BIAS)?;
        let of_head = |head: usize| (0..count).map(move |bucket| rows[bucket * heads + head]);
        Ok(Some(Self {
            buckets,
            values: (0..heads).flat_map(of_head).collect(),
            count,
        }))
    }

    /// What a head adds, a number for each bucket.
    pub fn of_head(&self, head: usize) -> &[f32] {
        &self.values[head * self.count..][..self.count]
    }
}

/// The head's dense layer and what follows its product.
pub(crate) struct Pooler {
    pub dense: Dense,
    pub activation: HeadActivation,
    pub norm: Option<LayerNorm>,
}

/// The embedding tables, the norm over their sum, and its way into the residual stream.
pub(crate) struct Embeddings {
    /// Which rows are read.
    pub plan: act_core::Embeddings,
    pub words: EmbeddingTable,
    /// Where the model has a table of positions.
    pub positions: Option<EmbeddingTable>,
    /// Where the model tells token types.
    pub types: Option<EmbeddingTable>,
    /// ERNIE's task-type table, of which row 0 is used.
    pub tasks: Option<EmbeddingTable>,
    pub norm: LayerNorm,
    /// Where the tables are not as wide as the stream.
    pub projection: Option<Dense>,
}

/// One encoder layer.
pub(crate) struct Layer {
    /// `None` where pruning took all heads.
    pub heads: Option<HeadProjections>,
    pub attention_output: Dense,
    pub attention_norm: BlockNorm,
    /// `None` where pruning took all neurons.
    pub intermediate: Option<Dense>,
    /// What the neurons are multiplied by, where they are.
    pub gate: Option<Dense>,
    pub output: Dense,
    pub output_norm: BlockNorm,
}

/// The norm of a block, if it has one: of what goes in, or of its sum with the residual.
#[derive(Default)]
pub(crate) struct BlockNorm {
    pub before: Option<LayerNorm>,
    pub after: Option<LayerNorm>,
}

/// The projections into the heads.
pub(crate) struct HeadProjections {
    /// Their numbers before pruning.
    pub kept: Vec<u16>,
    pub head_dim: usize,
    pub query: Dense,
    pub key: Dense,
    pub value: Dense,
    /// Queries, keys and values are multiplied as integers.
    pub in_integers: bool,
    /// Tokens on either side that a token attends to; `None`: all.
    pub window: Option<usize>,
    /// Which of the model's frequencies turn queries and keys.
    pub frequencies: Option<usize>,
}

/// One embedding table, float or int8 with a scale a row.
pub(crate) struct EmbeddingTable {
    rows: Tensor,
    scales: Vec<f32>,
}

impl Model {
    /// Checks the artifact and takes its tensors.
    pub fn take(artifact: &mut Artifact, kernel: &'static dyn Kernel) -> Result<Self> {
        check(artifact)?;
        let mut layers = Vec::with_capacity(artifact.plan.layers.len());
        let mut frequencies = Vec::new();
        for l in 0..artifact.plan.layers.len() {
            layers.push(Layer::take(artifact, l, kernel, &mut frequencies)?);
        }
        let plan = &artifact.plan;
        let (final_norm, pooling) = (plan.block.final_norm, plan.head.pooling);
        let final_norm = final_norm.then(|| take_norm(artifact, Norm::Final));
        Ok(Self {
            kernel,
            embeddings: Embeddings {
                plan: artifact.plan.embeddings.clone(),
                words: EmbeddingTable::take(artifact, Embedding::Word)?,
                positions: EmbeddingTable::take_any(artifact, Embedding::Position)?,
                types: EmbeddingTable::take_any(artifact, Embedding::TokenType)?,
                tasks: EmbeddingTable::take_any(artifact, Embedding::TaskType)?,
                norm: take_norm(artifact, Norm::Embeddings)?,
                projection: artifact
                    .plan
                    .has_weight(Linear::EmbeddingProjection)
                    .then(|| Dense::take(artifact, Linear::EmbeddingProjection, kernel))
                    .transpose()?,
            },
            layers,
            width: artifact.plan.hidden_size,
            frequencies,
            bias: RelativeBias::take(artifact)?,
            final_norm: final_norm.transpose()?,
            pooling,
            pooler: match artifact.plan.head.dense {
                None => None,
                Some(dense) => Some(Pooler {
                    dense: Dense::take(artifact, Linear::Pooler, kernel)?,
                    activation: dense.activation,
                    norm: (dense.norm)
                        .then(|| take_norm(artifact, Norm::Head))
                        .transpose()?,
                }),
            },
            classifier: Dense::take(artifact, Linear::Classifier, kernel)?,
            activation: artifact.plan.block.activation,
            pad_id: artifact.tokenizer.pad_id(),
        })
    }

    /// Makes the turns of one of the frequencies reach so many positions.
    pub fn reach(&self, which: usize, positions: usize, turns: &mut Vec<Vec<f32>>) {
        turns.resize_with(turns.len().max(self.frequencies.len()), Vec::new);
        let frequencies = &self.frequencies[which];
        let there = turns[which].len() / (2 * frequencies.pairs()).max(1);
        for position in there..positions {
            frequencies.extend(position, &mut turns[which]);
        }
    }

    /// Packs all weights for another kernel.
    pub fn repack(&mut self, kernel: &'static dyn Kernel) {
        self.kernel = kernel;
        for layer in &mut self.layers {
            if let Some(heads) = &mut layer.heads {
                for dense in [&mut heads.query, &mut heads.key, &mut heads.value] {
                    dense.repack(kernel);
                }
            }
            for dense in [&mut layer.intermediate, &mut layer.gate]
                .into_iter()
                .flatten()
            {
                dense.repack(kernel);
            }
            layer.attention_output.repack(kernel);
            layer.output.repack(kernel);
        }
        if let Some(projection) = &mut self.embeddings.projection {
            projection.repack(kernel);
        }
        if let Some(pooler) = &mut self.pooler {
            pooler.dense.repack(kernel);
        }
        self.classifier.repack(kernel);
    }
}

impl HeadProjections {
    /// Columns of a projection.
    pub fn width(&self) -> usize {
        self.kept.len() * self.head_dim
    }

    /// True if one input's bytes serve all three.
    pub fn share_bytes(&self) -> bool {
        let [query, key, value] = [&self.query, &self.key, &self.value];
        query.shares_bytes(key) && query.shares_bytes(value) && key.shares_bytes(value)
    }
}

impl Layer {
    /// Takes a layer; what it turns heads by is added to `frequencies` if it is not there.
    fn take(
        artifact: &mut Artifact,
        l: usize,
        kernel: &'static dyn Kernel,
        frequencies: &mut Vec<Frequencies>,
    ) -> Result<Self> {
        let plan = artifact.plan.layers[l].clone();
        let (before, gated) = (
            artifact.plan.block.norms.before(),
            artifact.plan.block.gated,
        );
        let norm_of_attention = artifact.plan.has_attention_norm(l);
        let theta = artifact.plan.rotary_theta(l);
        let turns = theta.map(|theta| place(Frequencies::new(theta, plan.head_dim), frequencies));
        let in_integers = artifact.quant.attention.contains(&l);
        let mut dense = |linear| Dense::take(artifact, linear, kernel);
        let heads = match plan.attention_width() {
            0 => None,
            _ => Some(HeadProjections {
                kept: plan.kept_heads.clone(),
                head_dim: plan.head_dim,
                query: dense(Linear::Query(l))?,
                key: dense(Linear::Key(l))?,
                value: dense(Linear::Value(l))?,
                in_integers,
                window: plan.window.map(NonZeroUsize::get),
                frequencies: turns,
            }),
        };
        let (intermediate, gate) = match plan.intermediate_size {
            0 => (None, None),
            _ if gated => (
                Some(dense(Linear::Intermediate(l))?),
                Some(dense(Linear::Gate(l))?),
            ),
            _ => (Some(dense(Linear::Intermediate(l))?), None),
        };
        Ok(Self {
            heads,
            attention_output: dense(Linear::AttentionOutput(l))?,
            intermediate,
            gate,
            output: dense(Linear::Output(l))?,
            attention_norm: if norm_of_attention {
                BlockNorm::new(take_norm(artifact, Norm::Attention(l))?, before)
            } else {
                BlockNorm::default()
            },
            output_norm: BlockNorm::new(take_norm(artifact, Norm::Output(l))?, before),
        })
    }
}

impl BlockNorm {
    fn new(norm: LayerNorm, before: bool) -> Self {
        if before {
            return Self {
                before: Some(norm),
                after: None,
            };
        }
        Self {
            before: None,
            after: Some(norm),
        }
    }
}

/// The place of `one` in `all`, where it is added if it is not there.
fn place(one: Frequencies, all: &mut Vec<Frequencies>) -> usize {
    let known = all.iter().position(|other| *other == one);
    known.unwrap_or_else(|| {
        all.push(one);
        all.len() - 1
    })
}

impl EmbeddingTable {
    /// As [`EmbeddingTable::take`], of a table that the plan may lack.
    fn take_any(artifact: &mut Artifact, table: Embedding) -> Result<Option<Self>> {
        match artifact.plan.table_rows(table) {
            0 => Ok(None),
            _ => Self::take(artifact, table).map(Some),
        }
    }

    fn take(artifact: &mut Artifact, table: Embedding) -> Result<Self> {
        let scales = match artifact.quant.embedding(table) {
            Some(_) => artifact.params.f32(&table.scale())?.to_vec(),
            None => Vec::new(),
        };
        let name = table.weight();
        let rows = artifact.params.remove(&name);
        let rows =
            rows.ok_or_else(|| Error::rejected(format!("the model has no tensor {name}")))?;
        Ok(Self { rows, scales })
    }

    /// Adds a row, in real numbers, to `sum`.
    pub fn add_row(&self, isa: Isa, row: usize, sum: &mut [f32]) {
        let window = row * sum.len()..(row + 1) * sum.len();
        match self.rows.data() {
            TensorData::F32(values) => add_floats(isa, &values[window], sum),
            TensorData::I8(values) => add_integers(isa, &values[window], self.scales[row], sum),
            // `check` has refused half-precision tables, and four-bit ones are unpacked before.
            TensorData::F16(_) | TensorData::I4(_) | TensorData::U4(_) => {}
        }
    }
}

/// A layer norm; without a beta, one of zeros.
fn take_norm(artifact: &Artifact, norm: Norm) -> Result<LayerNorm> {
    let gamma = artifact.params.f32(&norm.weight())?.to_vec();
    Ok(LayerNorm {
        beta: if artifact.plan.block.norm_bias {
            artifact.params.f32(&norm.bias())?.to_vec()
        } else {
            vec![0.0; gamma.len()]
        },
        gamma,
        epsilon: artifact.plan.layer_norm_eps,
    })
}

/// Everything about shapes and types that the rest of the crate relies on. Artifacts read from a
/// file have passed more than this; those built in memory have not.
fn check(artifact: &Artifact) -> Result<()> {
    check_plan(&artifact.plan)?;
    artifact.check_supported()?;
    for &l in &artifact.quant.attention {
        if l >= artifact.plan.layers.len() || !artifact.plan.attends_plainly(l) {
            return Err(Error::rejected(format!(
                "attention in integers of layer {l}, which the model does not have, or which has a window \
                 or a bias on the scores"
            )));
        }
    }
    for spec in artifact.plan.expected_tensors(&artifact.quant) {
        let tensor = artifact.params.get(&spec.name)?;
        if tensor.shape() != spec.shape || tensor.dtype() != spec.dtype {
            return Err(Error::rejected(format!(
                "tensor {} is {} {:?}, the plan wants {} {:?}",
                spec.name,
                tensor.dtype().name(),
                tensor.shape(),
                spec.dtype.name(),
                spec.shape
            )));
        }
    }
    Ok(())
}

fn check_plan(plan: &Plan) -> Result<()> {
    if plan.hidden_size == 0 || plan.embeddings.width == 0 || plan.num_labels == 0 {
        return Err(Error::rejected(
            "a model needs at least one hidden unit and one label",
        ));
    }
    for (l, layer) in plan.layers.iter().enumerate() {
        if layer.heads().checked_mul(layer.head_dim).is_none() {
            return Err(Error::rejected(format!(
                "layer {l}: heads of {} units",
                layer.head_dim
            )));
        }
    }
    Ok(())
}
