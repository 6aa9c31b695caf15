//! SmoothQuant (Xiao et al. 2023, section 4): a channel with outliers is divided by a factor, and
//! the weights that read it are multiplied by the same one. The division goes into whatever made the
//! channel, so that the float model's answers stay and nothing is added to the forward pass.
//!
//! That is exact only where nobody else reads the channel and nothing non-linear lies between:
//! the heads' context (made by the value projection), the neurons of a ReLU, which lets a positive
//! factor through, and the pooler's input (made by the last norm). The other norms of a BERT feed
//! the residual stream too (SmoothQuant is made for norms *before* the blocks), and GELU lets no
//! factor through: those sites cannot be smoothed here.

use std::collections::BTreeMap;

use act_core::{Activation, Artifact, Linear, Norm, Plan, Result};

use crate::shift::{self, Route};

/// What makes the input of a linear, if a factor a channel can be moved into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The rows of another linear.
    Linear(Linear),
    /// A norm's gamma and beta.
    Norm(Norm),
}

/// Where the input of `linear` comes from, if it can be smoothed.
pub fn source(plan: &Plan, linear: Linear) -> Option<Source> {
    match linear {
        Linear::AttentionOutput(l) => Some(Source::Linear(Linear::Value(l))),
        Linear::Output(l) if plan.hidden_act == Activation::Relu => {
            Some(Source::Linear(Linear::Intermediate(l)))
        }
        Linear::Pooler => Some(Source::Norm(match plan.layers.len() {
            0 => Norm::Embeddings,
            layers => Norm::Output(layers - 1),
        })),
        _ => None,
    }
}

/// Factor of each channel: `max |x|^alpha / max |w|^(1 - alpha)` (equation 4); 1 where the channel or
/// its weights are all zero.
pub fn factors(peaks: &[f32], weights: &[f32], alpha: f64) -> Vec<f32> {
    let mut weight_peaks = vec![0f32; peaks.len()];
    for row in weights.chunks_exact(peaks.len().max(1)) {
        for (peak, w) in weight_peaks.iter_mut().zip(row) {
            *peak = peak.max(w.abs());
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

/// A float model some of whose tensors have been rewritten.
pub struct Rewritten<'a> {
    model: &'a Artifact,
    tensors: BTreeMap<String, Vec<f32>>,
}

impl<'a> Rewritten<'a> {
    /// The model as it is.
    pub fn new(model: &'a Artifact) -> Self {
        Self {
            model,
            tensors: BTreeMap::new(),
        }
    }

    /// A tensor as it is now.
    ///
    /// # Errors
    /// Rejected: the model has no such tensor.
    pub fn f32(&self, name: &str) -> Result<&[f32]> {
        match self.tensors.get(name) {
            Some(values) => Ok(values),
            None => self.model.params.f32(name),
        }
    }

    /// True if the tensor is not the model's any more.
    pub fn changed(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The rewritten tensors.
    pub fn into_tensors(self) -> BTreeMap<String, Vec<f32>> {
        self.tensors
    }

    /// Divides the channels that `source` makes and multiplies the columns of `linear`'s weight.
    ///
    /// # Errors
    /// Rejected: the model lacks a tensor.
    pub fn smooth(&mut self, source: Source, linear: Linear, factors: &[f32]) -> Result<()> {
        let (weight, bias) = match source {
            Source::Linear(from) => (from.weight(), from.bias()),
            Source::Norm(norm) => (norm.weight(), norm.bias()),
        };
        for name in [weight, bias] {
            self.update(&name, |values| {
                let width = values.len() / factors.len();
                for (row, s) in values.chunks_exact_mut(width).zip(factors) {
                    row.iter_mut().for_each(|v| *v /= s);
                }
            })?;
        }
        self.update(&linear.weight(), |values| {
            for row in values.chunks_exact_mut(factors.len()) {
                row.iter_mut().zip(factors).for_each(|(w, s)| *w *= s);
            }
        })
    }

    /// Takes `shift` off the channels that the route's source makes and that `readers` read, and
    /// gives it back to the residual stream. Comes before any smoothing.
    ///
    /// # Errors
    /// Rejected: the model lacks a tensor.
    pub fn shift(&mut self, route: Route, readers: &[Linear], shift: &[f32]) -> Result<()> {
        let bias = match route.source {
            Source::Linear(from) => from.bias(),
            Source::Norm(norm) => norm.bias(),
        };
        let off: Vec<f32> = shift.iter().map(|z| -z).collect();
        self.add(&bias, &off)?;
        for reader in readers {
            let taken = shift::taken_up(self.f32(&reader.weight())?, shift);
            self.add(&reader.bias(), &taken)?;
        }
        match route.residual {
            Some(linear) => self.add(&linear.bias(), shift),
            None => Ok(()),
        }
    }

    /// Adds `numbers` to a bias.
    ///
    /// # Errors
    /// Rejected: the model lacks the tensor.
    pub fn add(&mut self, bias: &str, numbers: &[f32]) -> Result<()> {
        self.update(bias, |values| {
            values.iter_mut().zip(numbers).for_each(|(b, c)| *b += c);
        })
    }

    fn update(&mut self, name: &str, change: impl FnOnce(&mut [f32])) -> Result<()> {
        let mut values = self.f32(name)?.to_vec();
        change(&mut values);
        self.tensors.insert(name.to_string(), values);
        Ok(())
    }
}
