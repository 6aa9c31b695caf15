//! What an encoder's blocks cost by size: measured once for a shape, summed up for any plan.
//!
//! Time is taken to be additive over blocks, as in ZipLM's (Kurtić, Frantar & Alistarh 2023, section
//! 3.2) and Kwon et al.'s (2022, section 4.1) tables. It is not quite: weights that fit a cache
//! alone do not beside others. So a block is measured among equal blocks in a network of full
//! depth, both alone and beside all other blocks, and the mean of the two is its cost. What it and
//! one other block cost each other is then shared equally, and blocks add up to the whole.
//!
//! The last layer has rows of its own: the engine computes little of it.

use std::fmt;

use act_core::{Plan, Result};
use act_infer::COLUMN_BLOCK;
use serde::{Deserialize, Serialize};

use super::curve::CostCurve;
use super::fingerprint::{EncoderShape, Fingerprint, resized};
use super::race::Timed;

/// Sizes at which a block of an inner layer is measured, at most, and of the last.
const INNER_POINTS: usize = 8;
const LAST_POINTS: usize = 3;
/// How far the sum of the blocks may be from the whole network's time, relative to it, before the
/// table is measured again, and how often it is measured at most.
const APART: f64 = 0.1;
const ATTEMPTS: usize = 3;

/// Milliseconds a sequence, block by block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencyTable {
    /// What it holds for.
    pub fingerprint: Fingerprint,
    /// All blocks at their largest, measured.
    pub full_ms: f64,
    /// The same as the sum of the table's entries.
    pub blocks_ms: f64,
    /// No block at all: embeddings, norms, pooler and classifier.
    pub floor_ms: f64,
    /// Attention of an inner layer, by heads.
    pub attention: CostCurve,
    /// Feed-forward of an inner layer, by neurons.
    pub feed_forward: CostCurve,
    /// Attention of the last layer.
    pub last_attention: CostCurve,
    /// Feed-forward of the last layer.
    pub last_feed_forward: CostCurve,
}

/// Times plans; the first is what speed-ups are over.
pub type Stopwatch<'a> = dyn FnMut(&[Plan]) -> Result<Vec<Timed>> + 'a;

impl LatencyTable {
    /// Measures the table of the fingerprint's shape; `plan` has the rest. Of [`ATTEMPTS`] the first
    /// whose blocks add up to the whole within [`APART`], else the one that comes closest, with a
    /// warning: the machine was not quiet, or time is not additive on it.
    pub fn measure(
        fingerprint: Fingerprint,
        plan: &Plan,
        stopwatch: &mut Stopwatch<'_>,
    ) -> Result<Self> {
        let mut best = Self::attempt(&fingerprint, plan, stopwatch)?;
        for _ in 1..ATTEMPTS {
            if best.adds_up() {
                break;
            }
            log::info!("{best}: measuring again");
            let again = Self::attempt(&fingerprint, plan, stopwatch)?;
            if again.apart() < best.apart() {
                best = again;
            }
        }
        if best.adds_up() {
            log::info!("{best}");
        } else {
            log::warn!("{best}: is the machine busy?");
        }
        Ok(best)
    }

    fn attempt(
        fingerprint: &Fingerprint,
        plan: &Plan,
        stopwatch: &mut Stopwatch<'_>,
    ) -> Result<Self> {
        let shape = &fingerprint.shape;
        let (heads, width) = (shape.heads, shape.intermediate_size);
        let attention = BlockKind {
            most: heads,
            step: 1,
            size: &|h, other| (h, if other { width } else { 0 }),
        };
        let feed_forward = BlockKind {
            most: width,
            step: COLUMN_BLOCK,
            size: &|w, other| (if other { heads } else { 0 }, w),
        };
        let attention = BlockCurves::measure(plan, shape, &attention, stopwatch)?;
        let feed_forward = BlockCurves::measure(plan, shape, &feed_forward, stopwatch)?;
        let mean = |a, b| (a + b) / 2.0;
        let mut table = Self {
            fingerprint: fingerprint.clone(),
            full_ms: mean(attention.full_ms, feed_forward.full_ms),
            floor_ms: mean(attention.floor_ms, feed_forward.floor_ms),
            blocks_ms: 0.0,
            attention: attention.inner,
            feed_forward: feed_forward.inner,
            last_attention: attention.last,
            last_feed_forward: feed_forward.last,
        };
        table.blocks_ms = table.predict(&resized(plan, shape, |_| (heads, width)));
        Ok(table)
    }

    /// By how much the sum of the blocks is off the whole, relative to it.
    fn apart(&self) -> f64 {
        (self.blocks_ms / self.full_ms - 1.0).abs()
    }

