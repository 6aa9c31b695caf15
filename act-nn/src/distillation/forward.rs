//! Logits of a finished model over many sequences, through act-infer.

use act_core::{Batch, Encoding, Error, Result};
use act_infer::Engine;

/// Sequences a batch; the engine computes no padding, so it sets memory and progress, not answers.
const BATCH_SIZE: usize = 64;

/// One row of logits a sequence, in order. `on_batch` is told the sequences done since the last
/// call and may stop by returning `false` (error: interrupted).
pub fn logits(
    engine: &Engine,
    encodings: &[Encoding],
    on_batch: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<Vec<f32>>> {
    let mut rows = Vec::with_capacity(encodings.len());
    for chunk in encodings.chunks(BATCH_SIZE) {
        rows.extend(engine.forward(&Batch::new(chunk))?);
        if !on_batch(chunk.len()) {
            return Err(Error::interrupted());
        }
    }
    Ok(rows)
}
