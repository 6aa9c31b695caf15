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

/// Takes the structures of the whole model that score least an operation until `share` of the
/// operations is gone, then gives back, the best first, what still fits (the greedy answer to Kwon
/// et al. 2022, eq. 7). Costs within a layer being equal, each layer keeps its strongest. The best
/// head of all stays: without any, tokens would not see each other.
pub fn greedy(scores: &[LayerScores], costs: &[LayerCost], share: f64) -> Vec<Kept> {
    let mut all = Vec::new();
    for (layer, (scores, cost)) in scores.iter().zip(costs).enumerate() {
        let of = |scores: &[f64], cost, head| {
            let structures = scores.iter().enumerate();
            let candidate = move |(index, score): (usize, &f64)| Candidate {
                worth: score / cost,
                cost,
                layer,
                head,
                index,
            };
            structures.map(candidate).collect::<Vec<_>>()
        };
        all.extend(of(&scores.heads, cost.head, true));
        all.extend(of(&scores.neurons, cost.neuron, false));
    }
    // Best first; of equals the earlier stays, as in `strongest`.
    all.sort_by(|a, b| b.worth.total_cmp(&a.worth));
    if let Some(best) = all.iter().position(|c| c.head) {
        all[..=best].rotate_right(1);
    }
    let total: f64 = all.iter().map(|c| c.cost).sum();
    // Of whole structures; rounding must not cost one.
    let mut room = (1.0 - share) * total * (1.0 + 1e-9);
    let mut kept = vec![
        Kept {
            heads: Vec::new(),
            neurons: Vec::new(),
        };
        scores.len()
    ];
    for candidate in all {
        if candidate.cost <= room {
            room -= candidate.cost;
            let layer = &mut kept[candidate.layer];
            match candidate.head {
                true => layer.heads.push(candidate.index),
                false => layer.neurons.push(candidate.index),
            }
        }
    }
    for layer in &mut kept {
        layer.heads.sort_unstable();
        layer.neurons.sort_unstable();
    }
    kept
}

/// A structure that may stay.
struct Candidate {
    /// Score an operation.
    worth: f64,
    cost: f64,
    layer: usize,
    head: bool,
    index: usize,
}

#[cfg(test)]
mod tests {
    use act_core::testing::{TinyOptions, tiny_artifact};
    use proptest::prelude::*;

    use super::*;

    fn plan() -> Plan {
        tiny_artifact(1, &TinyOptions::default()).plan
    }

    /// Two sequences, of 3 and of 5 tokens.
    fn encodings() -> Vec<Encoding> {
        let of_length = |n| Encoding {
            input_ids: vec![7; n],
            token_type_ids: vec![0; n],
        };
        [3, 5].map(of_length).to_vec()
    }

    fn counts(kept: &[Kept]) -> Vec<Keep> {
        kept.iter().map(Kept::counts).collect()
    }

    /// Two layers of hidden size 8: 2 heads of 4 and 12 neurons; 1 head of 4 and 7 neurons.
    #[test]
    fn operations_are_those_of_the_products() {
        let costs = costs(&plan(), &encodings());
        // 4 tokens on average, 17 pairs: 4 projections of 4 x 8 a token, 2 x 4 a pair.
        assert_eq!(costs[0].head, 4.0 * 32.0 * 4.0 + 2.0 * 4.0 * 17.0);
        assert_eq!(costs[0].neuron, 2.0 * 8.0 * 4.0);
        // The last layer: query and output for one token, that looks at 4.
        assert_eq!(costs[1].head, 2.0 * 32.0 * (1.0 + 4.0) + 2.0 * 4.0 * 4.0);
        assert_eq!(costs[1].neuron, 2.0 * 8.0);
    }

    #[test]
    fn a_uniform_share_is_met_with_heads_rounded() {
        let mut plan = plan();
        plan.layers = vec![act_core::LayerPlan::full(4, 4, 400); 3];
        let costs = costs(&plan, &encodings());
        for share in [0.25, 0.4, 0.5, 0.67] {
            let keep = uniform(&plan, &costs, share);
            assert!(keep.iter().all(|k| *k == keep[0]), "{keep:?}");
            assert_eq!(
                keep[0].heads,
                ((1.0 - share) * 4.0f64).round_ties_even() as usize
            );
            let left = operations(&keep, &costs) / operations(&whole(&plan), &costs);
            assert!((left - (1.0 - share)).abs() < 0.005, "{share}: {left}");
        }
        let least = uniform(&plan, &costs, 0.999);
        assert!(least.iter().all(|k| (k.heads, k.neurons) == (1, 1)));
    }

    proptest! {
        #[test]
        fn greedy_stays_within_its_budget_and_keeps_the_strongest(
            scores in prop::collection::vec(0.0f64..1.0, 22),
            share in 0.0f64..0.9,
        ) {
            let costs = costs(&plan(), &encodings());
            let layers = [
                LayerScores { heads: scores[..2].to_vec(), neurons: scores[2..14].to_vec() },
                LayerScores { heads: scores[14..15].to_vec(), neurons: scores[15..].to_vec() },
            ];
            let kept = greedy(&layers, &costs, share);
            let spent = operations(&counts(&kept), &costs);
            let all = operations(&whole(&plan()), &costs);
            prop_assert!(spent <= (1.0 - share) * all * 1.000001);
            for ((kept, keep), scores) in kept.iter().zip(counts(&kept)).zip(&layers) {
                prop_assert_eq!(kept, &Kept::strongest(scores, keep));
            }
            if share == 0.0 || spent < 0.99 * all {
                let cheapest = costs.iter().map(|c| c.head.min(c.neuron)).fold(f64::MAX, f64::min);
                let everything = counts(&kept) == whole(&plan());
                prop_assert!(everything || (1.0 - share) * all - spent < costs[0].head.max(cheapest));
            }
        }
    }
}
