//! The learning rate of every step: warm-up and decay (Devlin et al. 2019, appendix A.2), or one of
//! the closed formulas of Paddle's schedulers (`paddle.optimizer.lr`, 2.6).
//!
//! A pure function of the step, so that a resumed run needs nothing but its position.

/// Learning rate as a function of `t`, 0 at the first step. `steps` is a length; `None`: the run's.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // The formulas say what each number is.
pub enum Schedule {
    /// `rate`, which warm-up leads to, and what `decay` leaves of it afterwards.
    Peak { rate: f64, decay: Decay },
    /// `values[i]` until step `boundaries[i]`, the last value afterwards.
    Piecewise {
        boundaries: Vec<usize>,
        values: Vec<f64>,
    },
    /// Half a cosine that leads `from` its beginning `to` its end in so many `steps`.
    Cosine {
        from: f64,
        to: f64,
        steps: Option<usize>,
    },
    /// `(from - to) * (1 - t / steps) ^ power + to`; at its end `to` stays or, with `cycle`, the length
    /// is doubled, tripled and so on.
    Polynomial {
        from: f64,
        to: f64,
        steps: Option<usize>,
        power: f64,
        cycle: bool,
    },
    /// `rate * gamma ^ floor(t / every)`.
    Exponential { rate: f64, gamma: f64, every: usize },
    /// A line `from` its beginning `to` its end in so many `steps`, `then` another schedule from its
    /// own beginning.
    Rise {
        from: f64,
        to: f64,
        steps: usize,
        then: Box<Schedule>,
    },
}

/// How a peak falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decay {
    /// Linearly to 0 at the last step.
    Linear,
    /// Along half a cosine to 0 at the last step.
    Cosine,
    /// Not at all.
    Constant,
}

impl Schedule {
    /// The rate of a 1-based step of a run of `total` steps, of which the share `warmup_ratio` is
    /// warm-up.
    pub(crate) fn rate(&self, step: usize, warmup_ratio: f64, total: usize) -> f64 {
        let warmup = (warmup_ratio * total as f64).round() as usize;
        let rate = self.after(step - 1, warmup, total);
        if step < warmup {
            rate * step as f64 / warmup as f64
        } else {
            rate
        }
    }

    /// The rate after `t` steps, were there no warm-up to lower it.
    fn after(&self, t: usize, warmup: usize, total: usize) -> f64 {
        match self {
            Schedule::Peak { rate, decay } => {
                // The last step still learns a little: the rate would reach 0 one step after it.
                let (left, falling) = (total.saturating_sub(t), total + 1 - warmup);
                rate * decay.keeps((left as f64 / falling as f64).min(1.0))
            }
            Schedule::Piecewise { boundaries, values } => {
                values[boundaries.iter().filter(|&&step| t >= step).count()]
            }
            Schedule::Cosine { from, to, steps } => {
                let share = t as f64 / steps.unwrap_or(total) as f64;
                let wave = 1.0 + (std::f64::consts::PI * share).cos();
                to + (from - to) * wave / 2.0
            }
            Schedule::Polynomial {
                from,
                to,
                steps,
                power,
                cycle,
            } => {
                let steps = steps.unwrap_or(total);
                let (t, steps) = if *cycle {
                    (t, steps * t.div_ceil(steps).max(1))
                } else {
                    (t.min(steps), steps)
                };
                let left = 1.0 - t as f64 / steps as f64;
                (from - to) * left.powf(*power) + to
            }
            Schedule::Exponential { rate, gamma, every } => rate * gamma.powf((t / every) as f64),
            Schedule::Rise {
                from,
                to,
                steps,
                then,
            } => match t.checked_sub(*steps) {
                None => from + (to - from) * t as f64 / *steps as f64,
                Some(t) => then.after(t, 0, total.saturating_sub(*steps).max(1)),
            },
        }
    }
}

impl Decay {
    /// What is left of the peak when this share of the steps after warm-up is left.
    fn keeps(self, share: f64) -> f64 {
        match self {
            Decay::Linear => share,
            Decay::Cosine => 0.5 * (1.0 - (std::f64::consts::PI * share).cos()),
            Decay::Constant => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: &Schedule, warmup: f64, total: usize) -> Vec<f64> {
        let rate = |step| schedule.rate(step, warmup, total);
        (1..=total).map(rate).collect()
    }

    #[track_caller]
    fn assert_rates(schedule: Schedule, expected: &[f64]) {
        let got = rates(&schedule, 0.0, expected.len());
        let near = |(g, e): (&f64, &f64)| (g - e).abs() < 1e-12;
        assert!(got.iter().zip(expected).all(near), "{got:?} {expected:?}");
    }

    #[test]
    fn a_peak_rises_and_falls() {
        let of = |warmup, decay| rates(&Schedule::Peak { rate: 1.0, decay }, warmup, 5);
        assert_eq!(of(0.4, Decay::Linear), [0.5, 1.0, 0.75, 0.5, 0.25]);
        assert_eq!(of(0.4, Decay::Constant), [0.5, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(of(0.0, Decay::Linear)[0], 5.0 / 6.0);
        let cosine = of(0.4, Decay::Cosine);
        let expected =
            [0.25, 0.5, 0.75].map(|x: f64| (1.0 + (x * std::f64::consts::PI).cos()) / 2.0);
        for (got, want) in cosine[2..].iter().zip(expected) {
            assert!((got - want).abs() < 1e-12, "{cosine:?}");
        }
    }

    #[test]
    fn warm_up_scales_the_start_of_any_schedule() {
        let piecewise = Schedule::Piecewise {
            boundaries: vec![3],
            values: vec![1.0, 0.5],
        };
        assert_eq!(rates(&piecewise, 0.5, 4), [0.5, 1.0, 1.0, 0.5]);
    }

    /// Recorded with paddle.optimizer.lr 2.6.2, one `step()` between values.
    #[test]
    fn schedules_equal_paddles() {
        use Schedule::*;
        assert_rates(
            Piecewise {
                boundaries: vec![2, 4],
                values: vec![0.3, 0.2, 0.1],
            },
            &[0.3, 0.3, 0.2, 0.2, 0.1, 0.1],
        );
        assert_rates(
            Cosine {
                from: 0.4,
                to: 0.1,
                steps: Some(4),
            },
            &COSINE,
        );
        for (cycle, expected) in [(false, POLYNOMIAL), (true, POLYNOMIAL_CYCLE)] {
            assert_rates(
                Polynomial {
                    from: 0.5,
                    to: 0.1,
                    steps: Some(3),
                    power: 2.0,
                    cycle,
                },
                &expected,
            );
        }
        let exponential = |gamma, every| Exponential {
            rate: 0.5,
            gamma,
            every,
        };
        assert_rates(
            Rise {
                from: 0.1,
                to: 0.5,
                steps: 2,
                then: Box::new(exponential(0.9, 1)),
            },
            &WARMUP,
        );
        assert_rates(exponential(0.9, 1), &EXPONENTIAL);
        assert_rates(exponential(0.1, 2), &[0.5, 0.5, 0.05, 0.05, 0.005, 0.005]);
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