    /// True if the blocks add up to the whole, but for a tenth.
    pub fn adds_up(&self) -> bool {
        self.apart() <= APART
    }

    /// Milliseconds a sequence of a plan, the sum of its blocks.
    pub fn predict(&self, plan: &Plan) -> f64 {
        let last = plan.layers.len().saturating_sub(1);
        let blocks = plan.layers.iter().enumerate().map(|(l, layer)| {
            let (attention, feed_forward) = if l == last {
                (&self.last_attention, &self.last_feed_forward)
            } else {
                (&self.attention, &self.feed_forward)
            };
            attention.at(layer.heads()) + feed_forward.at(layer.intermediate_size)
        });
        self.floor_ms + blocks.sum::<f64>()
    }

    /// True if the numbers can be times.
    pub fn is_sound(&self) -> bool {
        let curves = [
            &self.attention,
            &self.feed_forward,
            &self.last_attention,
            &self.last_feed_forward,
        ];
        let times = [self.full_ms, self.floor_ms, self.blocks_ms];
        times.iter().all(|ms| ms.is_finite() && *ms > 0.0) && curves.iter().all(|c| c.is_sound())
    }
}

/// `latency table: 3.1 ms a sequence in full, 0.2 ms without blocks; blocks add up to 99 % of it`
impl fmt::Display for LatencyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "latency table: {:.3} ms a sequence in full, {:.3} ms without blocks; blocks add up to \
             {:.1} % of the whole",
            self.full_ms,
            self.floor_ms,
            100.0 * self.blocks_ms / self.full_ms
        )
    }
}

/// A kind of block: attention or feed-forward.
struct BlockKind<'a> {
    /// Its largest size, a multiple of `step` or not.
    most: usize,
    step: usize,
    /// Heads and neurons of a layer that has so much of it, and all or none of the other kind.
    size: &'a dyn Fn(usize, bool) -> (usize, usize),
}

/// The curves of one kind of block.
struct BlockCurves {
    full_ms: f64,
    floor_ms: f64,
    inner: CostCurve,
    last: CostCurve,
}

impl BlockCurves {
    /// Measures a kind of block in inner layers and in the last, alone and beside everything else:
    /// all in one race with the full network and the empty one.
    fn measure(
        plan: &Plan,
        shape: &EncoderShape,
        kind: &BlockKind<'_>,
        stopwatch: &mut Stopwatch<'_>,
    ) -> Result<Self> {
        let last = shape.layers - 1;
        let full = (shape.heads, shape.intermediate_size);
        let inner = grid(
            kind.most,
            kind.step,
            if last > 0 { INNER_POINTS } else { 0 },
        );
        let at_last = grid(kind.most, kind.step, LAST_POINTS);
        let mut plans = vec![
            resized(plan, shape, |_| full),
            resized(plan, shape, |_| (0, 0)),
        ];
        // What is not of the size in question is there in full (`beside`) or not at all.
        let mut add = |of_last: bool, beside: bool, size: usize| {
            let rest = if beside { full } else { (0, 0) };
            let of = |l: usize| {
                if (l == last) == of_last {
                    (kind.size)(size, beside)
                } else {
                    rest
                }
            };
            plans.push(resized(plan, shape, of));
        };
        for (of_last, sizes) in [(false, &inner), (true, &at_last)] {
            for beside in [false, true] {
                std::iter::once(&0)
                    .chain(sizes)
                    .for_each(|&size| add(of_last, beside, size));
            }
        }
        let timed = stopwatch(&plans)?;
        let full_ms = timed[0].ms;
        // Ratios within rounds shake less than times do.
        let ms: Vec<f64> = timed.iter().map(|t| full_ms / t.speedup).collect();
        let curve = |sizes: &[usize], ms: &[f64], layers: usize| {
            let (alone, beside) = ms.split_at(ms.len() / 2);
            let costs = alone[1..]
                .iter()
                .zip(&beside[1..])
                .map(|(a, b)| (a - alone[0] + b - beside[0]) / 2.0 / layers.max(1) as f64);
            CostCurve::new(sizes.iter().copied().zip(costs).collect())
        };
        let (of_inner, of_last) = ms[2..].split_at(2 * (1 + inner.len()));
        Ok(Self {
            full_ms,
            floor_ms: ms[1],
            inner: curve(&inner, of_inner, last),
            last: curve(&at_last, of_last, 1),
        })
    }
}

/// At most `points` sizes, evenly spaced multiples of `step` and `most` itself.
fn grid(most: usize, step: usize, points: usize) -> Vec<usize> {
    let at = |i: usize| {
        if i == points {
            most
        } else {
            (most * i / points).next_multiple_of(step)
        }
    };
    let mut sizes: Vec<usize> = (1..=points).map(at).collect();
    sizes.retain(|&size| size > 0 && size <= most);
    sizes.dedup();
    sizes
}

