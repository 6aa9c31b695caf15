//! How many heads and neurons each layer keeps when a share of the encoder's operations is to go:
//! the same of every layer, or of the whole model what costs the least accuracy an operation.
//!
//! Operations are multiply-adds of the products that act-infer really computes: of the last layer,
//! all but keys and values only for the classified position.

use act_core::{Encoding, Plan};

use crate::importance::LayerScores;
use crate::ratio::Keep;
use crate::select::Kept;

/// Multiply-adds a sequence that go with one structure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerCost {
    /// Of one head: four projections, scores and context.
    pub head: f64,
    /// Of one neuron: a row and a column.
    pub neuron: f64,
}

/// Mean costs of every layer's structures over sequences like `encodings`.
pub fn costs(plan: &Plan, encodings: &[Encoding]) -> Vec<LayerCost> {
    let sequences = encodings.len().max(1) as f64;
    let lengths = || encodings.iter().map(|e| e.len() as f64);
    let tokens = lengths().sum::<f64>() / sequences;
    let squares = lengths().map(|n| n * n).sum::<f64>() / sequences;
    let hidden = plan.hidden_size as f64;
    let layers = plan.layers.iter().enumerate();
    layers
        .map(|(l, layer)| {
            let (asking, pairs) = match l + 1 == plan.layers.len() {
                true => (1.0, tokens),
                false => (tokens, squares),
            };
            let width = layer.head_dim as f64;
            LayerCost {
                head: width * (2.0 * hidden * (asking + tokens) + 2.0 * pairs),
                neuron: 2.0 * hidden * asking,
            }
        })
        .collect()
}

/// Multiply-adds a sequence of what is kept.
pub fn operations(keep: &[Keep], costs: &[LayerCost]) -> f64 {
    let layers = keep.iter().zip(costs);
    layers
        .map(|(k, c)| k.heads as f64 * c.head + k.neurons as f64 * c.neuron)
        .sum()
}

/// All heads and neurons.
pub fn whole(plan: &Plan) -> Vec<Keep> {
    let layers = plan.layers.iter();
    let all = layers.map(|layer| Keep {
        heads: layer.heads(),
        neurons: layer.intermediate_size,
    });
    all.collect()
}

/// The same share of every layer's heads, rounded, and of its neurons as many as then leave `share`
/// of the operations to go: transformer_pruner's allocation, met exactly. At least one stays of
/// each.
pub fn uniform(plan: &Plan, costs: &[LayerCost], share: f64) -> Vec<Keep> {
    let all = whole(plan);
    let budget = (1.0 - share) * operations(&all, costs);
    let mut keep = all.clone();
    for (keep, all) in keep.iter_mut().zip(&all) {
        let heads = ((1.0 - share) * all.heads as f64).round_ties_even() as usize;
        keep.heads = heads.max(1).min(all.heads);
        keep.neurons = 0;
    }
    let of_heads = operations(&keep, costs);
    let neurons: Vec<Keep> = all.iter().map(|k| Keep { heads: 0, ..*k }).collect();
    let left = (budget - of_heads) / operations(&neurons, costs).max(1.0);
    for (keep, all) in keep.iter_mut().zip(&all) {
        let neurons = (left.clamp(0.0, 1.0) * all.neurons as f64) as usize;
        keep.neurons = neurons.max(1).min(all.neurons);
    }
    keep
}

/// Takes the structures of the whole model that score least an operation, until `share` of the
/// operations is gone (the greedy answer to Kwon et al. 2022, eq. 7). Costs within a layer being
/// equal, each layer keeps its strongest.
pub fn greedy(scores: &[LayerScores], costs: &[LayerCost], share: f64) -> Vec<Kept> {
    let mut candidates = Vec::new();
    for (l, (scores, cost)) in scores.iter().zip(costs).enumerate() {
        let heads = scores.heads.iter().enumerate();
        candidates.extend(heads.map(|(i, s)| (s / cost.head, cost.head, l, true, i)));
        let neurons = scores.neurons.iter().enumerate();
        candidates.extend(neurons.map(|(i, s)| (s / cost.neuron, cost.neuron, l, false, i)));
    }
    let total: f64 = candidates.iter().map(|c| c.1).sum();
    // Dearest last; of equals the later goes first, as in `strongest`.
    candidates.sort_by(|a, b| {
        let place = |c: &(f64, f64, usize, bool, usize)| (c.2, c.3, c.4);
        a.0.total_cmp(&b.0).then(place(b).cmp(&place(a)))
    });
    let mut excess = share * total;
    let mut kept = vec![
        Kept {
            heads: Vec::new(),
            neurons: Vec::new(),
        };
        scores.len()
    ];
    for (_, cost, l, head, index) in candidates {
        if excess > 1e-9 * total {
            excess -= cost;
        } else if head {
            kept[l].heads.push(index);
        } else {
            kept[l].neurons.push(index);
        }
    }
    for kept in &mut kept {
        kept.heads.sort_unstable();
        kept.neurons.sort_unstable();
    }
    kept
}
