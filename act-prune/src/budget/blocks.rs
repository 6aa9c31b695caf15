//! What the search may choose from: for every attention and feed-forward block its sizes, and the
//! importance that each size loses. Within a block the most important always stay.

use act_core::{LayerPlan, Plan};
use act_infer::COLUMN_BLOCK;

use super::search::Choice;
use crate::block::Block;
use crate::importance::LayerScores;
use crate::ratio::Keep;

/// Sizes that a block may have.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockSizes {
    /// The block.
    pub block: Block,
    /// Heads or neurons that may stay, rising from 0 to all of them.
    pub sizes: Vec<usize>,
    /// Importance lost at each size.
    pub losses: Vec<f64>,
}

impl BlockSizes {
    /// The blocks of a model, layer by layer: any number of heads, and numbers of neurons for
    /// which the engine computes no column in vain. Whole blocks may go.
    pub fn all(plan: &Plan, scores: &[LayerScores]) -> Vec<Self> {
        let layers = plan.layers.iter().zip(scores).enumerate();
        let blocks = layers.flat_map(|(layer, (plan, scores))| {
            let sized = |block, sizes: Vec<usize>, scores: &[f64]| Self {
                block,
                losses: losses(scores, &sizes),
                sizes,
            };
            let heads = (0..=plan.heads()).collect();
            let neurons = aligned(plan.intermediate_size);
            [
                sized(Block::Attention(layer), heads, &scores.heads),
                sized(Block::FeedForward(layer), neurons, &scores.neurons),
            ]
        });
        blocks.collect()
    }

    /// The search's view, with what `cost` says that a plan costs; it must be a sum over blocks.
    pub fn choices(&self, plan: &Plan, cost: &dyn Fn(&Plan) -> f64) -> Vec<Choice> {
        let with = |size| {
            let mut plan = plan.clone();
            self.resize(&mut plan, size);
            cost(&plan)
        };
        let without = with(0);
        let sizes = self.sizes.iter().zip(&self.losses);
        let choices = sizes.map(|(&size, &loss)| Choice {
            cost: (with(size) - without).max(0.0),
            loss,
            mixes: matches!(self.block, Block::Attention(_)) && size > 0,
        });
        choices.collect()
    }

    fn resize(&self, plan: &mut Plan, size: usize) {
        match self.block {
            Block::Attention(l) => plan.layers[l].kept_heads.truncate(size),
            Block::FeedForward(l) => plan.layers[l].intermediate_size = size,
        }
    }
}

/// The plan with every block at the size chosen. Which heads stay is not decided here: the first
/// stand for them.
pub fn plan_of(plan: &Plan, blocks: &[BlockSizes], chosen: &[usize]) -> Plan {
    let mut plan = plan.clone();
    for (block, &choice) in blocks.iter().zip(chosen) {
        block.resize(&mut plan, block.sizes[choice]);
    }
    plan
}

/// What stays of each layer of a plan.
pub fn keeps(plan: &Plan) -> Vec<Keep> {
    let keep = |layer: &LayerPlan| Keep {
        heads: layer.heads(),
        neurons: layer.intermediate_size,
    };
    plan.layers.iter().map(keep).collect()
}

/// 0, the multiples of the engine's block, and `width` itself.
fn aligned(width: usize) -> Vec<usize> {
    let mut sizes: Vec<usize> = (0..=width).step_by(COLUMN_BLOCK).collect();
    if !width.is_multiple_of(COLUMN_BLOCK) {
        sizes.push(width);
    }
    sizes
}

/// For each size the sum of all scores but the largest so many.
fn losses(scores: &[f64], sizes: &[usize]) -> Vec<f64> {
    let mut falling = scores.to_vec();
    falling.sort_by(|a, b| b.total_cmp(a));
    let lost = |&size: &usize| falling.iter().skip(size).rev().sum();
    sizes.iter().map(lost).collect()
}

#[cfg(test)]
mod tests {
    use act_core::testing::{TinyOptions, tiny_artifact};

    use super::*;

    #[test]
    fn widths_are_the_engines() {
        assert_eq!(aligned(96), [0, 32, 64, 96]);
        assert_eq!(aligned(70), [0, 32, 64, 70]);
        assert_eq!(aligned(0), [0]);
    }

    #[test]
    fn the_least_important_are_lost_first() {
        assert_eq!(
            losses(&[3.0, 1.0, 2.0], &[0, 1, 2, 3]),
            [6.0, 3.0, 1.0, 0.0]
        );
    }

    #[test]
    fn costs_of_blocks_add_up_to_the_plans() {
        let plan = tiny_artifact(1, &TinyOptions::default()).plan;
        let scores: Vec<LayerScores> = plan
            .layers
            .iter()
            .map(|l| LayerScores {
                heads: vec![1.0; l.heads()],
                neurons: vec![1.0; l.intermediate_size],
            })
            .collect();
        let blocks = BlockSizes::all(&plan, &scores);
        assert_eq!(blocks.len(), 4);
        let cost = |plan: &Plan| plan.parameters() as f64;
        let whole: Vec<usize> = blocks.iter().map(|b| b.sizes.len() - 1).collect();
        assert_eq!(plan_of(&plan, &blocks, &whole), plan);
        let nothing = plan_of(&plan, &blocks, &[0; 4]);
        assert!(
            nothing
                .layers
                .iter()
                .all(|l| l.heads() + l.intermediate_size == 0)
        );
        let sum: f64 = blocks
            .iter()
            .map(|b| b.choices(&plan, &cost).last().unwrap().cost)
            .sum();
        assert_eq!(cost(&nothing) + sum, cost(&plan));
    }
}
