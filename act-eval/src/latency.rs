//! The settings in which latency is measured, and the measurement of several models in one setting:
//! interleaved, on the same examples, with the engine that serves.

mod setting;
pub(crate) mod work;

use std::time::{Duration, Instant};

use act_core::{Progress, Result, Seed};
use act_stage::report::{LatencyReport, Speedup};
use act_stage::timing::{Budget, Milliseconds, Monotonic, Ratio, interleave};

use crate::model::Model;
use crate::table::{self, Table};
pub use setting::{Contestant, Lengths, Setting};
use work::Work;

/// Sequences that a model computes in its turn, at least; each batch is timed on its own, and
/// speed-ups are of turns. After a single short sequence the caches would hold the weights of the
/// other models, which a server that runs one model does not see, and which costs small models
/// most. act-prune's promises are of turns as long.
const TURN: usize = 32;

/// Times of all contestants in one setting, in the order given.
pub struct Race {
    /// The setting.
    pub setting: Setting,
    /// A row for the report of each contestant.
    pub latency: Vec<LatencyReport>,
    /// Speed-up over the first contestant; 1 exactly for the first.
    pub speedup: Vec<Ratio>,
}

impl Race {
    /// Measures.
    pub fn run(
        setting: Setting,
        contestants: &[Contestant<'_>],
        budget: &Budget,
        seed: Seed,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let work: Vec<Vec<Work<'_>>> = contestants
            .iter()
            .map(|c| work::draw(setting, c, seed))
            .collect();
        let turn = TURN.div_ceil(setting.batch);
        let mut batches = vec![Vec::new(); contestants.len()];
        let times = interleave(
            contestants.len(),
            budget,
            &mut Monotonic::start(),
            progress,
            &mut |who, round| {
                (round * turn..(round + 1) * turn).try_for_each(|batch| {
                    let before = Instant::now();
                    work[who][batch % work[who].len()].run(contestants[who].model)?;
                    batches[who].push(before.elapsed());
                    Ok(())
                })
            },
        )?;
        let latency = (contestants.iter().zip(&work).zip(&batches).zip(&times))
            .map(|(((c, w), all), rounds)| {
                // Without those of the warm-up, which come first.
                let counted = &all[all.len() - rounds.len() * turn..];
                latency(setting, c.model, w, counted)
            })
            .collect();
        let speedup = times.iter().map(|t| Ratio::new(&times[0], t)).collect();
        Ok(Self {
            setting,
            latency,
            speedup,
        })
    }

    /// Speed-up of a contestant over the first, as reports hold it.
    pub fn speedup(&self, contestant: usize) -> Speedup {
        let latency = &self.latency[contestant];
        Speedup {
            batch: latency.batch,
            seq: latency.seq,
            padding: latency.padding,
            tokenizing: latency.tokenizing,
            threads: latency.threads,
            ratio: self.speedup[contestant],
        }
    }
}

/// A sentence where the machine was too busy for speed-ups to be told.
pub fn unsteady(names: &[&str], races: &[Race]) -> Option<String> {
    let apart = |ratio: &Ratio| ratio.p95 / ratio.p5;
    let worst = |race: &Race| {
        let all = names.iter().zip(race.speedup.clone());
        let (name, ratio) = all
            .filter(|(_, ratio)| ratio.is_unsteady())
            .max_by(|(_, a), (_, b)| apart(a).total_cmp(&apart(b)))?;
        Some((race.setting, *name, ratio))
    };
    let found: Vec<_> = races.iter().filter_map(worst).collect();
    let (setting, name, ratio) = found
        .iter()
        .max_by(|a, b| apart(&a.2).total_cmp(&apart(&b.2)))?;
    Some(format!(
        "the machine was busy: rounds lie far apart in {} of {} settings, at {setting} those of {name} between \
         {:.2}x and {:.2}x; measure again with nothing else running",
        found.len(),
        races.len(),
        ratio.p5,
        ratio.p95
    ))
}

/// Measures every setting, one after the other.
pub fn race_all(
    settings: &[Setting],
    contestants: &[Contestant<'_>],
    budget: &Budget,
    seed: Seed,
    progress: &dyn Progress,
) -> Result<Vec<Race>> {
    progress.begin("measuring latency", settings.len() * Budget::UNITS);
    let race = |&setting: &Setting| {
        progress.say(&setting.to_string());
        Race::run(setting, contestants, budget, seed, progress)
    };
    settings.iter().map(race).collect()
}

/// Every model in every setting: `names` are the contestants', in their order.
pub fn latency_table(names: &[&str], races: &[Race]) -> Table {
    let compared = names.len() > 1;
    let header = [
        "batch x tokens",
        "model",
        "median, ms",
        "p95, ms",
        "p99, ms",
        "sequences/s",
        "speed-up",
    ];
    let columns = if compared { 7 } else { 6 };
    let mut table = Table::new(header.into_iter().take(columns)).with_text_columns(2);
    for race in races {
        for (i, (name, l)) in names.iter().zip(&race.latency).enumerate() {
            let mut row = vec![
                race.setting.to_string(),
                name.to_string(),
                table::ms(l.median_ms),
                table::ms(l.p95_ms),
                table::ms(l.p99_ms),
                format!("{:.0}", l.sequences_per_s),
            ];
            if i > 0 {
                row.push(race.speedup[i].to_string());
            }
            table.push(row);
        }
    }
    table
}

fn latency(
    setting: Setting,
    model: &Model,
    work: &[Work<'_>],
    times: &[Duration],
) -> LatencyReport {
    let ms = Milliseconds::of(times);
    LatencyReport {
        batch: setting.batch,
        seq: work.iter().map(Work::longest).max().unwrap_or(0),
        padding: setting.lengths.padding(),
        tokenizing: setting.tokenizing,
        threads: model.engine.threads(),
        precision: model.report.model.precision.clone(),
        median_ms: ms.median,
        p95_ms: ms.p95,
        p99_ms: ms.p99,
        sequences_per_s: 1e3 * setting.batch as f64 / ms.median.max(1e-6),
    }
}
