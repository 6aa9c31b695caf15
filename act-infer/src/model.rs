//! The layers of a loaded model, packed for one kernel.
//!
//! Loading checks everything the forward pass relies on, so that it has no way to fail. What is
//! packed leaves the artifact; embedding tables stay where they are, mapped or owned.

use act_core::plan::HeadActivation;
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
    /// The head's dense layer and what follows its product.
    pub pooler: Option<(Dense, HeadActivation)>,
    pub classifier: Dense,
    pub activation: Activation,
    /// Tokens of this id are masked as keys.
    pub pad_id: u32,
}

/// The embedding tables, the norm over their sum, and its way into the residual stream.
pub(crate) struct Embeddings {
    /// Which rows are read.
    pub plan: act_core::Embeddings,
    pub words: EmbeddingTable,
    pub positions: EmbeddingTable,
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
    pub attention_norm: LayerNorm,
    /// `None` where pruning took all neurons.
    pub intermediate: Option<Dense>,
    pub output: Dense,
    pub output_norm: LayerNorm,
}

/// The projections into the heads.
pub(crate) struct HeadProjections {
    pub count: usize,
    pub head_dim: usize,
    pub query: Dense,
    pub key: Dense,
    pub value: Dense,
    /// Queries, keys and values are multiplied as integers.
    pub in_integers: bool,
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
        for l in 0..artifact.plan.layers.len() {
            layers.push(Layer::take(artifact, l, kernel)?);
        }
        Ok(Self {
            kernel,
            embeddings: Embeddings {
                plan: artifact.plan.embeddings.clone(),
                words: EmbeddingTable::take(artifact, Embedding::Word)?,
                positions: EmbeddingTable::take(artifact, Embedding::Position)?,
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
            pooler: match artifact.plan.head.dense {
                None => None,
                Some(dense) => {
                    let pooler = Dense::take(artifact, Linear::Pooler, kernel)?;
                    Some((pooler, dense.activation))
                }
            },
            classifier: Dense::take(artifact, Linear::Classifier, kernel)?,
            activation: artifact.plan.block.activation,
            pad_id: artifact.tokenizer.pad_id(),
        })
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
            if let Some(intermediate) = &mut layer.intermediate {
                intermediate.repack(kernel);
            }
            layer.attention_output.repack(kernel);
            layer.output.repack(kernel);
        }
        if let Some(projection) = &mut self.embeddings.projection {
            projection.repack(kernel);
        }
        if let Some((pooler, _)) = &mut self.pooler {
            pooler.repack(kernel);
        }
        self.classifier.repack(kernel);
    }
}

impl HeadProjections {
    /// Columns of a projection.
    pub fn width(&self) -> usize {
        self.count * self.head_dim
    }

    /// True if one input's bytes serve all three.
    pub fn share_bytes(&self) -> bool {
        let [query, key, value] = [&self.query, &self.key, &self.value];
        query.shares_bytes(key) && query.shares_bytes(value) && key.shares_bytes(value)
    }
}

impl Layer {
    fn take(artifact: &mut Artifact, l: usize, kernel: &'static dyn Kernel) -> Result<Self> {
        let plan = artifact.plan.layers[l].clone();
        let in_integers = artifact.quant.attention.contains(&l);
        let mut dense = |linear| Dense::take(artifact, linear, kernel);
        let heads = match plan.attention_width() {
            0 => None,
            _ => Some(HeadProjections {
                count: plan.heads(),
                head_dim: plan.head_dim,
                query: dense(Linear::Query(l))?,
                key: dense(Linear::Key(l))?,
                value: dense(Linear::Value(l))?,
                in_integers,
            }),
        };
        let intermediate = match plan.intermediate_size {
            0 => None,
            _ => Some(dense(Linear::Intermediate(l))?),
        };
        Ok(Self {
            heads,
            attention_output: dense(Linear::AttentionOutput(l))?,
            intermediate,
            output: dense(Linear::Output(l))?,
            attention_norm: take_norm(artifact, Norm::Attention(l))?,
            output_norm: take_norm(artifact, Norm::Output(l))?,
        })
    }
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

fn take_norm(artifact: &Artifact, norm: Norm) -> Result<LayerNorm> {
    Ok(LayerNorm {
        gamma: artifact.params.f32(&norm.weight())?.to_vec(),
        beta: artifact.params.f32(&norm.bias())?.to_vec(),
        epsilon: artifact.plan.layer_norm_eps,
    })
}

/// Everything about shapes and types that the rest of the crate relies on. Artifacts read from a
/// file have passed more than this; those built in memory have not.
fn check(artifact: &Artifact) -> Result<()> {
    check_plan(&artifact.plan)?;
    artifact.check_supported()?;
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
