//! Names: parameters as Hugging Face BERT calls them, and the sites at which stages may look inside.
//!
//! Nobody else in the workspace spells a parameter or site name.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// A linear layer; the number is its encoder layer, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Linear {
    /// From tables of another width to the residual stream.
    EmbeddingProjection,
    /// Query projection.
    Query(usize),
    /// Key projection.
    Key(usize),
    /// Value projection.
    Value(usize),
    /// Output projection of the attention block.
    AttentionOutput(usize),
    /// First linear of the feed-forward block.
    Intermediate(usize),
    /// What a gated feed-forward block multiplies its neurons by.
    Gate(usize),
    /// Last linear of the feed-forward block.
    Output(usize),
    /// Dense layer over the first token, followed by tanh.
    Pooler,
    /// The classification head.
    Classifier,
}

/// Name of the multipliers of a four-bit matrix's groups, `[rows, groups]`.
pub fn group_multipliers(weight: &str) -> String {
    format!("{weight}.multiplier")
}

impl Linear {
    /// The linears that an encoder layer may have, in forward order.
    pub fn of_layer(layer: usize) -> [Linear; 7] {
        [
            Linear::Query(layer),
            Linear::Key(layer),
            Linear::Value(layer),
            Linear::AttentionOutput(layer),
            Linear::Intermediate(layer),
            Linear::Gate(layer),
            Linear::Output(layer),
        ]
    }

    /// Those that read its input, itself among them, in forward order.
    pub fn readers(self) -> Vec<Linear> {
        match self {
            Linear::Query(l) | Linear::Key(l) | Linear::Value(l) => {
                vec![Linear::Query(l), Linear::Key(l), Linear::Value(l)]
            }
            Linear::Intermediate(l) | Linear::Gate(l) => {
                vec![Linear::Intermediate(l), Linear::Gate(l)]
            }
            _ => vec![self],
        }
    }

    fn module(self) -> String {
        match self {
            Linear::EmbeddingProjection => "embeddings.projection".into(),
            Linear::Query(l) => format!("encoder.layer.{l}.attention.self.query"),
            Linear::Key(l) => format!("encoder.layer.{l}.attention.self.key"),
            Linear::Value(l) => format!("encoder.layer.{l}.attention.self.value"),
            Linear::AttentionOutput(l) => format!("encoder.layer.{l}.attention.output.dense"),
            Linear::Intermediate(l) => format!("encoder.layer.{l}.intermediate.dense"),
            Linear::Gate(l) => format!("encoder.layer.{l}.gate.dense"),
            Linear::Output(l) => format!("encoder.layer.{l}.output.dense"),
            Linear::Pooler => "pooler.dense".into(),
            Linear::Classifier => "classifier".into(),
        }
    }

    /// Name of the weight, `[out, in]`.
    pub fn weight(self) -> String {
        self.module() + ".weight"
    }

    /// Name of the bias, `[out]`.
    pub fn bias(self) -> String {
        self.module() + ".bias"
    }

    /// Name of the per-channel scales of an int8 weight, `[out]`.
    pub fn scale(self) -> String {
        self.weight() + ".scale"
    }

    /// Name of what each channel of the input is multiplied by before it is quantised, `[in]`.
    pub fn input_multiplier(self) -> String {
        self.module() + ".input_multiplier"
    }
}

/// Short name without the site's suffix: `layer.3.attention.query`.
impl fmt::Display for Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Linear::EmbeddingProjection => f.write_str("embeddings.projection"),
            Linear::Query(l) => write!(f, "layer.{l}.attention.query"),
            Linear::Key(l) => write!(f, "layer.{l}.attention.key"),
            Linear::Value(l) => write!(f, "layer.{l}.attention.value"),
            Linear::AttentionOutput(l) => write!(f, "layer.{l}.attention.output"),
            Linear::Intermediate(l) => write!(f, "layer.{l}.intermediate"),
            Linear::Gate(l) => write!(f, "layer.{l}.gate"),
            Linear::Output(l) => write!(f, "layer.{l}.output"),
            Linear::Pooler => f.write_str("pooler"),
            Linear::Classifier => f.write_str("classifier"),
        }
    }
}

