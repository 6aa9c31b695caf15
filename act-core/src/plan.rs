//! The plan: what an encoder is made of, layer by layer.
//!
//! After pruning no two layers need have the same number of heads or neurons, so the plan holds
//! the shape of every layer, and from it (with the quantisation) follows the exact list of tensors
//! that a model must have. Readers check files against that list name by name.

use crate::names::{Embedding, Linear, Norm};
use crate::quant::QuantSpec;
use crate::tensor::DType;

/// Model family; it decides which embedding tables there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// BERT and its kin: word, position and token-type embeddings.
    Bert,
    /// ERNIE 3.0: BERT's tables and a task-type table.
    Ernie,
}

impl Family {
    /// The family's name as `config.json` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Family::Bert => "bert",
            Family::Ernie => "ernie",
        }
    }
}

/// Activation of the feed-forward block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// Exact GELU, `x/2 (1 + erf(x/sqrt 2))` (Hendrycks & Gimpel 2016).
    Gelu,
    /// `max(x, 0)`.
    Relu,
}

impl Activation {
    /// The name as `config.json` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Gelu => "gelu",
            Activation::Relu => "relu",
        }
    }
}

/// Shape of one encoder layer. Zero heads: the attention block is gone but for its output bias;
/// zero `intermediate_size`: likewise the feed-forward block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerPlan {
    /// Size of one attention head.
    pub head_dim: usize,
    /// Which of the original heads are kept, rising; their number is the number of heads.
    pub kept_heads: Vec<u16>,
    /// Neurons of the feed-forward block.
    pub intermediate_size: usize,
}

impl LayerPlan {
    /// A layer with all its `heads`.
    pub fn full(heads: usize, head_dim: usize, intermediate_size: usize) -> Self {
        Self {
            head_dim,
            kept_heads: (0..heads as u16).collect(),
            intermediate_size,
        }
    }

    /// Number of attention heads.
    pub fn heads(&self) -> usize {
        self.kept_heads.len()
    }

    /// Columns of the query, key and value projections: `heads * head_dim`.
    pub fn attention_width(&self) -> usize {
        self.heads() * self.head_dim
    }
}

/// Architecture of an encoder with a classification head.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Model family.
    pub family: Family,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Rows of the word embedding table.
    pub vocab_size: usize,
    /// Rows of the position table; no sequence may be longer.
    pub max_position_embeddings: usize,
    /// Rows of the token-type table.
    pub type_vocab_size: usize,
    /// Rows of the task-type table; 0 for families without one. Row 0 is added to every token.
    pub task_type_vocab_size: usize,
    /// Epsilon inside every layer norm.
    pub layer_norm_eps: f32,
    /// Activation of the feed-forward blocks.
    pub hidden_act: Activation,
    /// Number of classes.
    pub num_labels: usize,
    /// The layers, first to last.
    pub layers: Vec<LayerPlan>,
}

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

impl Plan {
    /// Embedding tables of this plan, in directory order.
    pub fn embeddings(&self) -> Vec<Embedding> {
        let mut tables = vec![Embedding::Word, Embedding::Position, Embedding::TokenType];
        if self.task_type_vocab_size > 0 {
            tables.push(Embedding::TaskType);
        }
        tables
    }

    /// Rows of an embedding table.
    pub fn embedding_rows(&self, table: Embedding) -> usize {
        match table {
            Embedding::Word => self.vocab_size,
            Embedding::Position => self.max_position_embeddings,
            Embedding::TokenType => self.type_vocab_size,
            Embedding::TaskType => self.task_type_vocab_size,
        }
    }

    /// `[out, in]` of a linear layer; either may be 0 where a block is pruned away.
    pub fn linear_shape(&self, linear: Linear) -> [usize; 2] {
        let hidden = self.hidden_size;
        match linear {
            Linear::Query(l) | Linear::Key(l) | Linear::Value(l) => {
                [self.layers[l].attention_width(), hidden]
            }
            Linear::AttentionOutput(l) => [hidden, self.layers[l].attention_width()],
            Linear::Intermediate(l) => [self.layers[l].intermediate_size, hidden],
            Linear::Output(l) => [hidden, self.layers[l].intermediate_size],
            Linear::Pooler => [hidden, hidden],
            Linear::Classifier => [self.num_labels, hidden],
        }
    }

