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
    /// What layer number `layer` reads, or, for as many layers as there are, the pooler: a norm's
    /// output, or that of the embeddings' projection.
    pub fn before(plan: &Plan, layer: usize) -> Self {
        match layer {
            0 if plan.has_weight(Linear::EmbeddingProjection) => {
                Self::Linear(Linear::EmbeddingProjection)
            }
            0 => Self::Norm(Norm::Embeddings),
            layer => Self::Norm(Norm::Output(layer - 1)),
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
