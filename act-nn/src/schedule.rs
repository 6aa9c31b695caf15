//! The learning rate of every step: warm-up and decay (Devlin et al. 2019, appendix A.2), or one of
//! Paddle's schedulers (`paddle.optimizer.lr`, 2.6, its closed formulas).
//!
//! A pure function of the step, so that a resumed run needs nothing but its position.

use act_stage::config::{LearningRate, LrDecay, Scheduler};

/// Learning rate as a function of the step.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    rate: LearningRate,
    decay: LrDecay,
    /// Steps of warm-up.
    warmup: usize,
    /// Steps of the run.
    total: usize,
}

impl Schedule {
    /// Of a run of `total` steps, of which the share `warmup_ratio` is warm-up. `decay` shapes a
    /// rate that is a number.
    pub(crate) fn new(rate: LearningRate, warmup_ratio: f64, decay: LrDecay, total: usize) -> Self {
        Self {
            rate,
            decay,
            warmup: (warmup_ratio * total as f64).round() as usize,
            total,
        }
    }

    /// The rate of a 1-based step.
    pub(crate) fn rate(&self, step: usize) -> f64 {
        let rate = match &self.rate {
            LearningRate::Scheduled(scheduler) => scheduled(scheduler, step - 1, self.total),
            LearningRate::Peak(peak) => peak * self.decayed(step),
        };
        match step < self.warmup {
            true => rate * step as f64 / self.warmup as f64,
            false => rate,
        }
    }

    /// What decay leaves of the peak.
    fn decayed(&self, step: usize) -> f64 {
        // The last step still learns a little: the rate would reach 0 one step after it.
        let left = (self.total + 1).saturating_sub(step);
        let falling = self.total + 1 - self.warmup;
        let share = (left as f64 / falling as f64).min(1.0);
        match self.decay {
            LrDecay::Linear => share,
            LrDecay::Cosine => 0.5 * (1.0 - (std::f64::consts::PI * share).cos()),
            LrDecay::Constant => 1.0,
        }
    }
}

