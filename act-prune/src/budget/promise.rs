//! The promise: search, measure what was found, and search again until the target is kept. One
//! that cannot be kept is refused, with the nearest that can.

use act_core::{Error, Plan, Result};

use super::allocation::{Allocation, Allotted};
use super::cost::Cost;
use super::target::PruningTarget;
use crate::importance::LayerScores;

/// Searches at most, each measured. Two are usual.
const ROUNDS: usize = 5;
/// A network that costs less than so much of what is allowed has lost importance for nothing.
const SPARE: f64 = 0.97;
/// One that in the end costs less than this (a speed-up 10 % beyond the promise) is searched for
/// once more.
const GENEROUS: f64 = 1.0 / 1.1;

/// A target, and what it is relative to.
#[derive(Debug, Clone, Copy)]
pub struct Yardstick<'a> {
    /// What is wanted.
    pub target: PruningTarget,
    /// The network that shares and speed-ups are relative to.
    pub reference: &'a Plan,
}

/// A kept promise.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptPromise {
    /// How many heads and neurons stay.
    pub plan: Plan,
    /// What was promised.
    pub promised: PruningTarget,
    /// What the sum over blocks said.
    pub predicted: PruningTarget,
    /// What was measured.
    pub measured: PruningTarget,
    /// Share of all importance that stays.
    pub importance_kept: f64,
    /// Networks measured.
    pub rounds: usize,
}

/// A network that was measured.
struct Candidate {
    found: Allotted,
    measured: f64,
}

/// Finds the network that keeps the target of `yardstick` and, of those, most importance.
///
/// # Errors
/// Usage: the promise cannot be kept; the message has the nearest that can. Those of measuring.
pub fn keep_promise(
    plan: &Plan,
    scores: &[LayerScores],
    yardstick: Yardstick<'_>,
    cost: &mut dyn Cost,
) -> Result<KeptPromise> {
    let allocation = Allocation::new(plan, scores, cost);
    let reference = cost.predict(yardstick.reference);
    let target = yardstick.target;
    let limit = target.limit(reference);
    let mut trial = Trial {
        allocation: &allocation,
        cost,
        limit,
        rounds: 0,
    };
    let mut best = trial.tighten(limit, None)?;
    if let Some(generous) = best.take_if(|c| c.is_below(limit * GENEROUS)) {
        best = trial.loosen(generous)?;
    }
    let miss = trial.cost.tolerance().miss;
    let Some(best) = best.filter(|c| c.measured <= limit * (1.0 + miss)) else {
        return Err(refusal(target, reference, &mut trial)?);
    };
    let total = allocation.importance();
    Ok(KeptPromise {
        plan: best.found.plan,
        promised: target,
        predicted: target.kept_by(best.found.cost, reference),
        measured: target.kept_by(best.measured, reference),
        importance_kept: if total > 0.0 {
            1.0 - best.found.loss / total
        } else {
            1.0
        },
        rounds: trial.rounds,
    })
}

impl Candidate {
    /// True if more could stay.
    fn is_below(&self, cost: f64) -> bool {
        self.measured < cost && self.found.loss > 0.0
    }
}

/// What every round needs.
struct Trial<'a> {
    allocation: &'a Allocation<'a>,
    cost: &'a mut dyn Cost,
    /// What may be measured at most.
    limit: f64,
    /// Networks measured so far.
    rounds: usize,
}

