//! Plans timed in turn, so that a busy machine hurts all alike.

use std::time::Duration;

use act_core::{Plan, Progress, Result};
use act_infer::Engine;
use act_stage::timing::{Budget, Milliseconds, Monotonic, Ratio, interleave};

use super::setting::LatencySetting;
use super::stand_in::stand_in;

/// The time of one plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timed {
    /// Milliseconds a sequence, the median over rounds.
    pub ms: f64,
    /// Over the first plan: the median over rounds of the first's time by this one's.
    pub speedup: f64,
}

/// Times `plans` in the setting for about `time`, at least [`Budget::MIN_ROUNDS`] rounds; as far as
/// `progress` goes that is a piece of [`Budget::UNITS`], which the caller begins.
///
/// # Errors
/// Interrupted; those of the engine.
pub fn race(
    plans: &[Plan],
    setting: &LatencySetting,
    time: Duration,
    progress: &dyn Progress,
) -> Result<Vec<Timed>> {
    let mut engines = Vec::with_capacity(plans.len());
    for plan in plans {
        let engine = Engine::new(stand_in(plan, setting.precision))?;
        engines.push(engine.with_threads(setting.threads));
    }
    let words = engines.iter().map(|e| e.plan().embeddings.vocab_size).min();
    let batches = setting.batches(words.unwrap_or(1));
    let budget = Budget { time, rounds: None };
    let mut pass = |who: usize, _round: usize| {
        let engine: &Engine = &engines[who];
        batches
            .iter()
            .try_for_each(|batch| engine.forward(batch).map(drop))
    };
    let mut clock = Monotonic::start();
    let times = interleave(plans.len(), &budget, &mut clock, progress, &mut pass)?;
    let sequences = setting.lengths.len().max(1) as f64;
    let timed = times.iter().map(|of| Timed {
        ms: Milliseconds::of(of).median / sequences,
        speedup: Ratio::new(&times[0], of).median,
    });
    Ok(timed.collect())
}
