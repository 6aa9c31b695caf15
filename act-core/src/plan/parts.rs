//! The plan and the parts that it is put together from.

use std::num::NonZeroUsize;

/// Architecture of an encoder with a classification head.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Model family.
    pub family: Family,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Epsilon inside every layer norm.
    pub layer_norm_eps: f32,
    /// Number of classes.
    pub num_labels: usize,
    /// From token ids to the residual stream.
    pub embeddings: Embeddings,
    /// What the layers have in common.
    pub block: Block,
    /// The layers, first to last.
    pub layers: Vec<LayerPlan>,
    /// From the residual stream to class scores.
    pub head: Head,
}

/// Model family: a name, by which foreign formats know the model. What it computes is said by the
/// parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// BERT and its kin: word, position and token-type embeddings.
    Bert,
    /// ERNIE 3.0: BERT's tables and a task-type table.
    Ernie,
    /// DistilBERT (Sanh et al. 2019): no token types, a head with ReLU.
    DistilBert,
    /// RoBERTa (Liu et al. 2019): positions that do not count pads.
    Roberta,
    /// XLM-RoBERTa (Conneau et al. 2020): RoBERTa's parts.
    XlmRoberta,
    /// CamemBERT (Martin et al. 2020): RoBERTa's parts.
    Camembert,
    /// ELECTRA (Clark et al. 2020): projected embeddings, a head with GELU.
    Electra,
    /// ALBERT (Lan et al. 2020): projected embeddings; its one layer is as many equal ones here.
    Albert,
    /// ModernBERT (Warner et al. 2024): norms before the blocks, rotary positions, gates, windows.
    ModernBert,
    /// MPNet (Song et al. 2020): RoBERTa's parts, and a bias by distance on the scores.
    Mpnet,
}

impl Family {
    /// The family's name as `config.json` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Family::Bert => "bert",
            Family::Ernie => "ernie",
            Family::DistilBert => "distilbert",
            Family::Roberta => "roberta",
            Family::XlmRoberta => "xlm-roberta",
            Family::Camembert => "camembert",
            Family::Electra => "electra",
            Family::Albert => "albert",
            Family::ModernBert => "modernbert",
            Family::Mpnet => "mpnet",
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
    /// GELU's approximation, `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))` (Hendrycks & Gimpel
    /// 2016).
    GeluTanh,
}

impl Activation {
    /// The name as `config.json` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Gelu => "gelu",
            Activation::Relu => "relu",
            Activation::GeluTanh => "gelu_new",
        }
    }
}

/// From token ids to the residual stream: the rows of all tables are added up, normalised, and,
/// where their width is not the hidden size, projected to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// Rows of the word table.
    pub vocab_size: usize,
    /// Columns of the tables.
    pub width: usize,
    /// Longest sequence, in tokens.
    pub longest: usize,
    /// How the encoder knows where a token stands: at most one scheme of each kind, in the order
    /// of [`Position`].
    pub positions: Vec<Position>,
    /// Rows of the token-type table; 0 without one.
    pub type_vocab_size: usize,
    /// Rows of the task-type table, 0 without one. Row 0 is added to every token.
    pub task_type_vocab_size: usize,
    /// Layer norm over the sum.
    pub norm: bool,
}

impl Embeddings {
    /// BERT's: learned positions, token types, a norm, tables as wide as the residual stream.
    pub fn bert(vocab_size: usize, width: usize, longest: usize, types: usize) -> Self {
        Self {
            vocab_size,
            width,
            longest,
            positions: vec![Position::Learned { offset: 0 }],
            type_vocab_size: types,
            task_type_vocab_size: 0,
            norm: true,
        }
    }

    /// The row of the position table for each token of a sequence, where pads have the id `pad_id`.
    /// Behind unused rows (RoBERTa) pads are not counted, and read the last of those; else (BERT)
    /// a token's row is its place.
    pub fn position_rows(&self, ids: &[u32], pad_id: u32) -> impl Iterator<Item = usize> {
        let offset = self.position_offset().unwrap_or(0);
        let mut next = offset;
        ids.iter().map(move |&id| {
            if offset > 0 && id == pad_id {
                return offset - 1;
            }
            next += 1;
            next - 1
        })
    }

    /// Token types are below this number: any, where the model does not read them.
    pub fn types_below(&self) -> usize {
        match self.type_vocab_size {
            0 => usize::MAX,
            rows => rows,
        }
    }

    /// Unused rows before that of the first position; `None` without a position table.
    pub fn position_offset(&self) -> Option<usize> {
        self.positions.iter().find_map(|p| match p {
            Position::Learned { offset } => Some(*offset),
            _ => None,
        })
    }
}

