//! What an encoder's blocks cost by size: measured once for a shape, summed up for any plan.
//!
//! Time is additive over blocks, as in ZipLM's (Kurtić, Frantar & Alistarh 2023, section 3.2) and
//! Kwon et al.'s (2022, section 4.1) tables. A block is measured where it will stand, among equal
//! blocks in a network of full depth, so that its weights come from the cache that they will come
//! from. The last layer has rows of its own: the engine computes little of it.

use act_core::report::Host;
use act_core::{Error, LayerPlan, Plan, Result};
use act_infer::{COLUMN_BLOCK, Engine};
use serde::{Deserialize, Serialize};

use super::{Curve, Setting, Timed, stand_in};

/// Sizes at which a block of an inner layer is measured, at most, and of the last.
const INNER_POINTS: usize = 12;
const LAST_POINTS: usize = 3;

/// The largest layer of an encoder and what else its time depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Heads of the layer that has most.
    pub heads: usize,
    /// Size of a head.
    pub head_dim: usize,
    /// Neurons of the layer that has most.
    pub intermediate_size: usize,
    /// Activation, by name.
    pub hidden_act: String,
    /// Family, by name.
    pub family: String,
    /// Classes.
    pub num_labels: usize,
}

impl Shape {
    /// The shape around all layers of a plan.
    ///
    /// # Errors
    /// Usage: heads of different sizes, which no table holds.
    pub fn around(plan: &Plan) -> Result<Self> {
        let with_heads = || plan.layers.iter().filter(|l| l.heads() > 0);
        let head_dim = with_heads().map(|l| l.head_dim).max().unwrap_or(1);
        if with_heads().any(|l| l.head_dim != head_dim) {
            return Err(Error::usage(
                "heads differ in size from layer to layer: prune by Prune.pruned_ratio",
            ));
        }
        let most = |size: fn(&LayerPlan) -> usize| plan.layers.iter().map(size).max().unwrap_or(0);
        Ok(Self {
            layers: plan.layers.len(),
            hidden_size: plan.hidden_size,
            heads: most(LayerPlan::heads),
            head_dim,
            intermediate_size: most(|l| l.intermediate_size),
            hidden_act: plan.hidden_act.name().into(),
            family: plan.family.name().into(),
            num_labels: plan.num_labels,
        })
    }
}

/// What a table holds for: anything else is measured anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Version of act.
    pub version: String,
    /// Processor.
    pub cpu: String,
    /// Kernels of the engine.
    pub kernels: String,
    /// Model.
    pub shape: Shape,
    /// What is served and how.
    pub setting: Setting,
}

impl Fingerprint {
    /// For a plan on this machine.
    ///
    /// # Errors
    /// Those of [`Shape::around`] and of the engine.
    pub fn new(plan: &Plan, setting: &Setting) -> Result<Self> {
        let shape = Shape::around(plan)?;
        let smallest = resized(plan, &shape, |_| (0, 0));
        let engine = Engine::new(stand_in(&smallest, setting.precision))?;
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").into(),
            cpu: Host::detect().cpu,
            kernels: engine.kernels().into(),
            shape,
            setting: setting.clone(),
        })
    }
}

/// Milliseconds a sequence, block by block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// What it holds for.
    pub fingerprint: Fingerprint,
    /// All blocks at their largest.
    pub full_ms: f64,
    /// No block at all: embeddings, norms, pooler and classifier.
    pub floor_ms: f64,
    /// Attention of an inner layer, by heads.
    pub attention: Curve,
    /// Feed-forward of an inner layer, by neurons.
    pub feed_forward: Curve,
    /// Attention of the last layer.
    pub last_attention: Curve,
    /// Feed-forward of the last layer.
    pub last_feed_forward: Curve,
}

/// Times plans; the first is what speed-ups are over.
pub type Stopwatch<'a> = dyn FnMut(&[Plan]) -> Result<Vec<Timed>> + 'a;

impl Table {
    /// Measures the table of the fingerprint's shape; `plan` has the rest.
    pub fn measure(
        fingerprint: Fingerprint,
        plan: &Plan,
        stopwatch: &mut Stopwatch<'_>,
    ) -> Result<Self> {
        let shape = fingerprint.shape.clone();
        let (heads, width) = (shape.heads, shape.intermediate_size);
        let attention = Side::measure(plan, &shape, &|h| (h, 0), (heads, 1), stopwatch)?;
        let feed_forward =
            Side::measure(plan, &shape, &|w| (0, w), (width, COLUMN_BLOCK), stopwatch)?;
        let table = Self {
            fingerprint,
            full_ms: attention.full_ms,
            floor_ms: attention.floor_ms,
            attention: attention.inner,
            feed_forward: feed_forward.inner,
            last_attention: attention.last,
            last_feed_forward: feed_forward.last,
        };
        let full = resized(plan, &table.fingerprint.shape, |_| (heads, width));
        let sum = table.predict(&full);
        log::info!(
            "latency table: {:.3} ms a sequence in full, {:.3} ms without blocks; blocks add up to {:.1} % of the whole",
            table.full_ms,
            table.floor_ms,
            100.0 * sum / table.full_ms
        );
        Ok(table)
    }

