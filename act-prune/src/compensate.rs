//! Repairs a pruned model block by block, front to back, on calibration activations.
//!
//! Each block's output projection is fitted to what the original's residual stream was behind it,
//! with the inputs that the model repaired so far gives: later blocks make up for what earlier ones
//! could not. Nothing is trained, and no label is read.

use act_core::{Artifact, Result};
use act_infer::Engine;

use crate::activations::{Block, Moments, Passes, affine, set_affine};
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
    let engine = Engine::new(original.clone())?;
    let mut intact = true;
    for block in Block::all(original.plan.layers.len()) {
        let (before, _) = block.structures(&original.plan.layers);
        let (count, size) = block.structures(&pruned.plan.layers);
        intact &= count == before;
        if intact || before == 0 {
            continue;
        }
        let mended = match (count, repair) {
            (0, Repair::Rescale) => continue,
            // The best constant in the place of a block is its mean.
            (0, Repair::Refit) => Moments::of_block(original, &engine, block, passes)?
                .cross
                .select_rows(&[0]),
            _ => {
                let moments = Moments::between((original, &engine), &pruned, block, passes)?;
                let weights = affine(&pruned, block.output())?;
                match repair {
                    Repair::Rescale => rescale(&moments, &weights, size, block)?,
                    Repair::Refit => refit(&moments, &weights, DAMPING, block)?,
                }
            }
        };
        set_affine(&mut pruned, block.output(), &mended);
    }
    Ok(pruned)
}