    /// Every linear layer that has a weight, in directory order: blocks pruned away have none.
    pub fn linears(&self) -> Vec<Linear> {
        let mut all = Vec::new();
        for l in 0..self.layers.len() {
            all.extend(Linear::of_layer(l));
        }
        all.extend([Linear::Pooler, Linear::Classifier]);
        all.retain(|&linear| self.has_weight(linear));
        all
    }

    /// False where pruning took the whole block.
    pub fn has_weight(&self, linear: Linear) -> bool {
        !self.linear_shape(linear).contains(&0)
    }

    /// Exactly the tensors that a model of this plan and quantisation has, in directory order.
    pub fn expected_tensors(&self, quant: &QuantSpec) -> Vec<TensorSpec> {
        let mut list = Vec::new();
        let f32_spec = |name: String, shape: Vec<usize>| TensorSpec {
            name,
            dtype: DType::F32,
            shape,
        };
        let mut weight = |name: String, rows: usize, columns: usize, int8: bool| {
            let dtype = if int8 { DType::I8 } else { DType::F32 };
            let scale = format!("{name}.scale");
            list.push(TensorSpec {
                name,
                dtype,
                shape: vec![rows, columns],
            });
            if int8 {
                list.push(f32_spec(scale, vec![rows]));
            }
        };
        for table in self.embeddings() {
            let int8 = quant.embedding(table).is_some();
            weight(
                table.weight(),
                self.embedding_rows(table),
                self.hidden_size,
                int8,
            );
        }
        let hidden = self.hidden_size;
        let norm = |list: &mut Vec<TensorSpec>, norm: Norm| {
            list.push(f32_spec(norm.weight(), vec![hidden]));
            list.push(f32_spec(norm.bias(), vec![hidden]));
        };
        norm(&mut list, Norm::Embeddings);
        let linear = |list: &mut Vec<TensorSpec>, linear: Linear| {
            let [out, input] = self.linear_shape(linear);
            if self.has_weight(linear) {
                let int8 = quant.linear(linear).is_some();
                let dtype = if int8 { DType::I8 } else { DType::F32 };
                list.push(TensorSpec {
                    name: linear.weight(),
                    dtype,
                    shape: vec![out, input],
                });
                if int8 {
                    list.push(f32_spec(linear.scale(), vec![out]));
                }
            }
            if out > 0 {
                list.push(f32_spec(linear.bias(), vec![out]));
            }
        };
        for l in 0..self.layers.len() {
            for part in [
                Linear::Query(l),
                Linear::Key(l),
                Linear::Value(l),
                Linear::AttentionOutput(l),
            ] {
                linear(&mut list, part);
            }
            norm(&mut list, Norm::Attention(l));
            linear(&mut list, Linear::Intermediate(l));
            linear(&mut list, Linear::Output(l));
            norm(&mut list, Norm::Output(l));
        }
        linear(&mut list, Linear::Pooler);
        linear(&mut list, Linear::Classifier);
        list
    }

