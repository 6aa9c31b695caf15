//! The search: from every block a size, so that as little importance as possible is lost and the
//! cost stays within a limit. A multiple-choice knapsack, solved by dynamic programming over the
//! cost in small steps, as ZipLM (Kurtić, Frantar & Alistarh 2023, section 3.2) does after SPDY.
//!
//! Costs are rounded up to whole steps, so no answer exceeds its limit; one table answers every
//! limit. Knows numbers only: not what a block is, nor what a cost stands for.

/// Steps into which the cost of the whole is cut. Rounding wastes at most one for each block: with
/// 24 blocks 0.12 % of the whole.
const STEPS: usize = 20_000;

/// A choice: what it costs and the importance that it loses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Cost, 0 or more, in any unit.
    pub cost: f64,
    /// Importance lost, 0 or more.
    pub loss: f64,
    /// True if text can still flow through the block from one token to another.
    pub mixes: bool,
}

/// The best answers for all limits.
pub struct Search {
    /// One entry a block, one a choice.
    blocks: Vec<Vec<Choice>>,
    fixed: f64,
    step: f64,
    /// `[block][mixed][steps]`: which choice the best answer of so many blocks and steps takes.
    taken: Vec<[Vec<u16>; 2]>,
    /// Least loss of all blocks by steps, among networks that mix tokens somewhere.
    least: Vec<f64>,
}

impl Search {
    /// Solves for `blocks` beside a `fixed` cost. Every block needs a choice, and has fewer than
    /// 32,768.
    pub fn new(blocks: Vec<Vec<Choice>>, fixed: f64) -> Self {
        let largest = |block: &Vec<Choice>| block.iter().map(|c| c.cost).fold(0.0, f64::max);
        let whole: f64 = blocks.iter().map(largest).sum();
        let step = (whole / STEPS as f64).max(f64::MIN_POSITIVE);
        // Every block may round up, so the whole needs that much room above.
        let steps = STEPS + blocks.len();
        let mut best = [vec![0.0; steps + 1], vec![f64::INFINITY; steps + 1]];
        let mut taken = Vec::with_capacity(blocks.len());
        for block in &blocks {
            let mut next = [
                vec![f64::INFINITY; steps + 1],
                vec![f64::INFINITY; steps + 1],
            ];
            let mut took = [vec![0u16; steps + 1], vec![0u16; steps + 1]];
            for (index, choice) in block.iter().enumerate() {
                let cost = in_steps(choice.cost, step);
                for mixed in [false, true] {
                    let (from, to) = (usize::from(mixed), usize::from(mixed || choice.mixes));
                    for at in cost..=steps {
                        let loss = best[from][at - cost] + choice.loss;
                        if loss < next[to][at] {
                            next[to][at] = loss;
                            took[to][at] = packed(index, mixed);
                        }
                    }
                }
            }
            taken.push(took);
            best = next;
        }
        let [_, least] = best;
        Self {
            blocks,
            fixed,
            step,
            taken,
            least,
        }
    }

    /// The choice of each block that loses least within `limit`; `None` if nothing fits that still
    /// lets tokens see each other. A larger limit never loses more.
    pub fn best(&self, limit: f64) -> Option<Vec<usize>> {
        let room = ((limit - self.fixed) / self.step).floor();
        if room.is_nan() || room < 0.0 {
            return None;
        }
        let mut at = (room as usize).min(self.least.len() - 1);
        if !self.least[at].is_finite() {
            return None;
        }
        let mut mixed = true;
        let mut chosen = vec![0; self.blocks.len()];
        for (b, took) in self.taken.iter().enumerate().rev() {
            let (index, before) = unpacked(took[usize::from(mixed)][at]);
            chosen[b] = index;
            at -= in_steps(self.blocks[b][index].cost, self.step);
            mixed = before;
        }
        Some(chosen)
    }

    /// The smallest network that still lets tokens see each other; `None` if no choice does.
    pub fn smallest(&self) -> Option<Vec<usize>> {
        let first = self.least.iter().position(|loss| loss.is_finite())?;
        self.best(self.fixed + (first as f64 + 0.5) * self.step)
    }

    /// Cost of a choice for each block.
    pub fn cost(&self, chosen: &[usize]) -> f64 {
        let blocks = self.blocks.iter().zip(chosen);
        self.fixed + blocks.map(|(block, &c)| block[c].cost).sum::<f64>()
    }

    /// Importance lost by a choice for each block.
    pub fn loss(&self, chosen: &[usize]) -> f64 {
        let blocks = self.blocks.iter().zip(chosen);
        blocks.map(|(block, &c)| block[c].loss).sum()
    }
}