/// A scheduler's rate after `t` steps of a run of `total`.
fn scheduled(scheduler: &Scheduler, t: usize, total: usize) -> f64 {
    let passed = |steps: &[usize]| steps.iter().filter(|&&step| t >= step).count();
    match scheduler {
        Scheduler::PiecewiseDecay { boundaries, values } => values[passed(boundaries)],
        Scheduler::CosineAnnealingDecay {
            learning_rate,
            t_max,
            eta_min,
        } => {
            let share = t as f64 / t_max.unwrap_or(total) as f64;
            let wave = 1.0 + (std::f64::consts::PI * share).cos();
            eta_min + (learning_rate - eta_min) * wave / 2.0
        }
        Scheduler::PolynomialDecay {
            learning_rate,
            decay_steps,
            end_lr,
            power,
            cycle,
        } => {
            let steps = decay_steps.unwrap_or(total);
            let (t, steps) = match cycle {
                true => (t, steps * t.div_ceil(steps).max(1)),
                false => (t.min(steps), steps),
            };
            let left = 1.0 - t as f64 / steps as f64;
            (learning_rate - end_lr) * left.powf(*power) + end_lr
        }
        Scheduler::LinearWarmup {
            learning_rate,
            warmup_steps,
            start_lr,
            end_lr,
        } => match (t.checked_sub(*warmup_steps), &**learning_rate) {
            (None, _) => start_lr + (end_lr - start_lr) * t as f64 / *warmup_steps as f64,
            (Some(_), LearningRate::Peak(rate)) => *rate,
            (Some(t), LearningRate::Scheduled(inner)) => {
                scheduled(inner, t, total.saturating_sub(*warmup_steps).max(1))
            }
        },
        Scheduler::ExponentialDecay {
            learning_rate,
            gamma,
        } => learning_rate * gamma.powf(t as f64),
        Scheduler::StepDecay {
            learning_rate,
            step_size,
            gamma,
        } => learning_rate * gamma.powf((t / step_size) as f64),
        Scheduler::MultiStepDecay {
            learning_rate,
            milestones,
            gamma,
        } => learning_rate * gamma.powf(passed(milestones) as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(rate: LearningRate, warmup: f64, decay: LrDecay, total: usize) -> Vec<f64> {
        let schedule = Schedule::new(rate, warmup, decay, total);
        (1..=total).map(|step| schedule.rate(step)).collect()
    }

    #[track_caller]
    fn assert_rates(scheduler: Scheduler, expected: &[f64]) {
        let rate = LearningRate::Scheduled(scheduler);
        let got = rates(rate, 0.0, LrDecay::Linear, expected.len());
        let near = |(g, e): (&f64, &f64)| (g - e).abs() < 1e-12;
        assert!(got.iter().zip(expected).all(near), "{got:?} {expected:?}");
    }

    #[test]
    fn a_number_rises_and_falls() {
        let of = |warmup, decay| rates(LearningRate::Peak(1.0), warmup, decay, 5);
        assert_eq!(of(0.4, LrDecay::Linear), [0.5, 1.0, 0.75, 0.5, 0.25]);
        assert_eq!(of(0.4, LrDecay::Constant), [0.5, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(of(0.0, LrDecay::Linear)[0], 5.0 / 6.0);
        let cosine = of(0.4, LrDecay::Cosine);
        let expected =
            [0.25, 0.5, 0.75].map(|x: f64| (1.0 + (x * std::f64::consts::PI).cos()) / 2.0);
        for (got, want) in cosine[2..].iter().zip(expected) {
            assert!((got - want).abs() < 1e-12, "{cosine:?}");
        }
    }

    #[test]
    fn warm_up_scales_the_start_of_a_schedule() {
        let constant = Scheduler::PiecewiseDecay {
            boundaries: vec![3],
            values: vec![1.0, 0.5],
        };
        let got = rates(LearningRate::Scheduled(constant), 0.5, LrDecay::Linear, 4);
        assert_eq!(got, [0.5, 1.0, 1.0, 0.5]);
    }

    /// Recorded with paddle.optimizer.lr 2.6.2, one `step()` between values.
    #[test]
    fn schedulers_equal_paddles() {
        use Scheduler::*;
        assert_rates(
            PiecewiseDecay {
                boundaries: vec![2, 4],
                values: vec![0.3, 0.2, 0.1],
            },
            &[0.3, 0.3, 0.2, 0.2, 0.1, 0.1],
        );
        assert_rates(
            CosineAnnealingDecay {
                learning_rate: 0.4,
                t_max: Some(4),
                eta_min: 0.1,
            },
            &COSINE,
        );
        for (cycle, expected) in [(false, POLYNOMIAL), (true, POLYNOMIAL_CYCLE)] {
            assert_rates(
                PolynomialDecay {
                    learning_rate: 0.5,
                    decay_steps: Some(3),
                    end_lr: 0.1,
                    power: 2.0,
                    cycle,
                },
                &expected,
            );
        }
        let inner = ExponentialDecay {
            learning_rate: 0.5,
            gamma: 0.9,
        };
        assert_rates(
            LinearWarmup {
                learning_rate: Box::new(LearningRate::Scheduled(inner.clone())),
                warmup_steps: 2,
                start_lr: 0.1,
                end_lr: 0.5,
            },
            &WARMUP,
        );
        assert_rates(inner, &EXPONENTIAL);
        assert_rates(
            StepDecay {
                learning_rate: 0.5,
                step_size: 2,
                gamma: 0.1,
            },
            &[0.5, 0.5, 0.05, 0.05, 0.005, 0.005],
        );
        assert_rates(
            MultiStepDecay {
                learning_rate: 0.5,
                milestones: vec![1, 4],
                gamma: 0.5,
            },
            &[0.5, 0.25, 0.25, 0.25, 0.125, 0.125],
        );
    }

    const COSINE: [f64; 6] = [
        0.4,
        0.35606601717798214,
        0.25,
        0.1439339828220179,
        0.1,
        0.1439339828220179,
    ];
    const POLYNOMIAL: [f64; 6] = [0.5, 0.2777777777777778, 0.14444444444444446, 0.1, 0.1, 0.1];
    const POLYNOMIAL_CYCLE: [f64; 6] = [
        0.5,
        0.2777777777777778,
        0.14444444444444446,
        0.1,
        0.14444444444444446,
        0.1111111111111111,
    ];
    const WARMUP: [f64; 6] = [0.1, 0.3, 0.5, 0.45, 0.405, 0.3645];
    const EXPONENTIAL: [f64; 6] = [0.5, 0.45, 0.405, 0.3645, 0.32805, 0.295245];
}