impl Trial<'_> {
    /// Searches with an allowance that is corrected by what measuring says, up or down, and stays
    /// between what was found to fit and what was not. The best candidate, `best` included; none if
    /// nothing fits.
    fn tighten(
        &mut self,
        mut allowed: f64,
        mut best: Option<Candidate>,
    ) -> Result<Option<Candidate>> {
        let (limit, noise) = (self.limit, self.cost.tolerance().noise);
        let fits = |c: &Candidate| c.measured <= limit * (1.0 + noise);
        let (mut fitting, mut failing) = (0.0f64, f64::INFINITY);
        for _ in 0..ROUNDS {
            let within = self.allocation.within(allowed);
            let Some(found) = within.or_else(|| self.allocation.smallest()) else {
                break;
            };
            if found.cost >= failing {
                break;
            }
            let candidate = self.measure(found)?;
            let predicted = candidate.found.cost;
            // In proportion to what it should have been, but always a real step.
            allowed = predicted * limit / candidate.measured;
            if fits(&candidate) {
                fitting = predicted;
                allowed = allowed.max(fitting * 1.01);
            } else {
                failing = predicted;
                allowed = allowed.min(failing * 0.99);
            }
            if allowed <= fitting || allowed >= failing {
                allowed = (fitting + failing) / 2.0;
            }
            let done = fits(&candidate) && !candidate.is_below(limit * SPARE);
            let better = best
                .as_ref()
                .is_none_or(|b| match (fits(&candidate), fits(b)) {
                    (true, true) => candidate.found.loss < b.found.loss,
                    (false, false) => candidate.measured < b.measured,
                    (fits, _) => fits,
                });
            if better {
                best = Some(candidate);
            }
            if done {
                break;
            }
        }
        Ok(best)
    }

    /// One more search for a network that came out far cheaper than was promised. It is measured
    /// anew, and what earlier rounds found not to fit is forgotten: one of them was disturbed.
    fn loosen(&mut self, generous: Candidate) -> Result<Option<Candidate>> {
        log::info!(
            "the network found costs {:.0} % less than promised: searching once more",
            100.0 * (1.0 - generous.measured / self.limit)
        );
        let again = self.measure(generous.found)?;
        let allowed = again.found.cost * self.limit / again.measured;
        self.tighten(allowed, Some(again))
    }

    fn measure(&mut self, found: Allotted) -> Result<Candidate> {
        self.rounds += 1;
        let measured = self.cost.measure(&found.plan)?;
        log::debug!(
            "round {}: predicted {:.4}, measured {measured:.4} of {:.4} allowed",
            self.rounds,
            found.cost,
            self.limit
        );
        Ok(Candidate { found, measured })
    }
}

/// What every refusal says.
const REFUSED: &str = "cannot be kept; the nearest is";

/// Whether an error is that of a promise that no network keeps.
pub fn is_refusal(error: &anyhow::Error) -> bool {
    format!("{error:#}").contains(REFUSED)
}

/// The error that names the nearest promise that can be kept: that of the smallest network.
fn refusal(promised: PruningTarget, reference: f64, trial: &mut Trial<'_>) -> Result<Error> {
    let Some(smallest) = trial.allocation.smallest() else {
        return Ok(Error::usage("the model has no attention head left to keep"));
    };
    let smallest = trial.measure(smallest)?;
    let spare = 1.0 + trial.cost.tolerance().noise;
    let nearest = promised.kept_by(smallest.measured * spare, reference);
    Ok(Error::usage(format!(
        "{promised} {REFUSED} {}, of which one head is left",
        nearest.rounded()
    )))
}

#[cfg(test)]
mod tests {
    use act_core::testing::{TinyOptions, tiny_artifact};
    use act_core::{ErrorKind, LayerPlan};
    use proptest::prelude::*;

    use super::super::cost::{Parameters, Tolerance};
    use super::*;

    /// Heads cost 1, neurons 1/32, the rest 2; the clock runs `bias` times as long as predicted.
    struct Biased(f64);

    impl Cost for Biased {
        fn predict(&self, plan: &Plan) -> f64 {
            let layer = |l: &LayerPlan| l.heads() as f64 + l.intermediate_size as f64 / 32.0;
            2.0 + plan.layers.iter().map(layer).sum::<f64>()
        }

        fn measure(&mut self, plan: &Plan) -> Result<f64> {
            let true_cost = self.predict(plan);
            Ok(2.0 + (true_cost - 2.0) * self.0)
        }

        fn tolerance(&self) -> Tolerance {
            Tolerance {
                noise: 0.01,
                miss: 0.05,
            }
        }
    }

    fn plan() -> Plan {
        let options = TinyOptions {
            layers: vec![LayerPlan::full(4, 2, 256), LayerPlan::full(4, 2, 256)],
            ..TinyOptions::default()
        };
        tiny_artifact(1, &options).plan
    }