impl FromStr for Linear {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self, Error> {
        let unknown = || Error::usage(format!("no linear layer is called {s:?}"));
        match s {
            "embeddings.projection" => return Ok(Linear::EmbeddingProjection),
            "pooler" => return Ok(Linear::Pooler),
            "classifier" => return Ok(Linear::Classifier),
            _ => {}
        }
        let rest = s.strip_prefix("layer.").ok_or_else(unknown)?;
        let (layer, part) = rest.split_once('.').ok_or_else(unknown)?;
        let layer = layer.parse().map_err(|_| unknown())?;
        let linear = match part {
            "attention.query" => Linear::Query(layer),
            "attention.key" => Linear::Key(layer),
            "attention.value" => Linear::Value(layer),
            "attention.output" => Linear::AttentionOutput(layer),
            "intermediate" => Linear::Intermediate(layer),
            "gate" => Linear::Gate(layer),
            "output" => Linear::Output(layer),
            _ => return Err(unknown()),
        };
        // One spelling only: "layer.03.output" would be a second name for the same thing.
        if linear.to_string() == s {
            Ok(linear)
        } else {
            Err(unknown())
        }
    }
}

/// An embedding table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Embedding {
    /// One row a token of the vocabulary.
    Word,
    /// One row a position.
    Position,
    /// One row a segment.
    TokenType,
    /// ERNIE's task table, of which row 0 is used.
    TaskType,
}

impl Embedding {
    /// All tables, in directory order.
    pub const ALL: [Embedding; 4] = [
        Embedding::Word,
        Embedding::Position,
        Embedding::TokenType,
        Embedding::TaskType,
    ];

    fn module(self) -> &'static str {
        match self {
            Embedding::Word => "embeddings.word_embeddings",
            Embedding::Position => "embeddings.position_embeddings",
            Embedding::TokenType => "embeddings.token_type_embeddings",
            Embedding::TaskType => "embeddings.task_type_embeddings",
        }
    }

    /// Name of the table, `[rows, hidden]`.
    pub fn weight(self) -> String {
        self.module().to_string() + ".weight"
    }

    /// Name of the per-row scales of an int8 table, `[rows]`.
    pub fn scale(self) -> String {
        self.weight() + ".scale"
    }
}

impl fmt::Display for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.module())
    }
}

impl FromStr for Embedding {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self, Error> {
        Embedding::ALL
            .into_iter()
            .find(|e| e.module() == s)
            .ok_or_else(|| Error::usage(format!("no embedding table is called {s:?}")))
    }
}

/// The table of [`Position::Bias`](crate::plan::Position::Bias), `[buckets, heads]`.
pub const RELATIVE_BIAS: &str = "encoder.relative_attention_bias.weight";
/// The table of [`Position::Disentangled`](crate::plan::Position::Disentangled),
/// `[2 * buckets, hidden]`.
pub const RELATIVE_EMBEDDINGS: &str = "encoder.rel_embeddings.weight";

/// A layer norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Norm {
    /// After the sum of the embeddings.
    Embeddings,
    /// Over the table of [`RELATIVE_EMBEDDINGS`].
    RelativeEmbeddings,
    /// Of the attention block: after its residual sum, or before the block.
    Attention(usize),
    /// Of the feed-forward block: after its residual sum, or before the block.
    Output(usize),
    /// Behind the last layer.
    Final,
    /// Behind the head's dense layer.
    Head,
}

impl Norm {
    fn module(self) -> String {
        match self {
            Norm::Embeddings => "embeddings.LayerNorm".into(),
            Norm::RelativeEmbeddings => "encoder.LayerNorm".into(),
            Norm::Final => "final_norm".into(),
            Norm::Head => "pooler.LayerNorm".into(),
            Norm::Attention(l) => format!("encoder.layer.{l}.attention.output.LayerNorm"),
            Norm::Output(l) => format!("encoder.layer.{l}.output.LayerNorm"),
        }
    }

    /// Name of gamma, `[hidden]`.
    pub fn weight(self) -> String {
        self.module() + ".weight"
    }

    /// Name of beta, `[hidden]`.
    pub fn bias(self) -> String {
        self.module() + ".bias"
    }
}