    /// Number of parameters of the float model (scales of int8 weights are not counted).
    pub fn parameters(&self) -> usize {
        self.expected_tensors(&QuantSpec::default())
            .iter()
            .map(|t| t.shape.iter().product::<usize>())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::{ActivationScheme, Calibrator, LinearQuant};

    /// `bert-base-uncased` with two classes.
    fn bert_base() -> Plan {
        Plan {
            family: Family::Bert,
            hidden_size: 768,
            vocab_size: 30_522,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            task_type_vocab_size: 0,
            layer_norm_eps: 1e-12,
            hidden_act: Activation::Gelu,
            num_labels: 2,
            layers: vec![LayerPlan::full(12, 64, 3072); 12],
        }
    }

    #[test]
    fn bert_base_has_its_published_size() {
        // `BertForSequenceClassification.num_parameters()` in Hugging Face transformers.
        assert_eq!(bert_base().parameters(), 109_483_778);
        let mut ernie = bert_base();
        ernie.family = Family::Ernie;
        ernie.task_type_vocab_size = 3;
        assert_eq!(ernie.parameters(), 109_483_778 + 3 * 768);
    }

    #[test]
    fn tensors_have_hugging_face_names_and_their_own_order() {
        let mut plan = bert_base();
        plan.layers.truncate(1);
        let names: Vec<String> = plan
            .expected_tensors(&QuantSpec::default())
            .into_iter()
            .map(|t| t.name)
            .collect();
        let layer = "encoder.layer.0";
        let expected = [
            "embeddings.word_embeddings.weight".into(),
            "embeddings.position_embeddings.weight".into(),
            "embeddings.token_type_embeddings.weight".into(),
            "embeddings.LayerNorm.weight".into(),
            "embeddings.LayerNorm.bias".into(),
            format!("{layer}.attention.self.query.weight"),
            format!("{layer}.attention.self.query.bias"),
            format!("{layer}.attention.self.key.weight"),
            format!("{layer}.attention.self.key.bias"),
            format!("{layer}.attention.self.value.weight"),
            format!("{layer}.attention.self.value.bias"),
            format!("{layer}.attention.output.dense.weight"),
            format!("{layer}.attention.output.dense.bias"),
            format!("{layer}.attention.output.LayerNorm.weight"),
            format!("{layer}.attention.output.LayerNorm.bias"),
            format!("{layer}.intermediate.dense.weight"),
            format!("{layer}.intermediate.dense.bias"),
            format!("{layer}.output.dense.weight"),
            format!("{layer}.output.dense.bias"),
            format!("{layer}.output.LayerNorm.weight"),
            format!("{layer}.output.LayerNorm.bias"),
            "pooler.dense.weight".into(),
            "pooler.dense.bias".into(),
            "classifier.weight".into(),
            "classifier.bias".into(),
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn pruned_blocks_leave_their_output_bias() {
        let mut plan = bert_base();
        plan.layers = vec![LayerPlan {
            head_dim: 64,
            kept_heads: vec![],
            intermediate_size: 0,
        }];
        let tensors = plan.expected_tensors(&QuantSpec::default());
        assert!(tensors.iter().all(|t| !t.shape.contains(&0)));
        let has = |name: String| tensors.iter().any(|t| t.name == name);
        for gone in [
            Linear::Query(0),
            Linear::Key(0),
            Linear::Value(0),
            Linear::Intermediate(0),
        ] {
            assert!(!has(gone.weight()) && !has(gone.bias()), "{gone}");
        }
        for left in [Linear::AttentionOutput(0), Linear::Output(0)] {
            assert!(!has(left.weight()) && has(left.bias()), "{left}");
        }
        assert_eq!(plan.linears(), [Linear::Pooler, Linear::Classifier]);
    }

    #[test]
    fn kept_heads_decide_the_widths() {
        let mut plan = bert_base();
        plan.layers[3] = LayerPlan {
            head_dim: 64,
            kept_heads: vec![0, 2, 11],
            intermediate_size: 1000,
        };
        assert_eq!(plan.linear_shape(Linear::Value(3)), [192, 768]);
        assert_eq!(plan.linear_shape(Linear::AttentionOutput(3)), [768, 192]);
        assert_eq!(plan.linear_shape(Linear::Intermediate(3)), [1000, 768]);
        assert_eq!(plan.linear_shape(Linear::Output(3)), [768, 1000]);
        assert_eq!(plan.linear_shape(Linear::Value(2)), [768, 768]);
    }

    #[test]
    fn quantised_tensors_are_bytes_followed_by_their_scales() {
        let plan = bert_base();
        let quant = QuantSpec {
            linears: vec![LinearQuant {
                linear: Linear::Output(7),
                weight_max: 127,
                activation_max: 127,
                activation: ActivationScheme::DynamicPerToken,
                calibrator: Calibrator::None,
                calibrator_arg: 0.0,
            }],
            embeddings: vec![Embedding::Word],
        };
        let tensors = plan.expected_tensors(&quant);
        let int8: Vec<usize> = (0..tensors.len())
            .filter(|&i| tensors[i].dtype == DType::I8)
            .collect();
        assert_eq!(int8.len(), 2);
        for i in int8 {
            let (weight, scale) = (&tensors[i], &tensors[i + 1]);
            assert_eq!(scale.name, format!("{}.scale", weight.name));
            assert_eq!(
                (scale.dtype, &scale.shape[..]),
                (DType::F32, &weight.shape[..1])
            );
        }
        assert_eq!(
            tensors.len(),
            plan.expected_tensors(&QuantSpec::default()).len() + 2
        );
    }
}
