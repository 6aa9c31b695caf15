//! One step of an optimiser as numbers, the same for all elements of a parameter: what
//! [`crate::optim`] decides and the backends carry out.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// One parameter with the optimiser's state of it.
#[derive(Debug, Clone)]
pub(crate) struct Slot<B: Backend> {
    pub(crate) value: Tensor<B, 2>,
    /// As many as [`Update::moments`] says, each of the value's shape.
    pub(crate) moments: Vec<Tensor<B, 2>>,
}

/// What becomes of a gradient, in all optimisers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared {
    /// Factor of the gradient (clipping).
    pub(crate) gradient_scale: f32,
    /// Coefficient of the L1 penalty.
    pub(crate) l1: f32,
    /// Coefficient of the L2 penalty.
    pub(crate) l2: f32,
}

/// The numbers of one step of Adam or AdamW.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamStep {
    pub(crate) shared: Shared,
    pub(crate) beta1: f32,
    pub(crate) beta2: f32,
    /// `1 - beta1` and `1 - beta2`, subtracted in double precision: 1 - 0.999 in single is off by
    /// 5e-5 of itself.
    pub(crate) rest1: f32,
    pub(crate) rest2: f32,
    pub(crate) eps: f32,
    /// Learning rate with the first moment's bias correction.
    pub(crate) rate: f32,
    /// Bias correction of the second moment.
    pub(crate) correction2: f32,
    /// What decay leaves of the value: `1 - learning rate * weight decay`.
    pub(crate) keep: f32,
}

/// The numbers of one step of momentum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MomentumStep {
    pub(crate) shared: Shared,
    pub(crate) momentum: f32,
    pub(crate) nesterov: bool,
    pub(crate) rate: f32,
}

/// The numbers of one step of gradient descent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SgdStep {
    pub(crate) shared: Shared,
    pub(crate) rate: f32,
}

/// One step, the same for all elements of a parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Update {
    Adam(AdamStep),
    Momentum(MomentumStep),
    Sgd(SgdStep),
}

impl Update {
    pub(crate) fn shared(&self) -> &Shared {
        match self {
            Update::Adam(step) => &step.shared,
            Update::Momentum(step) => &step.shared,
            Update::Sgd(step) => &step.shared,
        }
    }
}

/// One step of all parameters.
pub(crate) struct WholeStep<'a> {
    /// Norm of the whole gradient above which it is scaled down to it; 0: never.
    pub(crate) clip: f64,
    /// Which parameters are decayed and penalised.
    pub(crate) decayed: &'a [bool],
    /// What becomes of a parameter whose gradient is scaled by a factor: decayed or not.
    pub(crate) update: &'a (dyn Fn(f64, bool) -> Update + Sync),
}

impl WholeStep<'_> {
    /// The updates of parameters that are not decayed, and of those that are.
    pub(crate) fn updates(&self, scale: f64) -> [Update; 2] {
        [false, true].map(|decayed| (self.update)(scale, decayed))
    }
}