/// A tap: a named place in the forward pass where a stage may observe or transform. All values
/// are 2-D, `[tokens, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Site {
    /// After the embedding norm; `embeddings.output`.
    EmbeddingsOutput,
    /// What goes into a linear layer; `layer.3.attention.query.input`. Query, key and value see
    /// the same values.
    Input(Linear),
    /// What a query, key or value projection gives, `[tokens, heads * head_dim]`;
    /// `layer.3.attention.query.projection`.
    Projection(Linear),
    /// The heads' context before the output projection, `[tokens, heads * head_dim]`; head masks
    /// act here; `layer.3.heads`.
    Heads(usize),
    /// The residual stream behind the attention block, `[tokens, hidden]`, where norms stand before the
    /// blocks (elsewhere it is what the feed-forward block reads); `layer.3.attended`.
    Attended(usize),
    /// The feed-forward neurons after their activation and their gate, `[tokens, intermediate_size]`; neuron
    /// masks act here; `layer.3.intermediate`.
    Intermediate(usize),
    /// A layer's result, after its last norm where norms stand after the blocks, `[tokens, hidden]`;
    /// `layer.3.hidden`.
    Hidden(usize),
    /// The class scores, `[sequences, labels]`; `logits`.
    Logits,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Site::EmbeddingsOutput => f.write_str("embeddings.output"),
            Site::Input(linear) => write!(f, "{linear}.input"),
            Site::Projection(linear) => write!(f, "{linear}.projection"),
            Site::Heads(l) => write!(f, "layer.{l}.heads"),
            Site::Attended(l) => write!(f, "layer.{l}.attended"),
            Site::Intermediate(l) => write!(f, "layer.{l}.intermediate"),
            Site::Hidden(l) => write!(f, "layer.{l}.hidden"),
            Site::Logits => f.write_str("logits"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_linear_has_one_name_that_parses_back() {
        let mut all = vec![
            Linear::EmbeddingProjection,
            Linear::Pooler,
            Linear::Classifier,
        ];
        all.extend([0, 3, 10, 47].into_iter().flat_map(Linear::of_layer));
        for linear in all {
            assert_eq!(linear.to_string().parse::<Linear>().unwrap(), linear);
        }
        let others = [
            "",
            "layer",
            "layer.3",
            "layer.03.output",
            "layer.+3.output",
            "layer.-1.output",
        ];
        let more = [
            "layer.3.attention",
            "layer.99999999999999999999.output",
            "Pooler",
            "pooler ",
        ];
        for other in others.into_iter().chain(more) {
            let error = other.parse::<Linear>().unwrap_err().to_string();
            assert!(error.contains(&format!("{other:?}")), "{error}");
        }
    }

    #[test]
    fn every_table_has_one_name_that_parses_back() {
        for table in Embedding::ALL {
            assert_eq!(table.to_string().parse::<Embedding>().unwrap(), table);
            assert_eq!(table.weight(), format!("{table}.weight"));
            assert_eq!(table.scale(), format!("{table}.weight.scale"));
        }
        assert!("embeddings".parse::<Embedding>().is_err());
    }

    #[test]
    fn sites_are_spelt_as_the_design_says() {
        let site = |site: Site| site.to_string();
        assert_eq!(
            site(Site::Input(Linear::Query(3))),
            "layer.3.attention.query.input"
        );
        assert_eq!(
            site(Site::Projection(Linear::Key(3))),
            "layer.3.attention.key.projection"
        );
        assert_eq!(site(Site::Heads(3)), "layer.3.heads");
        assert_eq!(site(Site::Intermediate(3)), "layer.3.intermediate");
        assert_eq!(site(Site::Hidden(3)), "layer.3.hidden");
        assert_eq!(site(Site::EmbeddingsOutput), "embeddings.output");
        assert_eq!(site(Site::Logits), "logits");
    }

    #[test]
    fn norms_are_named_as_in_hugging_face() {
        assert_eq!(Norm::Embeddings.weight(), "embeddings.LayerNorm.weight");
        assert_eq!(
            Norm::Attention(2).bias(),
            "encoder.layer.2.attention.output.LayerNorm.bias"
        );
        assert_eq!(
            Norm::Output(2).weight(),
            "encoder.layer.2.output.LayerNorm.weight"
        );
    }
}
