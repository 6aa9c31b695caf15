//! What makes the channels that a linear reads.

use act_core::{Linear, Norm, Plan};

/// What makes the input of a linear, where numbers can be moved into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Producer {
    /// The rows of another linear.
    Linear(Linear),
    /// A norm's gamma and beta.
    Norm(Norm),
}

impl Producer {
    /// What makes the stream before layer number `layer`, or, for as many layers as there are, what the head
    /// reads: a norm, or the embeddings' projection; none where it is a residual sum.
    pub fn before(plan: &Plan, layer: usize) -> Option<Self> {
        match layer {
            behind if behind == plan.layers.len() && plan.block.final_norm => {
                Some(Self::Norm(Norm::Final))
            }
            0 if plan.has_weight(Linear::EmbeddingProjection) => {
                Some(Self::Linear(Linear::EmbeddingProjection))
            }
            0 => Some(Self::Norm(Norm::Embeddings)),
            _ if plan.block.norms.before() => None,
            layer => Some(Self::Norm(Norm::Output(layer - 1))),
        }
    }

    /// Its matrix, or a norm's gamma: one row or number a channel.
    pub fn weight(&self) -> String {
        match self {
            Self::Linear(linear) => linear.weight(),
            Self::Norm(norm) => norm.weight(),
        }
    }

    /// Its bias, or a norm's beta.
    pub fn bias(&self) -> String {
        match self {
            Self::Linear(linear) => linear.bias(),
            Self::Norm(norm) => norm.bias(),
        }
    }
}