/// A cost in whole steps, rounded up; what rounding noise adds to a whole number does not count.
fn in_steps(cost: f64, step: f64) -> usize {
    (cost / step * (1.0 - 1e-12)).ceil() as usize
}

/// A choice and whether tokens were mixed before it.
fn packed(index: usize, mixed: bool) -> u16 {
    (index as u16) << 1 | u16::from(mixed)
}

fn unpacked(packed: u16) -> (usize, bool) {
    (usize::from(packed >> 1), packed & 1 == 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block() -> impl Strategy<Value = Vec<Choice>> {
        let choice = (0u32..50, 0u32..1000, any::<bool>());
        let choice = choice.prop_map(|(cost, loss, mixes)| Choice {
            cost: f64::from(cost),
            loss: f64::from(loss),
            mixes,
        });
        prop::collection::vec(choice, 1..5)
    }

    /// Loss of the best of all combinations, each cost passed through `price`.
    fn brute(search: &Search, room: f64, price: &dyn Fn(f64) -> f64) -> Option<f64> {
        let mut combinations = vec![Vec::new()];
        for block in &search.blocks {
            combinations = combinations
                .iter()
                .flat_map(|c: &Vec<usize>| (0..block.len()).map(|i| [&c[..], &[i]].concat()))
                .collect();
        }
        let all = combinations.into_iter().filter_map(|chosen| {
            let choices = || {
                chosen
                    .iter()
                    .zip(&search.blocks)
                    .map(|(&c, block)| block[c])
            };
            let cost: f64 = choices().map(|c| price(c.cost)).sum();
            (cost <= room && choices().any(|c| c.mixes)).then(|| search.loss(&chosen))
        });
        all.min_by(f64::total_cmp)
    }

    proptest! {
        #[test]
        fn finds_what_brute_force_finds(
            blocks in prop::collection::vec(block(), 1..5),
            fixed in 0u32..20,
            limit in 0u32..260,
        ) {
            let search = Search::new(blocks, fixed.into());
            let limit = f64::from(limit);
            let found = search.best(limit);
            // In whole steps the two must agree exactly.
            let room = ((limit - search.fixed) / search.step).floor();
            let in_steps = |cost| in_steps(cost, search.step) as f64;
            let best = brute(&search, room, &in_steps);
            prop_assert_eq!(found.as_deref().map(|c| search.loss(c)), best);
            if let Some(chosen) = &found {
                prop_assert!(search.cost(chosen) <= limit * (1.0 + 1e-12));
                let mixing = chosen.iter().zip(&search.blocks).any(|(&c, b)| b[c].mixes);
                prop_assert!(mixing, "a network through which no text flows");
            }
            // In real costs, whatever fits with a step a block to spare is found or beaten.
            let spare = search.blocks.len() as f64 * search.step;
            if let Some(best) = brute(&search, limit - search.fixed - spare, &|cost| cost) {
                prop_assert!(found.is_some_and(|c| search.loss(&c) <= best));
            }
        }

        #[test]
        fn a_larger_limit_never_loses_more(
            blocks in prop::collection::vec(block(), 1..6),
            mut limits in prop::collection::vec(0f64..300.0, 2..8),
        ) {
            let search = Search::new(blocks, 3.0);
            limits.sort_by(f64::total_cmp);
            let loss = |limit: f64| search.best(limit).map(|c| search.loss(&c));
            let losses: Vec<f64> = limits
                .into_iter()
                .map(|l| loss(l).unwrap_or(f64::INFINITY))
                .collect();
            prop_assert!(losses.windows(2).all(|w| w[0] >= w[1]), "{:?}", losses);
        }

        #[test]
        fn nothing_is_smaller_than_the_smallest(blocks in prop::collection::vec(block(), 1..5)) {
            let search = Search::new(blocks, 0.0);
            let any = search.blocks.iter().flatten().any(|c| c.mixes);
            match search.smallest() {
                None => prop_assert!(!any),
                Some(chosen) => {
                    let cost = search.cost(&chosen);
                    let spare = (search.blocks.len() as f64 + 1.0) * search.step;
                    prop_assert!(search.best(cost - spare).is_none());
                }
            }
        }
    }

    #[test]
    fn the_whole_fits_its_own_cost() {
        let choice = |cost, loss| Choice {
            cost,
            loss,
            mixes: true,
        };
        let blocks = vec![vec![choice(0.0, 2.0), choice(0.7, 0.0)]; 24];
        let search = Search::new(blocks, 1.0);
        let whole = search.cost(&[1; 24]) * 1.002;
        assert_eq!(search.best(whole).unwrap(), [1; 24]);
    }
}