    /// Milliseconds a sequence of a plan, the sum of its blocks.
    pub fn predict(&self, plan: &Plan) -> f64 {
        let last = plan.layers.len().saturating_sub(1);
        let blocks = plan.layers.iter().enumerate().map(|(l, layer)| {
            let (attention, feed_forward) = match l == last {
                true => (&self.last_attention, &self.last_feed_forward),
                false => (&self.attention, &self.feed_forward),
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
        let times = [self.full_ms, self.floor_ms];
        times.iter().all(|ms| ms.is_finite() && *ms > 0.0) && curves.iter().all(|c| c.is_sound())
    }
}

/// The curves of one kind of block.
struct Side {
    full_ms: f64,
    floor_ms: f64,
    inner: Curve,
    last: Curve,
}

impl Side {
    /// Measures blocks of up to `most`, multiples of `step`; `size` gives a layer's heads and
    /// neurons for one of them. All in one race with the full network and the empty one, whose
    /// times are taken off.
    fn measure(
        plan: &Plan,
        shape: &Shape,
        size: &dyn Fn(usize) -> (usize, usize),
        (most, step): (usize, usize),
        stopwatch: &mut Stopwatch<'_>,
    ) -> Result<Self> {
        let last = shape.layers - 1;
        let inner = grid(most, step, if last > 0 { INNER_POINTS } else { 0 });
        let at_last = grid(most, step, LAST_POINTS);
        let mut plans = vec![
            resized(plan, shape, |_| (shape.heads, shape.intermediate_size)),
            resized(plan, shape, |_| (0, 0)),
        ];
        let only = |where_: &dyn Fn(usize) -> bool, s: usize| {
            resized(plan, shape, |l| if where_(l) { size(s) } else { (0, 0) })
        };
        plans.extend(inner.iter().map(|&s| only(&|l| l < last, s)));
        plans.extend(at_last.iter().map(|&s| only(&|l| l == last, s)));

        let timed = stopwatch(&plans)?;
        let full_ms = timed[0].ms;
        // Ratios within rounds shake less than times do.
        let ms: Vec<f64> = timed.iter().map(|t| full_ms / t.speedup).collect();
        let floor_ms = ms[1];
        let curve = |sizes: &[usize], ms: &[f64], layers: usize| {
            let costs = ms.iter().map(|ms| (ms - floor_ms) / layers.max(1) as f64);
            Curve::new(sizes.iter().copied().zip(costs).collect())
        };
        let (of_inner, of_last) = ms[2..].split_at(inner.len());
        Ok(Self {
            full_ms,
            floor_ms,
            inner: curve(&inner, of_inner, last),
            last: curve(&at_last, of_last, 1),
        })
    }
}

/// The plan with the shape's layers, `size(layer)` heads and neurons in each.
fn resized(plan: &Plan, shape: &Shape, size: impl Fn(usize) -> (usize, usize)) -> Plan {
    let layer = |l| {
        let (heads, width) = size(l);
        LayerPlan::full(heads, shape.head_dim, width)
    };
    Plan {
        layers: (0..shape.layers).map(layer).collect(),
        ..plan.clone()
    }
}

/// At most `points` sizes, evenly spaced multiples of `step` and `most` itself.
fn grid(most: usize, step: usize, points: usize) -> Vec<usize> {
    let at = |i: usize| match i == points {
        true => most,
        false => (most * i / points).next_multiple_of(step),
    };
    let mut sizes: Vec<usize> = (1..=points).map(at).collect();
    sizes.retain(|&size| size > 0 && size <= most);
    sizes.dedup();
    sizes
}

#[cfg(test)]
mod tests {
    use act_core::Encoding;
    use act_core::testing::{TinyOptions, tiny_artifact};

    use super::super::Precision;
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

    fn table(layers: usize) -> (Table, Plan) {
        let options = TinyOptions {
            layers: vec![LayerPlan::full(4, 2, 128); layers],
            ..TinyOptions::default()
        };
        let plan = tiny_artifact(1, &options).plan;
        let example = Encoding {
            input_ids: vec![1; 9],
            token_type_ids: vec![0; 9],
        };
        let setting = Setting::new(Precision::F32, 1, 1, &[example]).unwrap();
        let fingerprint = Fingerprint::new(&plan, &setting).unwrap();
        let mut stopwatch = |plans: &[Plan]| {
            let first = ideal_ms(&plans[0]);
            let timed = |plan| Timed {
                ms: ideal_ms(plan),
                speedup: first / ideal_ms(plan),
            };
            Ok(plans.iter().map(timed).collect())
        };
        let table = Table::measure(fingerprint, &plan, &mut stopwatch).unwrap();
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

    #[test]
    fn grids_end_at_the_whole() {
        assert_eq!(grid(12, 1, 12), (1..=12).collect::<Vec<_>>());
        assert_eq!(grid(4, 1, 3), [1, 2, 4]);
        assert_eq!(grid(3072, 32, 3), [1024, 2048, 3072]);
        assert_eq!(grid(70, 32, 12), [32, 64, 70]);
        assert!(grid(0, 1, 12).is_empty());
    }

    #[test]
    fn heads_of_different_sizes_are_refused() {
        let (_, mut plan) = table(2);
        plan.layers[1].head_dim = 4;
        assert!(Shape::around(&plan).is_err());
        plan.layers[1].kept_heads.clear();
        assert_eq!(Shape::around(&plan).unwrap().head_dim, 2);
    }
}
