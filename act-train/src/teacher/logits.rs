//! Logits of a finished model over many sequences, through act-infer.

use act_core::{Batch, Encoding, Progress, Result};
use act_infer::Engine;

/// Sequences a batch; the engine computes no padding, so it sets memory and progress, not answers.
const BATCH_SIZE: usize = 64;

/// One row of logits a sequence, in order; `progress` is told the sequences.
///
/// # Errors
/// Those of the engine. Interrupted.
pub fn logits(
    engine: &Engine,
    encodings: &[Encoding],
    progress: &dyn Progress,
) -> Result<Vec<Vec<f32>>> {
    let mut rows = Vec::with_capacity(encodings.len());
    for chunk in encodings.chunks(BATCH_SIZE) {
        rows.extend(engine.forward(&Batch::new(chunk))?);
        progress.advance(chunk.len())?;
    }
    Ok(rows)
}