/// A way to tell positions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Position {
    /// A table with a row for each position, behind `offset` unused rows: RoBERTa's offset is 2. See
    /// [`Embeddings::position_rows`].
    Learned {
        /// Unused rows, but for the last, which pads read.
        offset: usize,
    },
    /// Queries and keys are turned by angles that grow with the position (Su et al. 2021).
    Rotary {
        /// Base of the angles in layers that attend to the whole sequence.
        global_theta: f32,
        /// Base of the angles in layers with a window.
        local_theta: f32,
    },
    /// A learned number for each head and bucket of distances is added to the scores; all layers
    /// share it (Raffel et al. 2020, MPNet).
    Bias {
        /// Buckets of distances.
        buckets: usize,
        /// Distances from here on share the last bucket.
        max_distance: usize,
        /// Heads of a layer before pruning.
        heads: usize,
    },
    /// Scores of content against relative position, both ways, with the layer's own projections
    /// (DeBERTa, He et al. 2021); the table of `2 * buckets` rows is shared and normalised.
    Disentangled {
        /// Buckets of distances in one direction.
        buckets: usize,
        /// Distances from here on share the last bucket.
        max_distance: usize,
    },
}

impl Position {
    /// Number of its kind, in the order of the variants.
    pub(crate) fn kind(&self) -> u8 {
        match self {
            Self::Learned { .. } => 1,
            Self::Rotary { .. } => 2,
            Self::Bias { .. } => 3,
            Self::Disentangled { .. } => 4,
        }
    }
}

/// What all encoder layers have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Where the layer norms stand.
    pub norms: NormPlace,
    /// Activation of the feed-forward block.
    pub activation: Activation,
    /// The activated neurons are multiplied by a second product of the input, the gate.
    pub gated: bool,
    /// Query, key, value and output projections have a bias.
    pub attention_bias: bool,
    /// The linears of the feed-forward block have a bias.
    pub feed_forward_bias: bool,
    /// The layer norms, here and elsewhere in the encoder, have a beta.
    pub norm_bias: bool,
    /// Layer norm behind the last layer.
    pub final_norm: bool,
}

impl Block {
    /// BERT's: norms after, biases everywhere, a plain feed-forward block.
    pub fn bert(activation: Activation) -> Self {
        Self {
            norms: NormPlace::After,
            activation,
            gated: false,
            attention_bias: true,
            feed_forward_bias: true,
            norm_bias: true,
            final_norm: false,
        }
    }
}

impl NormPlace {
    /// True where norms stand before the blocks, inside the residual.
    pub fn before(self) -> bool {
        self != NormPlace::After
    }
}

/// Where the two layer norms of a layer stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NormPlace {
    /// After each block's residual sum: BERT.
    After,
    /// Before each block, inside the residual.
    Before,
    /// Before each block but the first layer's attention, which sees the embeddings' norm:
    /// ModernBERT.
    BeforeButFirst,
}

/// Shape of one encoder layer. Zero heads: the attention block is gone but for its output bias;
/// zero `intermediate_size`: likewise the feed-forward block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerPlan {
    /// Size of one attention head.
    pub head_dim: usize,
    /// Which of the original heads are kept, rising; their number is the number of heads.
    pub kept_heads: Vec<u16>,
    /// Neurons of the feed-forward block.
    pub intermediate_size: usize,
    /// Tokens on either side that a token attends to; `None`: the whole sequence.
    pub window: Option<NonZeroUsize>,
}

impl LayerPlan {
    /// A layer with all its `heads`, which attend to the whole sequence.
    pub fn full(heads: usize, head_dim: usize, intermediate_size: usize) -> Self {
        Self {
            head_dim,
            kept_heads: (0..heads as u16).collect(),
            intermediate_size,
            window: None,
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

/// From the residual stream to class scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What becomes of a sequence's tokens.
    pub pooling: Pooling,
    /// The dense layer before the classifier.
    pub dense: Option<HeadDense>,
}

impl Head {
    /// BERT's: the first token through a dense layer and tanh.
    pub const BERT: Head = Head::first_token(HeadActivation::Tanh);

    /// The first token through a dense layer with this activation.
    pub const fn first_token(activation: HeadActivation) -> Head {
        Head {
            pooling: Pooling::FirstToken,
            dense: Some(HeadDense {
                activation,
                bias: true,
                norm: false,
            }),
        }
    }
}

/// How one row is made of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// The first token's row.
    FirstToken,
    /// The mean over all tokens that are not pads, or over all where all are.
    Mean,
}

/// A dense layer of the head, `[hidden, hidden]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadDense {
    /// What follows the product.
    pub activation: HeadActivation,
    /// It has a bias.
    pub bias: bool,
    /// A layer norm follows the activation.
    pub norm: bool,
}

/// Activation of the head's dense layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeadActivation {
    /// Exact GELU.
    Gelu,
    /// `max(x, 0)`.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
}
