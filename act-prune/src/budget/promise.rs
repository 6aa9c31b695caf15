//! The promise: search, measure what was found, and search again until the target is kept. One
//! that cannot be kept is refused, with the nearest that can.

use act_core::{Error, Plan, Result};
use serde::Serialize;

use super::blocks::{Block, plan_of};
use super::cost::Cost;
use super::search::Search;
use super::target::{Step, Target};
use crate::importance::LayerScores;

/// Searches at most, each measured. Two are usual.
const ROUNDS: usize = 5;
/// A network that costs so much less than allowed has lost importance for nothing.
const SPARE: f64 = 0.97;

/// A target, and what it is relative to.
#[derive(Debug, Clone, Copy)]
pub struct Yardstick<'a> {
    /// What is wanted.
    pub target: Target,
    /// The part of it that is wanted now.
    pub step: Step,
    /// The network that shares and speed-ups are relative to.
    pub reference: &'a Plan,
}

/// A kept promise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    /// How many heads and neurons stay.
    #[serde(skip)]
    pub plan: Plan,
    /// What was promised (at this step).
    pub promised: Target,
    /// What the sum over blocks said.
    pub predicted: Target,
    /// What was measured.
    pub measured: Target,
    /// Share of all importance that stays.
    pub importance_kept: f64,
    /// Searches.
    pub rounds: usize,
}

/// A network that was measured.
struct Candidate {
    plan: Plan,
    predicted: f64,
    measured: f64,
    loss: f64,
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
) -> Result<Kept> {
    let blocks = Block::all(plan, scores);
    let predict = |plan: &Plan| cost.predict(plan);
    let choices = blocks.iter().map(|b| b.choices(plan, &predict)).collect();
    let nothing = plan_of(plan, &blocks, &vec![0; blocks.len()]);
    let search = Search::new(choices, predict(&nothing));

    let reference = cost.predict(yardstick.reference);
    let target = yardstick.target;
    let limit = yardstick.step.limit(reference, target.limit(reference));
    let promised = target.kept_by(limit, reference);
    let mut trial = Trial {
        plan,
        blocks: &blocks,
        search: &search,
        cost,
    };
    let (best, rounds) = trial.tighten(limit)?;
    let miss = trial.cost.tolerance().miss;
    let Some(best) = best.filter(|c| c.measured <= limit * (1.0 + miss)) else {
        return Err(refusal(promised, reference, &mut trial)?);
    };
    let total = search.loss(&vec![0; blocks.len()]);
    Ok(Kept {
        plan: best.plan,
        promised,
        predicted: target.kept_by(best.predicted, reference),
        measured: target.kept_by(best.measured, reference),
        importance_kept: match total > 0.0 {
            true => 1.0 - best.loss / total,
            false => 1.0,
        },
        rounds,
    })
}

/// What every round needs.
struct Trial<'a> {
    plan: &'a Plan,
    blocks: &'a [Block],
    search: &'a Search,
    cost: &'a mut dyn Cost,
}

impl Trial<'_> {
    /// Searches with an allowance that is corrected by what measuring says, up or down, and stays
    /// between what was found to fit and what was not. The best candidate and the number of rounds;
    /// none if nothing fits.
    fn tighten(&mut self, limit: f64) -> Result<(Option<Candidate>, usize)> {
        let noise = self.cost.tolerance().noise;
        let mut best: Option<Candidate> = None;
        let mut allowed = limit;
        let (mut fitting, mut failing) = (0.0f64, f64::INFINITY);
        for round in 1..=ROUNDS {
            let Some(chosen) = self.choose(allowed) else {
                return Ok((best, round));
            };
            let candidate = self.measure(chosen)?;
            let off = candidate.measured / limit;
            log::debug!(
                "round {round}: predicted {:.4}, measured {:.4} of {limit:.4} allowed",
                candidate.predicted,
                candidate.measured
            );
            let fits = |c: &Candidate| c.measured <= limit * (1.0 + noise);
            // In proportion to what it should have been, but always a real step.
            allowed = candidate.predicted * limit / candidate.measured;
            if fits(&candidate) {
                fitting = candidate.predicted;
                allowed = allowed.max(fitting * 1.01);
            } else {
                failing = candidate.predicted;
                allowed = allowed.min(failing * 0.99);
            }
            if allowed <= fitting || allowed >= failing {
                allowed = (fitting + failing) / 2.0;
            }
            let better = best
                .as_ref()
                .is_none_or(|b| match (fits(&candidate), fits(b)) {
                    (true, true) => candidate.loss < b.loss,
                    (false, false) => candidate.measured < b.measured,
                    (fits, _) => fits,
                });
            let done = (SPARE..=1.0 + noise).contains(&off) || candidate.loss == 0.0;
            if better {
                best = Some(candidate);
            }
            if done {
                return Ok((best, round));
            }
        }
        Ok((best, ROUNDS))
    }

    /// Everything if that is allowed, else what loses least.
    fn choose(&self, allowed: f64) -> Option<Vec<usize>> {
        let whole: Vec<usize> = self.blocks.iter().map(|b| b.sizes.len() - 1).collect();
        match self.search.cost(&whole) <= allowed {
            true => Some(whole),
            false => self.search.best(allowed),
        }
    }

    fn measure(&mut self, chosen: Vec<usize>) -> Result<Candidate> {
        let plan = plan_of(self.plan, self.blocks, &chosen);
        Ok(Candidate {
            predicted: self.search.cost(&chosen),
            loss: self.search.loss(&chosen),
            measured: self.cost.measure(&plan)?,
            plan,
        })
    }
}

