//! Which tensors follow from a plan.

use super::parts::{NormPlace, Plan, Position};
use crate::arithmetic::relative::Buckets;
use crate::names::{
    Embedding, Linear, Norm, RELATIVE_BIAS, RELATIVE_EMBEDDINGS, group_multipliers,
};
use crate::quant::{QuantSpec, WeightBits};
use crate::tensor::DType;

/// Name, type and shape that a tensor must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Hugging Face BERT parameter name.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    fn f32(name: String, shape: Vec<usize>) -> Self {
        Self {
            name,
            dtype: DType::F32,
            shape,
        }
    }
}

/// A list of tensors in the making.
struct List<'a> {
    plan: &'a Plan,
    quant: &'a QuantSpec,
    specs: Vec<TensorSpec>,
}

impl Plan {
    /// Exactly the tensors that a model of this plan and quantisation has, in directory order.
    pub fn expected_tensors(&self, quant: &QuantSpec) -> Vec<TensorSpec> {
        let mut list = List {
            plan: self,
            quant,
            specs: Vec::new(),
        };
        list.embeddings();
        for l in 0..self.layers.len() {
            list.layer(l);
        }
        if self.block.final_norm {
            list.norm(Norm::Final, self.hidden_size);
        }
        list.head();
        list.specs
    }

    /// Number of parameters of the float model (scales of int8 weights are not counted).
    pub fn parameters(&self) -> usize {
        self.expected_tensors(&QuantSpec::default())
            .iter()
            .map(|t| t.shape.iter().product::<usize>())
            .sum()
    }
}

impl List<'_> {
    fn embeddings(&mut self) {
        let (plan, hidden) = (self.plan, self.plan.hidden_size);
        let embeddings = &plan.embeddings;
        for table in plan.tables() {
            let shape = [plan.table_rows(table), embeddings.width];
            let bits = self.quant.embedding(table).map(|q| q.bits);
            self.matrix(table.weight(), table.scale(), shape, bits);
        }
        if embeddings.norm {
            self.norm(Norm::Embeddings, embeddings.width);
        }
        self.linear(Linear::EmbeddingProjection);
        for position in &embeddings.positions {
            match *position {
                Position::Learned { .. } | Position::Rotary { .. } => {}
                Position::Bias { buckets, heads, .. } => {
                    let shape = vec![buckets, heads];
                    self.specs
                        .push(TensorSpec::f32(RELATIVE_BIAS.into(), shape));
                }
                Position::Disentangled { buckets, .. } => {
                    let shape = vec![2 * buckets, hidden];
                    self.specs
                        .push(TensorSpec::f32(RELATIVE_EMBEDDINGS.into(), shape));
                    self.norm(Norm::RelativeEmbeddings, hidden);
                }
            }
        }
    }

    fn layer(&mut self, l: usize) {
        let hidden = self.plan.hidden_size;
        let attention = [
            Linear::Query(l),
            Linear::Key(l),
            Linear::Value(l),
            Linear::AttentionOutput(l),
        ];
        attention.into_iter().for_each(|linear| self.linear(linear));
        if self.plan.has_attention_norm(l) {
            self.norm(Norm::Attention(l), hidden);
        }
        let feed_forward = [Linear::Intermediate(l), Linear::Gate(l), Linear::Output(l)];
        feed_forward
            .into_iter()
            .for_each(|linear| self.linear(linear));
        self.norm(Norm::Output(l), hidden);
    }

    fn head(&mut self) {
        self.linear(Linear::Pooler);
        if self.plan.head.dense.is_some_and(|dense| dense.norm) {
            self.norm(Norm::Head, self.plan.hidden_size);
        }
        self.linear(Linear::Classifier);
    }

    fn norm(&mut self, norm: Norm, width: usize) {
        self.specs.push(TensorSpec::f32(norm.weight(), vec![width]));
        if self.plan.block.norm_bias {
            self.specs.push(TensorSpec::f32(norm.bias(), vec![width]));
        }
    }

    /// Nothing of a linear that the plan does not have; of one whose inputs pruning took, the bias.
    fn linear(&mut self, linear: Linear) {
        let [out, input] = self.plan.linear_shape(linear);
        let quant = self.quant.linear(linear);
        if self.plan.has_weight(linear) {
            self.matrix(
                linear.weight(),
                linear.scale(),
                [out, input],
                quant.map(|q| q.bits),
            );
            let multiplied = quant.is_some_and(|q| q.input_multiplier);
            if multiplied && self.quant.first_reader(linear) == linear {
                let name = linear.input_multiplier();
                self.specs.push(TensorSpec::f32(name, vec![input]));
            }
        }
        if out > 0 && self.plan.has_bias(linear) {
            self.specs.push(TensorSpec::f32(linear.bias(), vec![out]));
        }
    }

    /// A matrix, behind a quantised one the scales of its rows, and then the multipliers of its groups
    /// if it has them.
    fn matrix(&mut self, name: String, scale: String, shape: [usize; 2], bits: Option<WeightBits>) {
        let multiplier = group_multipliers(&name);
        self.specs.push(TensorSpec {
            name,
            dtype: match bits {
                None => DType::F32,
                Some(WeightBits::Eight) => DType::I8,
                Some(WeightBits::Four { .. }) => DType::I4,
            },
            shape: shape.to_vec(),
        });
        if bits.is_some() {
            self.specs.push(TensorSpec::f32(scale, vec![shape[0]]));
        }
        if let Some(WeightBits::Four { group }) = bits {
            self.specs.push(TensorSpec {
                name: multiplier,
                dtype: DType::U4,
                shape: vec![shape[0], shape[1].div_ceil(group.max(1))],
            });
        }
    }
}

