//! What this version of act computes, in one place: a part that the engines learn is taken out of
//! these lists.

use super::model::Artifact;
use crate::error::{Error, Result};
use crate::plan::{NormPlace, Plan, Pooling, Position};

impl Artifact {
    /// Refuses a model with a part that is stored but not computed yet. (What its tokenizer asks
    /// for is [`Tokenizer::new`](crate::Tokenizer::new)'s business.)
    ///
    /// # Errors
    /// Rejected: the part is named.
    pub fn check_supported(&self) -> Result<()> {
        self.plan.check_supported()
    }
}

impl Plan {
    /// Refuses a plan with a part that act-infer and act-nn do not compute yet.
    ///
    /// # Errors
    /// Rejected: the part is named.
    pub fn check_supported(&self) -> Result<()> {
        let (embeddings, block, dense) = (&self.embeddings, &self.block, self.head.dense);
        embeddings.positions.iter().try_for_each(check_position)?;
        let windowed = self.layers.iter().any(|layer| layer.window.is_some());
        Error::refuse_any(&[
            (
                embeddings.position_offset().is_none(),
                "encoders without a position table",
            ),
            (!embeddings.norm, "embeddings without a norm"),
            (block.norms != NormPlace::After, "norms before the blocks"),
            (block.gated, "gated feed-forward blocks"),
            (!block.attention_bias, "attention without biases"),
            (
                !block.feed_forward_bias,
                "feed-forward blocks without biases",
            ),
            (!block.norm_bias, "norms without biases"),
            (block.final_norm, "a norm behind the last layer"),
            (windowed, "attention windows"),
            (self.head.pooling != Pooling::FirstToken, "pooling by mean"),
            (dense.is_some_and(|d| !d.bias), "heads without a bias"),
            (dense.is_some_and(|d| d.norm), "heads with a norm"),
        ])
    }
}

fn check_position(position: &Position) -> Result<()> {
    match position {
        Position::Learned { .. } => Ok(()),
        Position::Rotary { .. } => Err(Error::unsupported("rotary positions")),
        Position::Bias { .. } => Err(Error::unsupported("relative position biases")),
        Position::Disentangled { .. } => Err(Error::unsupported("disentangled attention")),
    }
}
