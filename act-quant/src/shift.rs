//! Channel shifts (Outlier Suppression+, Wei et al. 2023, section 4.1): what a channel has in common
//! over all tokens is taken off before it is quantised, so that the integers need only span the rest.
//!
//! The outlier channels of a BERT sit far to one side of zero. Here a shift costs nothing at run time
//! and leaves the float model's answers alone: it comes off the bias of whatever makes the channel,
//! the readers' biases take up `W z`, and where the residual stream reads the channel too, the bias
//! of the linear that is added to it next gives it back. A static scale is served best by the middle
//! of a channel's range. One for each token is served by the mean, close to what most tokens hold, in
//! some models and not in others: there the search tries both.

use act_core::{Linear, Norm, Plan};

use crate::producer::Producer;

/// Where a shift of the input of a linear goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// What makes the channels; the shift comes off its bias.
    pub producer: Producer,
    /// Whose bias gives the shift back to the residual stream, if that reads the channels too.
    pub residual: Option<Linear>,
}

/// The route of a shift of `linear`'s input; none where it follows something that is not linear (the
/// neurons, the classifier's input).
pub fn route(plan: &Plan, linear: Linear) -> Option<Route> {
    let before = plan.block.norms.before();
    let (producer, residual) = match linear {
        // Nobody else reads what a norm before a block makes.
        Linear::Query(l) | Linear::Key(l) | Linear::Value(l)
            if before && plan.has_attention_norm(l) =>
        {
            (Producer::Norm(Norm::Attention(l)), None)
        }
        Linear::Intermediate(l) | Linear::Gate(l) if before => {
            (Producer::Norm(Norm::Output(l)), None)
        }
        Linear::Query(l) | Linear::Key(l) | Linear::Value(l) => {
            (Producer::before(plan, l)?, Some(Linear::AttentionOutput(l)))
        }
        // The weights of attention sum to 1: what is taken off every value is off the context.
        Linear::AttentionOutput(l) => (Producer::Linear(Linear::Value(l)), None),
        Linear::Intermediate(l) | Linear::Gate(l) => {
            let norm = Producer::Norm(Norm::Attention(l));
            (norm, Some(Linear::Output(l)))
        }
        Linear::Pooler => (Producer::before(plan, plan.layers.len())?, None),
        Linear::EmbeddingProjection => (Producer::Norm(Norm::Embeddings), None),
        Linear::Output(_) | Linear::Classifier => return None,
    };
    Some(Route { producer, residual })
}

/// `weights * shift`, one number a row: what the bias of a reader takes up.
pub fn taken_up(weights: &[f32], shift: &[f32]) -> Vec<f32> {
    let rows = weights.chunks_exact(shift.len().max(1));
    rows.map(|row| {
        let terms = row.iter().zip(shift);
        let sum: f64 = terms.map(|(&w, &z)| f64::from(w) * f64::from(z)).sum();
        sum as f32
    })
    .collect()
}
