//! Where the time of a batch goes in each model, part by part, as the engine itself counts it.

use act_core::{Progress, Result, Seed};
use act_infer::profile::Phase;
use act_stage::report::Operator;
use act_stage::timing::Milliseconds;

use crate::latency::{Contestant, Setting, work};
use crate::table::{self, Table};

/// Enough for a median; the models run in turn.
const RUNS: usize = 3;

/// Measures one batch of `setting`.
pub fn measure(
    setting: Setting,
    contestants: &[Contestant<'_>],
    seed: Seed,
    progress: &dyn Progress,
) -> Result<Vec<Operator>> {
    let batches: Vec<_> = contestants
        .iter()
        .map(|c| work::draw(setting, c, seed))
        .collect();
    progress.begin("measuring operators", RUNS);
    let mut times = vec![vec![Vec::new(); Phase::ALL.len()]; contestants.len()];
    for _ in 0..RUNS {
        for ((contestant, batches), times) in contestants.iter().zip(&batches).zip(&mut times) {
            progress.advance(0)?;
            let Some(work) = batches.first() else {
                continue;
            };
            let parts = contestant.model.engine.profile(work.batch())?;
            for (times, (_, time)) in times.iter_mut().zip(parts) {
                times.push(time);
            }
        }
        progress.advance(1)?;
    }
    let operator = |(i, part): (usize, Phase)| Operator {
        name: part.name().into(),
        ms: times
            .iter()
            .map(|t| Milliseconds::of(&t[i]).median)
            .collect(),
    };
    Ok(Phase::ALL.into_iter().enumerate().map(operator).collect())
}

/// A row a part, a column a model.
pub fn table(names: &[&str], operators: &[Operator]) -> Table {
    let mut table = Table::new(["part"].iter().chain(names).copied());
    for operator in operators {
        let cells = operator.ms.iter().map(|&ms| table::ms(ms));
        table.push([operator.name.clone()].into_iter().chain(cells));
    }
    table
}
