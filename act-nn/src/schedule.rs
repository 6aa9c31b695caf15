//! The learning rate: linear warm-up, then constant or falling linearly to 0 (Devlin et al. 2019,
//! appendix A.2).

/// Learning rate as a function of the step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) peak: f64,
    pub(crate) warmup: usize,
    pub(crate) total: usize,
    pub(crate) decay: bool,
}

impl Schedule {
    /// The rate of a 1-based step.
    pub(crate) fn rate(&self, step: usize) -> f64 {
        if step <= self.warmup {
            return self.peak * step as f64 / self.warmup as f64;
        }
        if !self.decay {
            return self.peak;
        }
        // The last step still learns a little: the rate would reach 0 one step after it.
        let left = (self.total + 1).saturating_sub(step);
        let falling = self.total + 1 - self.warmup;
        self.peak * left as f64 / falling as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_and_falls() {
        let schedule = Schedule {
            peak: 1.0,
            warmup: 2,
            total: 5,
            decay: true,
        };
        let rates: Vec<f64> = (1..=5).map(|s| schedule.rate(s)).collect();
        assert_eq!(rates, [0.5, 1.0, 0.75, 0.5, 0.25]);
        let constant = Schedule {
            decay: false,
            ..schedule
        };
        assert_eq!(constant.rate(5), 1.0);
        let none = Schedule {
            warmup: 0,
            ..schedule
        };
        assert_eq!(none.rate(1), 5.0 / 6.0);
    }
}