#[cfg(test)]
mod tests {
    use act_core::testing::{TinyOptions, tiny_artifact};
    use act_core::{Encoding, LayerPlan};

    use super::super::setting::{LatencySetting, Precision, Serving};
    use super::*;

    /// Time as a machine might have it: additive, the last layer cheap, widths in panels.
    fn ideal_ms(plan: &Plan) -> f64 {
        let last = plan.layers.len() - 1;
        let layers = plan.layers.iter().enumerate().map(|(l, layer)| {
            let panels = layer.intermediate_size.div_ceil(COLUMN_BLOCK);
            let ms = 0.3 * layer.heads() as f64 + 0.2 * panels as f64;
            if l == last { 0.1 * ms } else { ms }
        });
        1.0 + layers.sum::<f64>()
    }

    fn table(layers: usize) -> (LatencyTable, Plan) {
        let mut stopwatch = |plans: &[Plan]| Ok(timed(plans, &ideal_ms));
        measured(layers, &mut stopwatch)
    }

    fn timed(plans: &[Plan], ms: &dyn Fn(&Plan) -> f64) -> Vec<Timed> {
        let timed = |plan| Timed {
            ms: ms(plan),
            speedup: ms(&plans[0]) / ms(plan),
        };
        plans.iter().map(timed).collect()
    }

    fn measured(layers: usize, stopwatch: &mut Stopwatch<'_>) -> (LatencyTable, Plan) {
        let options = TinyOptions {
            layers: vec![LayerPlan::full(4, 2, 128); layers],
            ..TinyOptions::default()
        };
        let plan = tiny_artifact(1, &options).plan;
        let example = Encoding {
            input_ids: vec![1; 9],
            token_type_ids: vec![0; 9],
        };
        let serving = Serving {
            precision: Precision::F32,
            batch: 1,
            threads: 1,
        };
        let setting = LatencySetting::new(serving, &[example]).unwrap();
        let fingerprint = Fingerprint::new(&plan, &setting).unwrap();
        let table = LatencyTable::measure(fingerprint, &plan, stopwatch).unwrap();
        (table, plan)
    }

    #[test]
    fn predicts_an_additive_machine_exactly() {
        for layers in [1, 2, 3] {
            let (table, mut plan) = table(layers);
            assert!(table.is_sound());
            assert!((table.full_ms - ideal_ms(&plan)).abs() < 1e-9);
            for (l, heads, width) in [(0, 2, 64), (layers - 1, 3, 96), (0, 0, 32), (0, 1, 0)] {
                plan.layers[l] = LayerPlan::full(heads, 2, width);
                let (predicted, ideal) = (table.predict(&plan), ideal_ms(&plan));
                assert!(
                    (predicted - ideal).abs() < 1e-9,
                    "{predicted} is not {ideal}"
                );
            }
        }
    }

    /// A machine on which the kinds of blocks slow each other, as weights do that share a cache.
    #[test]
    fn interplay_of_two_kinds_is_shared() {
        let ms = |plan: &Plan| {
            let sum = |size: fn(&LayerPlan) -> usize| plan.layers.iter().map(size).sum::<usize>();
            let (heads, neurons) = (sum(LayerPlan::heads), sum(|l| l.intermediate_size));
            ideal_ms(plan) + (heads * neurons) as f64 / 1000.0
        };
        let (table, plan) = measured(1, &mut |plans| Ok(timed(plans, &ms)));
        assert!((table.predict(&plan) - ms(&plan)).abs() < 1e-9);
        assert!(table.apart() < 1e-9);
    }

    #[test]
    fn a_disturbed_table_is_measured_again() {
        let mut races = 0;
        let (table, plan) = measured(2, &mut |plans| {
            races += 1;
            let mut timed = timed(plans, &ideal_ms);
            if races <= 2 {
                // Something slowed the full network alone.
                timed.iter_mut().skip(1).for_each(|t| t.speedup *= 1.5);
                timed[0].ms *= 1.5;
                timed[1].speedup *= 2.0;
            }
            Ok(timed)
        });
        assert_eq!(races, 4);
        assert!((table.predict(&plan) - ideal_ms(&plan)).abs() < 1e-9);
    }

    #[test]
    fn grids_end_at_the_whole() {
        assert_eq!(grid(12, 1, 12), (1..=12).collect::<Vec<_>>());
        assert_eq!(grid(4, 1, 3), [1, 2, 4]);
        assert_eq!(grid(3072, 32, 3), [1024, 2048, 3072]);
        assert_eq!(grid(70, 32, 12), [32, 64, 70]);
        assert!(grid(0, 1, 12).is_empty());
    }
}
