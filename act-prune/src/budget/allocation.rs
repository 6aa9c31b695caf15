//! The one way in which sizes are allotted to layers: all blocks together, so that what a plan costs
//! stays within a limit and as little importance as possible is lost.
//!
//! [`BlockSizes`] says what may be chosen, a [`Cost`] what it costs, [`Search`] finds the best choice.
//! Nothing is measured here; that is the business of [`promise`](super::promise).

use act_core::Plan;

use super::blocks::{BlockSizes, plan_of};
use super::cost::Cost;
use super::search::Search;
use crate::importance::LayerScores;

/// Every allocation of sizes to the blocks of a plan.
pub struct Allocation<'a> {
    plan: &'a Plan,
    blocks: Vec<BlockSizes>,
    search: Search,
}

/// One allocation.
#[derive(Debug, Clone, PartialEq)]
pub struct Allotted {
    /// How many heads and neurons each layer has; which they are is not decided here.
    pub plan: Plan,
    /// What that is predicted to cost.
    pub cost: f64,
    /// Importance lost.
    pub loss: f64,
}

impl<'a> Allocation<'a> {
    /// Of `plan`, whose heads and neurons have these `scores`.
    pub fn new(plan: &'a Plan, scores: &[LayerScores], cost: &dyn Cost) -> Self {
        let blocks = BlockSizes::all(plan, scores);
        let predict = |plan: &Plan| cost.predict(plan);
        let choices = blocks.iter().map(|b| b.choices(plan, &predict)).collect();
        let nothing = plan_of(plan, &blocks, &vec![0; blocks.len()]);
        Self {
            search: Search::new(choices, predict(&nothing)),
            plan,
            blocks,
        }
    }

    /// What loses least of all that costs at most `limit`: everything if that is allowed, `None`
    /// if nothing fits that still lets tokens see each other.
    pub fn within(&self, limit: f64) -> Option<Allotted> {
        let whole: Vec<usize> = self.blocks.iter().map(|b| b.sizes.len() - 1).collect();
        let chosen = if self.search.cost(&whole) <= limit {
            whole
        } else {
            self.search.best(limit)?
        };
        Some(self.allotted(&chosen))
    }

    /// The cheapest; `None` if the model has no attention head.
    pub fn smallest(&self) -> Option<Allotted> {
        Some(self.allotted(&self.search.smallest()?))
    }

    /// Importance of all blocks.
    pub fn importance(&self) -> f64 {
        self.search.loss(&vec![0; self.blocks.len()])
    }

    fn allotted(&self, chosen: &[usize]) -> Allotted {
        Allotted {
            plan: plan_of(self.plan, &self.blocks, chosen),
            cost: self.search.cost(chosen),
            loss: self.search.loss(chosen),
        }
    }
}