impl Plan {
    /// Embedding tables of this plan, in directory order.
    pub fn tables(&self) -> Vec<Embedding> {
        let mut tables = Embedding::ALL.to_vec();
        tables.retain(|&table| self.table_rows(table) > 0);
        tables
    }

    /// Rows of an embedding table; 0 where the plan has none.
    pub fn table_rows(&self, table: Embedding) -> usize {
        let embeddings = &self.embeddings;
        match table {
            Embedding::Word => embeddings.vocab_size,
            Embedding::Position => embeddings
                .position_offset()
                .map_or(0, |offset| embeddings.longest.saturating_add(offset)),
            Embedding::TokenType => embeddings.type_vocab_size,
            Embedding::TaskType => embeddings.task_type_vocab_size,
        }
    }

    /// `[out, in]` of a linear layer; either may be 0 where a block is pruned away, both are where
    /// the plan has no such part.
    pub fn linear_shape(&self, linear: Linear) -> [usize; 2] {
        let hidden = self.hidden_size;
        match linear {
            Linear::EmbeddingProjection if self.embeddings.width != hidden => {
                [hidden, self.embeddings.width]
            }
            Linear::Query(l) | Linear::Key(l) | Linear::Value(l) => {
                [self.layers[l].attention_width(), hidden]
            }
            Linear::AttentionOutput(l) => [hidden, self.layers[l].attention_width()],
            Linear::Intermediate(l) => [self.layers[l].intermediate_size, hidden],
            Linear::Gate(l) if self.block.gated => [self.layers[l].intermediate_size, hidden],
            Linear::Output(l) => [hidden, self.layers[l].intermediate_size],
            Linear::Pooler if self.head.dense.is_some() => [hidden, hidden],
            Linear::Classifier => [self.num_labels, hidden],
            Linear::EmbeddingProjection | Linear::Gate(_) | Linear::Pooler => [0, 0],
        }
    }

    /// Every linear layer that has a weight, in directory order: blocks pruned away have none.
    pub fn linears(&self) -> Vec<Linear> {
        let mut all = vec![Linear::EmbeddingProjection];
        for l in 0..self.layers.len() {
            all.extend(Linear::of_layer(l));
        }
        all.extend([Linear::Pooler, Linear::Classifier]);
        all.retain(|&linear| self.has_weight(linear));
        all
    }

    /// False where pruning took the whole block, or the plan has no such part.
    pub fn has_weight(&self, linear: Linear) -> bool {
        !self.linear_shape(linear).contains(&0)
    }

    /// Whether a layer's attention has a norm, before or after it.
    pub fn has_attention_norm(&self, layer: usize) -> bool {
        layer > 0 || self.block.norms != NormPlace::BeforeButFirst
    }

    /// The layer norms that the plan has, in directory order.
    pub fn norms(&self) -> Vec<Norm> {
        let mut norms = vec![Norm::Embeddings];
        norms.retain(|_| self.embeddings.norm);
        for l in 0..self.layers.len() {
            norms.extend(self.has_attention_norm(l).then_some(Norm::Attention(l)));
            norms.push(Norm::Output(l));
        }
        norms.extend(self.block.final_norm.then_some(Norm::Final));
        let head = self.head.dense.is_some_and(|dense| dense.norm);
        norms.extend(head.then_some(Norm::Head));
        norms
    }

    /// Buckets and furthest distance of the bias on scores, if there is one.
    pub fn relative_bias(&self) -> Option<Buckets> {
        self.embeddings.positions.iter().find_map(|p| match *p {
            Position::Bias {
                buckets,
                max_distance,
                ..
            } => Some(Buckets::new(buckets, max_distance)),
            _ => None,
        })
    }

    /// Whether a layer's attention can multiply bytes: it has heads, and nothing between scores and softmax
    /// but the scale.
    pub fn attends_plainly(&self, layer: usize) -> bool {
        let bias =
            |p: &Position| matches!(p, Position::Bias { .. } | Position::Disentangled { .. });
        let layer = &self.layers[layer];
        let biased = self.embeddings.positions.iter().any(bias);
        layer.heads() > 0 && layer.window.is_none() && !biased
    }

    /// Base of the angles by which a layer turns queries and keys, if it does.
    pub fn rotary_theta(&self, layer: usize) -> Option<f32> {
        let window = self.layers[layer].window;
        self.embeddings.positions.iter().find_map(|p| match *p {
            Position::Rotary {
                global_theta,
                local_theta,
            } => Some(if window.is_some() {
                local_theta
            } else {
                global_theta
            }),
            _ => None,
        })
    }

    /// Whether a linear of this kind has a bias.
    pub fn has_bias(&self, linear: Linear) -> bool {
        match linear {
            Linear::Query(_) | Linear::Key(_) | Linear::Value(_) | Linear::AttentionOutput(_) => {
                self.block.attention_bias
            }
            Linear::Intermediate(_) | Linear::Gate(_) | Linear::Output(_) => {
                self.block.feed_forward_bias
            }
            Linear::Pooler => self.head.dense.is_some_and(|dense| dense.bias),
            Linear::EmbeddingProjection | Linear::Classifier => true,
        }
    }
}
