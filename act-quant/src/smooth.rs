//! SmoothQuant (Xiao et al. 2023, section 4): a channel with outliers is divided by a factor, and
//! the weights that read it are multiplied by the same one. The division goes into whatever made the
//! channel, so that the float model's answers stay and nothing is added to the forward pass.
//!
//! That is exact only where nobody else reads the channel and nothing non-linear lies between:
//! the heads' context (made by the value projection), the neurons of a ReLU, which lets a positive
//! factor through, those that a gate multiplies, whatever their activation, the pooler's input (made by the last norm), and that of the embeddings' projection
//! (made by their norm). The other norms of a BERT feed
//! the residual stream too (SmoothQuant is made for norms *before* the blocks), and GELU lets no
//! factor through: there the engine multiplies each channel by the inverse of its factor when it
//! quantises it, which costs nothing where that is a multiplication already.

use act_core::{Activation, Linear, Norm, Plan};

use crate::producer::Producer;

/// What makes the input of `linear`, if a factor can be moved into it.
pub fn producer(plan: &Plan, linear: Linear) -> Option<Producer> {
    match linear {
        Linear::AttentionOutput(l) => Some(Producer::Linear(Linear::Value(l))),
        Linear::Output(l) if plan.block.gated => Some(Producer::Linear(Linear::Gate(l))),
        Linear::Output(l) if plan.block.activation == Activation::Relu => {
            Some(Producer::Linear(Linear::Intermediate(l)))
        }
        Linear::Pooler => Producer::before(plan, plan.layers.len()),
        Linear::EmbeddingProjection => Some(Producer::Norm(Norm::Embeddings)),
        _ => None,
    }
}

/// Factor of each channel: `max |x|^alpha / max |w|^(1 - alpha)` (equation 4), over the weights of all
/// readers, `[outputs, channels]` each; 1 where the channel or its weights are all zero.
pub fn factors(peaks: &[f32], readers: &[&[f32]], alpha: f64) -> Vec<f32> {
    let mut weight_peaks = vec![0f32; peaks.len()];
    for weights in readers {
        for row in weights.chunks_exact(peaks.len().max(1)) {
            for (peak, w) in weight_peaks.iter_mut().zip(row) {
                *peak = peak.max(w.abs());
            }
        }
    }
    let channels = peaks.iter().zip(&weight_peaks);
    channels
        .map(|(&x, &w)| {
            let factor = f64::from(x).powf(alpha) / f64::from(w).powf(1.0 - alpha);
            let usable = x > 0.0 && w > 0.0 && (factor as f32).is_normal();
            if usable { factor as f32 } else { 1.0 }
        })
        .collect()
}

/// At run time no factor is a smaller part of the largest, which is 1: what is hardly ever seen needs no
/// steps of its own, and a step must be a number.
const LEAST: f32 = 1.0 / 4096.0;

/// The multipliers of channels that take these factors off: the inverses, up to a number for all of them.
pub fn multiplier(factors: &[f32]) -> Vec<f32> {
    let largest = factors.iter().copied().fold(0.0, f32::max);
    let of_channel = |factor: &f32| 1.0 / (factor / largest).max(LEAST);
    factors.iter().map(of_channel).collect()
}
