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
    passes: &mut Passes<'_>,
) -> Result<Artifact> {
    let whole = Engine::new(original.clone())?;
    let mut engine = Engine::new(pruned.clone())?;
    let mut streams = passes.embed(&whole)?;
    let mut streams_now = streams.clone();
    let mut intact = true;
    for layer in 0..original.plan.layers.len() {
        for block in Block::of_layer(layer) {
            let (before, _) = block.structures(&original.plan.layers);
            let (count, size) = block.structures(&pruned.plan.layers);
            intact &= count == before;
            let beyond_repair = count == 0 && repair == Repair::Rescale;
            if intact || before == 0 || beyond_repair {
                continue;
            }
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