    /// Scores in an order without a pattern.
    fn scores(plan: &Plan) -> Vec<LayerScores> {
        let score = |i: usize| ((i * 7919 + 13) % 1000) as f64;
        let layer = |(l, plan): (usize, &LayerPlan)| LayerScores {
            heads: (0..plan.heads())
                .map(|i| 32.0 * score(i + 31 * l))
                .collect(),
            neurons: (0..plan.intermediate_size)
                .map(|i| score(i + 57 * l))
                .collect(),
        };
        plan.layers.iter().enumerate().map(layer).collect()
    }

    fn try_to(target: PruningTarget, cost: &mut dyn Cost) -> Result<KeptPromise> {
        let plan = plan();
        let yardstick = Yardstick {
            target,
            reference: &plan,
        };
        keep_promise(&plan, &scores(&plan), yardstick, cost)
    }

    #[test]
    fn a_wrong_prediction_is_measured_and_mended() {
        // Whole: 26. Measured, a network may cost 13 of that.
        for bias in [0.8, 1.0, 1.3] {
            let kept = try_to(PruningTarget::Latency(13.0), &mut Biased(bias)).unwrap();
            let measured = kept.measured.value();
            assert!(measured <= 13.0 * 1.01, "{bias}: {measured}");
            assert!(
                measured >= 11.0,
                "{bias}: {measured} is more than was asked for"
            );
            assert!(kept.importance_kept > 0.4 && kept.importance_kept < 1.0);
        }
    }

    /// As [`Biased`] without a bias, but the first measurement is `first` times as long.
    struct Disturbed {
        first: f64,
        measured: usize,
    }

    impl Cost for Disturbed {
        fn predict(&self, plan: &Plan) -> f64 {
            Biased(1.0).predict(plan)
        }

        fn measure(&mut self, plan: &Plan) -> Result<f64> {
            self.measured += 1;
            let times = if self.measured == 1 { self.first } else { 1.0 };
            Ok(times * self.predict(plan))
        }

        fn tolerance(&self) -> Tolerance {
            Biased(1.0).tolerance()
        }
    }

    #[test]
    fn a_disturbed_measurement_does_not_cost_importance() {
        let calm = try_to(PruningTarget::Latency(13.0), &mut Biased(1.0)).unwrap();
        for first in [5.0, 3.0, 1.6, 0.7] {
            let mut cost = Disturbed { first, measured: 0 };
            let kept = try_to(PruningTarget::Latency(13.0), &mut cost).unwrap();
            let truth = Biased(1.0).predict(&kept.plan);
            assert!(
                (13.0 * GENEROUS..=13.0 * 1.01).contains(&truth),
                "{first}: {truth}"
            );
            assert!(kept.importance_kept > calm.importance_kept - 0.05);
        }
    }

    #[test]
    fn what_cannot_be_kept_is_refused_with_the_nearest() {
        let refused = |target, cost: &mut dyn Cost| {
            let error = try_to(target, cost).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            error.to_string()
        };
        // One head is left: 3 of 26.
        let told = refused(PruningTarget::Speedup(20.0), &mut Biased(1.0));
        assert!(told.contains("a speed-up of 20x cannot be kept"), "{told}");
        assert!(
            told.contains("the nearest is a speed-up of 8.58x"),
            "{told}"
        );
        try_to(PruningTarget::Speedup(8.58), &mut Biased(1.0)).unwrap();
        let told = refused(PruningTarget::Parameters(0.001), &mut Parameters);
        assert!(told.contains("0.1 % of the parameters cannot"), "{told}");
    }

    #[test]
    fn a_promise_already_kept_removes_nothing() {
        let kept = try_to(PruningTarget::Speedup(1.0), &mut Biased(1.0)).unwrap();
        assert_eq!((kept.plan, kept.importance_kept), (plan(), 1.0));
    }

    proptest! {
        #[test]
        fn parameters_stay_within_the_promise(share in 0.3f64..1.0) {
            let kept = try_to(PruningTarget::Parameters(share), &mut Parameters).unwrap();
            let limit = share * plan().parameters() as f64;
            prop_assert!(kept.plan.parameters() as f64 <= limit);
            prop_assert!(kept.plan.layers.iter().any(|l| l.heads() > 0));
            let widths = kept.plan.layers.iter().map(|l| l.intermediate_size);
            prop_assert!(widths.into_iter().all(|w| w % 32 == 0));
        }
    }
}
