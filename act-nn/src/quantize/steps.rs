//! Learned steps. What the optimiser moves is their ratio to where they began: its rate is then a
//! share of the step, whether weights of 0.05 or activations of 20 lie behind it, and the beginning
//! is reproduced to the bit.

use crate::kernels::update::update;
use crate::update::Update;

/// No step falls below this share of where it began: it must stay above zero.
const LEAST_RATIO: f32 = 1.0 / 64.0;

/// Steps and the optimiser's state of them.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    start: Vec<f32>,
    ratios: Vec<f32>,
    moments: Vec<Vec<f32>>,
}

impl Steps {
    /// Nothing learned; the optimiser has so many moments.
    pub(super) fn new(start: Vec<f32>, moments: usize) -> Self {
        Self {
            ratios: vec![1.0; start.len()],
            moments: vec![vec![0.0; start.len()]; moments],
            start,
        }
    }

    /// The steps.
    pub(super) fn values(&self) -> Vec<f32> {
        let steps = self.start.iter().zip(&self.ratios);
        steps.map(|(s, r)| s * r.max(LEAST_RATIO)).collect()
    }

    /// What the optimiser has changed: ratios and moments.
    pub(super) fn learned(&mut self) -> impl Iterator<Item = &mut f32> {
        self.ratios
            .iter_mut()
            .chain(self.moments.iter_mut().flatten())
    }

    /// One step of the optimiser, from the gradients of the values.
    pub(super) fn advance(&mut self, gradients: &[f32], how: &Update) {
        let scaled = gradients.iter().zip(&self.start).map(|(g, s)| g * s);
        let gradients: Vec<f32> = scaled.collect();
        let moments = self.moments.iter_mut().map(Vec::as_mut_slice);
        update(
            &mut self.ratios,
            &gradients,
            &mut moments.collect::<Vec<_>>(),
            how,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::OptimizerOptions;

    #[test]
    fn a_step_moves_by_a_share_of_itself_and_stays_above_zero() {
        let options = OptimizerOptions {
            rule: OptimizerOptions::ADAMW.rule,
            ..OptimizerOptions::NONE
        };
        let mut steps = Steps::new(vec![0.1, 20.0], options.moments());
        assert_eq!(steps.values(), [0.1, 20.0]);
        steps.advance(&[5.0, -1e-3], &options.update(1, 0.01, 1.0, false));
        let moved = steps.values();
        assert!((moved[0] / 0.1 - 0.99).abs() < 1e-4, "{moved:?}");
        assert!((moved[1] / 20.0 - 1.01).abs() < 1e-4, "{moved:?}");
        for step in 2..400 {
            steps.advance(&[5.0, 0.0], &options.update(step, 0.01, 1.0, false));
        }
        assert_eq!(steps.values()[0], 0.1 * LEAST_RATIO);
    }
}
