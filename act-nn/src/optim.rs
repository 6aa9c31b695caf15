//! Optimisers: AdamW (Loshchilov & Hutter 2019), Adam (Kingma & Ba 2015), momentum (Sutskever et al.
//! 2013) and plain gradient descent, with clipping by the norm of the whole gradient (Pascanu et
//! al. 2013).
//!
//! burn's own optimisers clip tensor by tensor and know no parameter groups; these leave biases and
//! norms undecayed and unpenalised. As in Paddle, penalties are added after clipping.

use act_core::Params;
use burn::tensor::Tensor;

use crate::backend::ActBackend;
use crate::update::{AdamStep, MomentumStep, SgdStep, Shared, Slot, Update, WholeStep};
use crate::weights::Weights;

/// Which optimiser, with its constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimizerOptions {
    /// The rule of the update.
    pub rule: UpdateRule,
    /// Coefficient of an L1 penalty on weights and embeddings.
    pub l1: f64,
    /// Coefficient of an L2 penalty on weights and embeddings.
    pub l2: f64,
    /// Global gradient norm above which gradients are scaled down; 0: off.
    pub grad_clip: f64,
}

/// How a gradient changes a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum UpdateRule {
    /// Adam, with AdamW's decoupled decay of weights and embeddings (0: plain Adam).
    Adam {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the root of the second moment.
        eps: f64,
        /// Decoupled decay.
        weight_decay: f64,
    },
    /// Momentum, as Paddle and PyTorch have it: the velocity is no average.
    Momentum {
        /// Share of the old velocity that is kept.
        momentum: f64,
        /// Nesterov's form.
        nesterov: bool,
    },
    /// Gradient descent.
    Sgd,
}

impl OptimizerOptions {
    /// AdamW with the constants of its authors (Loshchilov & Hutter 2019), gradients clipped at norm 1.
    pub const ADAMW: Self = Self {
        rule: UpdateRule::Adam {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.01,
        },
        l1: 0.0,
        l2: 0.0,
        grad_clip: 1.0,
    };

    /// Of what is never optimised.
    pub(crate) const NONE: Self = Self {
        rule: UpdateRule::Sgd,
        l1: 0.0,
        l2: 0.0,
        grad_clip: 0.0,
    };

    /// Tensors of state that each parameter has.
    pub(crate) fn moments(&self) -> usize {
        match self.rule {
            UpdateRule::Adam { .. } => 2,
            UpdateRule::Momentum { .. } => 1,
            UpdateRule::Sgd => 0,
        }
    }

    /// Step number `step` (from 1): for weights if `decayed`, else for biases and norms.
    pub(crate) fn update(
        &self,
        step: usize,
        learning_rate: f64,
        scale: f64,
        decayed: bool,
    ) -> Update {
        let only = |value: f64| if decayed { value } else { 0.0 };
        let shared = Shared {
            gradient_scale: scale as f32,
            l1: only(self.l1) as f32,
            l2: only(self.l2) as f32,
        };
        let steps = i32::try_from(step).unwrap_or(i32::MAX);
        match self.rule {
            UpdateRule::Adam {
                beta1,
                beta2,
                eps,
                weight_decay,
            } => Update::Adam(AdamStep {
                shared,
                beta1: beta1 as f32,
                beta2: beta2 as f32,
                rest1: (1.0 - beta1) as f32,
                rest2: (1.0 - beta2) as f32,
                eps: eps as f32,
                rate: (learning_rate / (1.0 - beta1.powi(steps))) as f32,
                correction2: (1.0 / (1.0 - beta2.powi(steps))) as f32,
                keep: (1.0 - learning_rate * only(weight_decay)) as f32,
            }),
            UpdateRule::Momentum { momentum, nesterov } => Update::Momentum(MomentumStep {
                shared,
                momentum: momentum as f32,
                nesterov,
                rate: learning_rate as f32,
            }),
            UpdateRule::Sgd => Update::Sgd(SgdStep {
                shared,
                rate: learning_rate as f32,
            }),
        }
    }
}

/// Parameters and the optimiser's state of them.
pub(crate) struct Optimizer<B: ActBackend> {
    slots: Vec<Slot<B>>,
    decayed: Vec<bool>,
    options: OptimizerOptions,
}

impl<B: ActBackend> Optimizer<B> {
    /// Takes over the parameters; the state is `moments`, or zero.
    pub(crate) fn new(
        weights: &Weights<B>,
        options: OptimizerOptions,
        moments: Option<Vec<Weights<B>>>,
    ) -> Self {
        let zeros = |value: &Tensor<B, 2>| vec![value.zeros_like(); options.moments()];
        let of = |place: usize, value: &Tensor<B, 2>| match &moments {
            None => zeros(value),
            Some(all) => all.iter().map(|m| m.tensors[place].clone()).collect(),
        };
        let slots = weights
            .tensors
            .iter()
            .enumerate()
            .map(|(place, value)| Slot {
                value: value.clone(),
                moments: of(place, value),
            });
        // In a BERT exactly the biases and the norms' parameters are 1-D.
        let decayed = weights.layout.specs.iter().map(|s| s.shape.len() > 1);
        Self {
            slots: slots.collect(),
            decayed: decayed.collect(),
            options,
        }
    }

    /// Step number `step` (from 1), on the current rayon pool; `weights` then hold the new values.
    /// Returns the gradient's norm before clipping.
    pub(crate) fn step(
        &mut self,
        weights: &mut Weights<B>,
        gradients: Vec<Tensor<B, 2>>,
        step: usize,
        learning_rate: f64,
    ) -> f64 {
        let options = self.options;
        let whole = WholeStep {
            clip: options.grad_clip,
            decayed: &self.decayed,
            update: &|scale, decayed| options.update(step, learning_rate, scale, decayed),
        };
        // The only other handle on each value, so that the update can be done in place.
        weights.tensors.clear();
        let slots = std::mem::take(&mut self.slots);
        let (slots, norm) = B::step(slots, gradients, &whole);
        self.slots = slots;
        weights.tensors = self.slots.iter().map(|s| s.value.clone()).collect();
        norm
    }

    /// Moment `which` of every parameter, by the parameter's name.
    pub(crate) fn moment(&self, which: usize, weights: &Weights<B>) -> Params {
        let tensors = self.slots.iter().map(|s| s.moments[which].clone());
        let tensors = tensors.collect();
        let layout = weights.layout.clone();
        Weights::new(layout, tensors).to_params()
    }
}

#[cfg(all(test, feature = "ndarray"))]
mod tests;
