//! What this version of act computes, in one place: a part that the engines learn is taken out of
//! these lists.

use super::model::Artifact;
use crate::arithmetic::relative::Buckets;
use crate::error::{Error, Result};
use crate::plan::{LayerPlan, Plan, Position};

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
        let embeddings = &self.embeddings;
        for position in &embeddings.positions {
            self.check_position(position)?;
        }
        Error::refuse_any(&[
            (
                embeddings.positions.is_empty(),
                "encoders without positions",
            ),
            (!embeddings.norm, "embeddings without a norm"),
        ])
    }

    fn check_position(&self, position: &Position) -> Result<()> {
        let odd = |layer: &LayerPlan| layer.attention_width() > 0 && layer.head_dim % 2 == 1;
        match position {
            Position::Rotary { .. } if self.layers.iter().any(odd) => Err(Error::unsupported(
                "rotary positions in heads of an odd size",
            )),
            Position::Learned { .. } | Position::Rotary { .. } => Ok(()),
            Position::Bias {
                buckets,
                max_distance,
                heads,
            } => {
                let most = |layer: &LayerPlan| layer.kept_heads.last().copied().unwrap_or(0);
                let beyond = |layer: &LayerPlan| usize::from(most(layer)) >= *heads;
                let few = *buckets < Buckets::FEWEST || *max_distance <= buckets / 4;
                Error::refuse_any(&[
                    (few, "relative position biases of few buckets or distances"),
                    (
                        self.layers.iter().any(beyond),
                        "relative position biases of fewer heads than layers have",
                    ),
                ])
            }
            Position::Disentangled { .. } => Err(Error::unsupported("disentangled attention")),
        }
    }
}
