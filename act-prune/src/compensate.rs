//! Repairs a pruned model block by block, front to back, on calibration activations.
//!
//! Each block's output projection is fitted to what the original's residual stream was behind it,
//! with the inputs that the model repaired so far gives: later blocks make up for what earlier ones
//! could not. Nothing is trained, and no label is read.

use act_core::{Artifact, Result};
use act_infer::Engine;

use crate::block::{Block, affine, set_affine};
use crate::moments::{Moments, mean_output};
use crate::passes::Passes;
use crate::refit::{DAMPING, refit};
use crate::rescale::rescale;

/// What may change in an output projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// A factor for each structure: Kwon et al.'s mask tuning.
    Rescale,
    /// Every weight and the bias: optimal brain surgeon's compensation.
    Refit,
}

/// Repairs `pruned`, which [`shrink`](crate::shrink::shrink) has cut out of `original`; blocks
/// before the first that has lost something stay as they are.
pub fn repair(
    original: &Artifact,
    mut pruned: Artifact,
    repair: Repair,
    passes: &Passes<'_>,
) -> Result<Artifact> {
    let broken = broken(original, &pruned, repair);
    passes.begin("repairing", work(&broken, original, &pruned) * passes.len());
    let whole = Engine::new(original.clone())?;
    let mut engine = Engine::new(pruned.clone())?;
    let mut streams = passes.embed(&whole)?;
    let mut streams_now = streams.clone();
    for layer in 0..original.plan.layers.len() {
        for block in Block::of_layer(layer) {
            if !broken.contains(&block) {
                continue;
            }
            let (count, size) = block.structures(&pruned.plan.layers);
            let weights = affine(original, block.output())?;
            let mended = if count == 0 {
                mean_output(&whole, &mut streams, &weights, block, passes)?
            } else {
                let (then, now) = ((&whole, &streams[..]), (&engine, &streams_now[..]));
                let moments = Moments::between(then, now, &weights, block, passes)?;
                let weights = affine(&pruned, block.output())?;
                passes.install(|| match repair {
                    Repair::Rescale => rescale(&moments, &weights, size, block),
                    Repair::Refit => refit(&moments, &weights, DAMPING, block),
                })?
            };
            set_affine(&mut pruned, block.output(), &mended);
            engine = Engine::new(pruned.clone())?;
        }
        passes.step(&whole, &mut streams)?;
        passes.step(&engine, &mut streams_now)?;
    }
    Ok(pruned)
}

/// The blocks to repair: those that have something to repair, from the first that has lost something.
fn broken(original: &Artifact, pruned: &Artifact, repair: Repair) -> Vec<Block> {
    let blocks = (0..original.plan.layers.len()).flat_map(Block::of_layer);
    let counts = blocks.map(|block| {
        let count = |artifact: &Artifact| block.structures(&artifact.plan.layers).0;
        (block, count(original), count(pruned))
    });
    let from_first = counts.skip_while(|(_, before, now)| before == now);
    let repaired = from_first.filter(|(_, before, now)| {
        let beyond_repair = *now == 0 && repair == Repair::Rescale;
        *before > 0 && !beyond_repair
    });
    repaired.map(|(block, ..)| block).collect()
}

/// How often [`repair`] takes every batch through a layer: through both models, and for each block
/// once more through both, or through the original alone where nothing is left of the block.
fn work(broken: &[Block], original: &Artifact, pruned: &Artifact) -> usize {
    let of_block = |block: &Block| match block.structures(&pruned.plan.layers) {
        (0, _) => 1,
        _ => 2,
    };
    2 * original.plan.layers.len() + broken.iter().map(of_block).sum::<usize>()
}