/// The error that names the nearest promise that can be kept: that of the smallest network.
fn refusal(promised: Target, reference: f64, trial: &mut Trial<'_>) -> Result<Error> {
    let Some(smallest) = trial.search.smallest() else {
        return Ok(Error::usage("the model has no attention head left to keep"));
    };
    let smallest = trial.measure(smallest)?;
    let spare = 1.0 + trial.cost.tolerance().noise;
    let nearest = promised.kept_by(smallest.measured * spare, reference);
    Ok(Error::usage(format!(
        "{promised} cannot be kept; the nearest is {}, of which one head is left",
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

    fn try_to(target: Target, cost: &mut dyn Cost) -> Result<Kept> {
        let plan = plan();
        let yardstick = Yardstick {
            target,
            step: Step::WHOLE,
            reference: &plan,
        };
        keep_promise(&plan, &scores(&plan), yardstick, cost)
    }

    #[test]
    fn a_wrong_prediction_is_measured_and_mended() {
        // Whole: 26. Measured, a network may cost 13 of that.
        for bias in [0.8, 1.0, 1.3] {
            let kept = try_to(Target::Latency(13.0), &mut Biased(bias)).unwrap();
            let measured = kept.measured.value();
            assert!(measured <= 13.0 * 1.01, "{bias}: {measured}");
            assert!(
                measured >= 11.0,
                "{bias}: {measured} is more than was asked for"
            );
            assert!(kept.importance_kept > 0.4 && kept.importance_kept < 1.0);
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
        let told = refused(Target::Speedup(20.0), &mut Biased(1.0));
        assert!(told.contains("a speed-up of 20x cannot be kept"), "{told}");
        assert!(
            told.contains("the nearest is a speed-up of 8.58x"),
            "{told}"
        );
        try_to(Target::Speedup(8.58), &mut Biased(1.0)).unwrap();
        let told = refused(Target::Parameters(0.001), &mut Parameters);
        assert!(told.contains("0.1 % of the parameters cannot"), "{told}");
    }

    #[test]
    fn steps_meet_at_the_target() {
        let plan = plan();
        let at = |step: &str| {
            let yardstick = Yardstick {
                target: Target::Speedup(2.0),
                step: step.parse().unwrap(),
                reference: &plan,
            };
            keep_promise(&plan, &scores(&plan), yardstick, &mut Biased(1.0)).unwrap()
        };
        assert_eq!(at("2/2").promised, Target::Speedup(2.0));
        // Half way between 26 and 13 is 19.5.
        assert!((at("1/2").promised.value() - 26.0 / 19.5).abs() < 1e-9);
    }

    #[test]
    fn a_promise_already_kept_removes_nothing() {
        let kept = try_to(Target::Speedup(1.0), &mut Biased(1.0)).unwrap();
        assert_eq!((kept.plan, kept.importance_kept), (plan(), 1.0));
    }

    proptest! {
        #[test]
        fn parameters_stay_within_the_promise(share in 0.3f64..1.0) {
            let kept = try_to(Target::Parameters(share), &mut Parameters).unwrap();
            let limit = share * plan().parameters() as f64;
            prop_assert!(kept.plan.parameters() as f64 <= limit);
            prop_assert!(kept.plan.layers.iter().any(|l| l.heads() > 0));
            let widths = kept.plan.layers.iter().map(|l| l.intermediate_size);
            prop_assert!(widths.into_iter().all(|w| w % 32 == 0));
        }
    }
}
