//! The settings in which latency is measured, and the measurement of several models in one setting:
//! interleaved, on the same examples, with the engine that serves.

pub(crate) mod work;

use std::fmt;
use std::time::{Duration, Instant};

use act_core::{Encoding, Progress, Result, Seed};
use act_data::Example;
use act_stage::Context;
use act_stage::report::LatencyReport;
use serde::Serialize;

use crate::model::Model;
use crate::table::{self, Table};
use crate::timing::{Budget, Milliseconds, Monotonic, Ratio, interleave};
use work::Work;

/// Sequences that a model computes in its turn, at least; each batch is timed on its own, and
/// speed-ups are of turns. After a single short sequence the caches would hold the weights of the
/// other models, which a server that runs one model does not see, and which costs small models
/// most. act-prune's promises are of turns as long.
const TURN: usize = 32;

/// What becomes of sequences of different lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Every sequence has this many tokens: what a benchmark at a fixed length computes.
    Fixed(usize),
    /// Every sequence is as long as the batch's longest: what a padding engine computes.
    Longest,
    /// Every sequence has its own length: what this engine computes.
    None,
}

impl Padding {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Padding::Fixed(_) => "fixed",
            Padding::Longest => "longest",
            Padding::None => "none",
        }
    }
}

/// One setting of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Sequences in a batch.
    pub batch: usize,
    /// Their lengths.
    pub padding: Padding,
    /// True to begin with the texts, as a server does: tokenising is part of the time.
    pub tokenizing: bool,
}

impl Setting {
    /// The settings of a report: full batches padded to `seq`, padded to the longest, at the data's
    /// own lengths, the same from text on, and one sequence at a time.
    pub fn standard(batch: usize, seq: usize) -> Vec<Setting> {
        let with = |batch, padding| Setting {
            batch,
            padding,
            tokenizing: false,
        };
        let mut settings = vec![
            with(batch, Padding::Fixed(seq)),
            with(batch, Padding::Longest),
            with(batch, Padding::None),
            Setting {
                tokenizing: true,
                ..with(batch, Padding::None)
            },
        ];
        if batch > 1 {
            settings.push(with(1, Padding::None));
        }
        settings
    }

    /// False if random token ids will do.
    pub fn needs_data(&self) -> bool {
        !matches!(self.padding, Padding::Fixed(_))
    }
}

/// `32 x 128`, `32 x longest`, `32 x own length`, `32 x text`.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.padding {
            Padding::Fixed(seq) => write!(f, "{} x {seq}", self.batch),
            Padding::Longest => write!(f, "{} x longest", self.batch),
            Padding::None if self.tokenizing => write!(f, "{} x text", self.batch),
            Padding::None => write!(f, "{} x own length", self.batch),
        }
    }
}

/// A model and the examples it is timed on, encoded by its own tokenizer; the same examples in the
/// same order for every model of a comparison.
pub struct Contestant<'a> {
    /// The model.
    pub model: &'a Model,
    /// Examples; may be empty for [`Padding::Fixed`].
    pub encodings: &'a [Encoding],
    /// The texts of the same examples.
    pub examples: &'a [Example],
}

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

/// Measures every setting, one after the other.
pub fn race_all(
    ctx: &Context,
    settings: &[Setting],
    contestants: &[Contestant<'_>],
    budget: &Budget,
    seed: Seed,
) -> Result<Vec<Race>> {
    let progress = ctx.progress();
    progress.begin("measuring latency", settings.len() * Budget::UNITS);
    let races = settings
        .iter()
        .map(|&setting| {
            progress.say(&setting.to_string());
            Race::run(setting, contestants, budget, seed, &progress)
        })
        .collect();
    progress.finish();
    races
}

/// A speed-up in one setting, as reports hold it.
#[derive(Debug, Clone, Serialize)]
pub struct Speedup {
    /// Sequences in a batch.
    pub batch: usize,
    /// Tokens of the longest sequence.
    pub seq: usize,
    /// `fixed`, `longest` or `none`, as in `latency`.
    pub padding: &'static str,
    /// As in `latency`.
    pub tokenizing: bool,
    /// As in `latency`.
    pub threads: usize,
    /// Over the model compared with.
    #[serde(flatten)]
    pub ratio: Ratio,
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
        padding: setting.padding.name(),
        tokenizing: setting.tokenizing,
        threads: model.engine.threads(),
        precision: model.report.model.precision,
        median_ms: ms.median,
        p95_ms: ms.p95,
        p99_ms: ms.p99,
        sequences_per_s: 1e3 * setting.batch as f64 / ms.median.max(1e-6),
    }
}
