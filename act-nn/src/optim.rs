//! AdamW (Loshchilov & Hutter 2019) with global gradient-norm clipping over all parameters.
//!
//! burn's own optimiser clips tensor by tensor and knows no parameter groups; this one clips by
//! the norm of the whole gradient (Pascanu et al. 2013) and leaves biases and norms undecayed.

use burn::tensor::Tensor;
use rayon::prelude::*;

use crate::backend::{ActBackend, Slot};
use crate::weights::Weights;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPS: f64 = 1e-8;

/// The numbers of one step, the same for all elements of a parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamWStep {
    /// Factor of the gradient (clipping).
    pub(crate) gradient_scale: f32,
    pub(crate) beta1: f32,
    pub(crate) beta2: f32,
    pub(crate) eps: f32,
    /// Learning rate with the first moment's bias correction.
    pub(crate) rate: f32,
    /// Bias correction of the second moment.
    pub(crate) correction2: f32,
    /// What decay leaves of the value: `1 - learning rate * weight decay`.
    pub(crate) keep: f32,
}

/// Parameters and their moments.
pub(crate) struct AdamW<B: ActBackend> {
    slots: Vec<Slot<B>>,
    decayed: Vec<bool>,
    weight_decay: f64,
    grad_clip: f64,
    steps: i32,
}

impl<B: ActBackend> AdamW<B> {
    /// Takes over the parameters. `grad_clip` 0 switches clipping off.
    pub(crate) fn new(weights: &Weights<B>, weight_decay: f64, grad_clip: f64) -> Self {
        let slots = weights.tensors.iter().map(|value| Slot {
            value: value.clone(),
            first: value.zeros_like(),
            second: value.zeros_like(),
        });
        // In a BERT exactly the biases and the norms' parameters are 1-D.
        let decayed = weights.layout.specs.iter().map(|s| s.shape.len() > 1);
        Self {
            slots: slots.collect(),
            decayed: decayed.collect(),
            weight_decay,
            grad_clip,
            steps: 0,
        }
    }

    /// One step, on the current rayon pool; `weights` then hold the new values. Returns the
    /// gradient's norm before clipping.
    pub(crate) fn step(
        &mut self,
        weights: &mut Weights<B>,
        gradients: Vec<Tensor<B, 2>>,
        learning_rate: f64,
    ) -> f64 {
        let squares: Vec<f64> = gradients.par_iter().map(B::sum_of_squares).collect();
        let norm = squares.iter().sum::<f64>().sqrt();
        let scale = match self.grad_clip > 0.0 && norm > self.grad_clip {
            true => self.grad_clip / norm,
            false => 1.0,
        };
        self.steps += 1;
        let step = AdamWStep {
            gradient_scale: scale as f32,
            beta1: BETA1 as f32,
            beta2: BETA2 as f32,
            eps: EPS as f32,
            rate: (learning_rate / (1.0 - BETA1.powi(self.steps))) as f32,
            correction2: (1.0 / (1.0 - BETA2.powi(self.steps))) as f32,
            keep: 1.0,
        };
        let decaying = AdamWStep {
            keep: (1.0 - learning_rate * self.weight_decay) as f32,
            ..step
        };
        // The only other handle on each value, so that the update can be done in place.
        weights.tensors.clear();
        let slots = std::mem::take(&mut self.slots).into_par_iter();
        self.slots = slots
            .zip(gradients)
            .zip(&self.decayed)
            .map(|((slot, gradient), decayed)| {
                B::adamw(slot, &gradient, if *decayed { &decaying } else { &step })
            })
            .collect();
        weights.tensors = self.slots.iter().map(|s| s.value.clone()).collect();
        norm
    }
}

#[cfg(all(test, feature = "ndarray"))]
mod tests {
    use act_core::testing::{TinyOptions, tiny_artifact};
    use burn::backend::NdArray;

    use super::*;
    use crate::gradcheck::{Reference, random, to_f64};

    /// AdamW as PyTorch's documentation writes it, one element at a time in `f64`.
    fn expected(value: f64, gradients: &[f64], rates: &[f64], decay: f64) -> f64 {
        let (mut value, mut m, mut v) = (value, 0.0, 0.0);
        for (t, (g, rate)) in gradients.iter().zip(rates).enumerate() {
            value *= 1.0 - rate * decay;
            m = BETA1 * m + (1.0 - BETA1) * g;
            v = BETA2 * v + (1.0 - BETA2) * g * g;
            let m_hat = m / (1.0 - BETA1.powi(t as i32 + 1));
            let v_hat = v / (1.0 - BETA2.powi(t as i32 + 1));
            value -= rate * m_hat / (v_hat.sqrt() + EPS);
        }
        value
    }

    fn three_steps<B: ActBackend>(tolerance: f64) {
        const CLIP: f64 = 5.0;
        const RATES: [f64; 3] = [1e-2, 5e-3, 2e-2];
        let artifact = tiny_artifact(1, &TinyOptions::default());
        let device = Default::default();
        let mut weights = Weights::<B>::load(&artifact, &device).unwrap();
        let before: Vec<Vec<f64>> = weights.tensors.iter().map(to_f64).collect();
        let mut optimizer = AdamW::new(&weights, 0.1, CLIP);
        let mut clipped: Vec<Vec<Vec<f64>>> = Vec::new();
        for (step, rate) in RATES.into_iter().enumerate() {
            // The second gradient is small enough not to be clipped.
            let size = if step == 1 { 1e-3 } else { 1.0 };
            let gradient = |(i, t): (usize, &Tensor<B, 2>)| {
                let [rows, columns] = t.dims();
                let values = random((100 * step + i) as u64, rows * columns);
                let values: Vec<f32> = values.iter().map(|v| v * size).collect();
                crate::backend::tensor::<B, 2>(values, [rows, columns], &device)
            };
            let gradients: Vec<_> = weights.tensors.iter().enumerate().map(gradient).collect();
            let values: Vec<Vec<f64>> = gradients.iter().map(to_f64).collect();
            let norm = values.iter().flatten().map(|g| g * g).sum::<f64>().sqrt();
            assert_eq!(norm > CLIP, step != 1);
            let scale = (CLIP / norm).min(1.0);
            let scaled = |g: &Vec<f64>| g.iter().map(|g| g * scale).collect();
            clipped.push(values.iter().map(scaled).collect());
            let reported = optimizer.step(&mut weights, gradients, rate);
            assert!((reported - norm).abs() < 1e-5 * norm);
        }
        for (i, (tensor, spec)) in weights
            .tensors
            .iter()
            .zip(&weights.layout.specs)
            .enumerate()
        {
            let is_bias_or_norm = spec.name.ends_with("bias") || spec.name.contains("LayerNorm");
            let decay = if is_bias_or_norm { 0.0 } else { 0.1 };
            for (e, got) in to_f64(tensor).into_iter().enumerate() {
                let gradients = [0, 1, 2].map(|step| clipped[step][i][e]);
                let want = expected(before[i][e], &gradients, &RATES, decay);
                assert!(
                    (got - want).abs() < tolerance,
                    "{}[{e}]: {got} {want}",
                    spec.name
                );
            }
        }
    }

    #[test]
    fn fused_and_default_steps_equal_the_formula() {
        three_steps::<NdArray>(1e-6);
        three_steps::<Reference>(1e-6);
    }
}
