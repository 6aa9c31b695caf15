//! The settings in which latency is measured, and the measurement of several models in one setting:
//! interleaved, on the same examples, with the engine that serves.

use std::fmt;
use std::time::Duration;

use act_core::cli::{self, Context};
use act_core::report::LatencyReport;
use act_core::{Batch, Encoding, Result, Seed};
use rand::Rng;
use rand::seq::SliceRandom;
use serde::Serialize;

use crate::model::Model;
use crate::table::{self, Table};
use crate::timing::{Budget, Monotonic, Ratio, interleave, median_and_p95_ms};

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
}

impl Setting {
    /// The four settings of a report: full batches padded to `seq`, padded to the longest, at the
    /// data's own lengths, and one sequence at a time.
    pub fn standard(batch: usize, seq: usize) -> Vec<Setting> {
        let with = |batch, padding| Setting { batch, padding };
        let mut settings = vec![
            with(batch, Padding::Fixed(seq)),
            with(batch, Padding::Longest),
            with(batch, Padding::None),
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

/// `32 x 128`, `32 x longest`, `32 x own length`.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.padding {
            Padding::Fixed(seq) => write!(f, "{} x {seq}", self.batch),
            Padding::Longest => write!(f, "{} x longest", self.batch),
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

/// Different batches before the first comes again.
const BATCHES: usize = 64;

impl Race {
    /// Measures. `threads` is what the engines were loaded with; it is only reported.
    pub fn run(
        setting: Setting,
        contestants: &[Contestant<'_>],
        budget: &Budget,
        threads: usize,
        seed: Seed,
    ) -> Result<Self> {
        let batches: Vec<Vec<Batch>> = contestants
            .iter()
            .map(|c| batches(setting, c, seed))
            .collect();
        let times = interleave(
            contestants.len(),
            budget,
            &mut Monotonic::start(),
            &cli::interrupted,
            &mut |who, round| {
                let batch = &batches[who][round % batches[who].len()];
                contestants[who].model.engine.forward(batch).map(drop)
            },
        )?;
        let latency = (contestants.iter().zip(&batches).zip(&times))
            .map(|((c, b), t)| latency(setting, c.model, b, t, threads))
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
) -> Result<Vec<Race>> {
    let progress = ctx.progress("measuring latency", settings.len() as u64);
    let races = settings
        .iter()
        .map(|&setting| {
            progress.message(&setting.to_string());
            let race = Race::run(setting, contestants, budget, ctx.threads(), ctx.seed());
            progress.advance(1);
            race
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
        "sequences/s",
        "speed-up",
    ];
    let columns = if compared { 6 } else { 5 };
    let mut table = Table::new(header.into_iter().take(columns)).with_text_columns(2);
    for race in races {
        for (i, (name, l)) in names.iter().zip(&race.latency).enumerate() {
            let mut row = vec![
                race.setting.to_string(),
                name.to_string(),
                table::ms(l.median_ms),
                table::ms(l.p95_ms),
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
    batches: &[Batch],
    times: &[Duration],
    threads: usize,
) -> LatencyReport {
    let (median_ms, p95_ms) = median_and_p95_ms(times);
    LatencyReport {
        batch: setting.batch,
        seq: batches
            .iter()
            .flat_map(|b| &b.lengths)
            .copied()
            .max()
            .unwrap_or(0),
        padding: setting.padding.name(),
        threads,
        precision: model.report.model.precision,
        median_ms,
        p95_ms,
        sequences_per_s: 1e3 * setting.batch as f64 / median_ms.max(1e-6),
    }
}

/// The batches of a setting. Examples are drawn in an order that the seed alone decides: a file
/// sorted by class or length would give batches that no server sees.
fn batches(setting: Setting, contestant: &Contestant<'_>, seed: Seed) -> Vec<Batch> {
    let examples = contestant.encodings;
    let mut rng = seed.stream("act-eval latency");
    if let Padding::Fixed(seq) = setting.padding {
        let plan = &contestant.model.plan;
        let full: Vec<Encoding> = (0..setting.batch)
            .map(|_| Encoding {
                input_ids: (0..seq)
                    .map(|_| {
                        token(
                            rng.random_range(0..plan.vocab_size as u32),
                            contestant.model,
                        )
                    })
                    .collect(),
                token_type_ids: vec![0; seq],
            })
            .collect();
        return vec![Batch::new(&full)];
    }
    let mut order: Vec<usize> = (0..examples.len()).collect();
    order.shuffle(&mut rng);
    // Fewer examples than a batch has come again; no example at all leaves no batch.
    let count = examples.len().div_ceil(setting.batch).min(BATCHES);
    let mut drawn = order.iter().cycle().map(|&i| &examples[i]);
    (0..count)
        .map(|_| {
            let batch: Vec<&Encoding> = drawn.by_ref().take(setting.batch).collect();
            match setting.padding {
                Padding::Longest => Batch::new(&filled_up(&batch)),
                _ => Batch::new(batch),
            }
        })
        .collect()
}

/// A padding id would be skipped, not computed.
fn token(id: u32, model: &Model) -> u32 {
    match id == model.pad_id {
        true => (id + 1) % model.plan.vocab_size.max(1) as u32,
        false => id,
    }
}

/// Sequences filled up to the longest with their own tokens, so that the work is that of an engine
/// which computes its padding.
fn filled_up(batch: &[&Encoding]) -> Vec<Encoding> {
    let longest = batch.iter().map(|e| e.len()).max().unwrap_or(0);
    let fill = |ids: &[u32]| ids.iter().copied().cycle().take(longest).collect();
    batch
        .iter()
        .map(|e| Encoding {
            input_ids: fill(&e.input_ids),
            token_type_ids: fill(&e.token_type_ids),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use act_core::testing::{TinyOptions, tiny_artifact};

    use super::*;

    /// Sequences of 1 to 9 tokens, told apart by their first id.
    fn encodings(n: u32) -> Vec<Encoding> {
        let encoding = |i: u32| Encoding {
            input_ids: vec![5 + i; 1 + i as usize % 9],
            token_type_ids: vec![0; 1 + i as usize % 9],
        };
        (0..n).map(encoding).collect()
    }

    fn batches_of(padding: Padding, batch: usize, encodings: &[Encoding]) -> Vec<Batch> {
        let model = Model::new(tiny_artifact(1, &TinyOptions::default()), "tiny", 1).unwrap();
        let contestant = Contestant {
            model: &model,
            encodings,
        };
        batches(Setting { batch, padding }, &contestant, Seed(42))
    }

    #[test]
    fn fixed_batches_are_full_and_hold_no_padding() {
        let made = batches_of(Padding::Fixed(30), 8, &[]);
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].lengths, [30; 8]);
        assert!(made[0].input_ids.iter().all(|&id| id != 0 && id < 128));
    }

    #[test]
    fn own_lengths_are_kept_and_every_example_comes() {
        let examples = encodings(10);
        let made = batches_of(Padding::None, 4, &examples);
        assert!(made.iter().all(|b| b.sequences() == 4));
        let firsts = made.iter().flat_map(|b| {
            let starts = b.lengths.iter().scan(0, |at, n| {
                *at += n;
                Some(*at - n)
            });
            starts.map(|at| b.input_ids[at]).collect::<Vec<_>>()
        });
        let mut seen: Vec<u32> = firsts.collect();
        assert_ne!(seen, (5..17).collect::<Vec<_>>(), "file order");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, (5..15).collect::<Vec<_>>());
    }

    #[test]
    fn padding_fills_the_same_batches_up_to_their_longest() {
        let examples = encodings(40);
        let own = batches_of(Padding::None, 4, &examples);
        let longest = batches_of(Padding::Longest, 4, &examples);
        for (own, longest) in own.iter().zip(&longest) {
            let most = *own.lengths.iter().max().unwrap();
            assert_eq!(longest.lengths, [most; 4]);
            assert!(
                own.input_ids
                    .iter()
                    .all(|id| longest.input_ids.contains(id))
            );
        }
    }

    #[test]
    fn fewer_examples_than_a_batch_come_again() {
        let made = batches_of(Padding::None, 32, &encodings(3));
        assert_eq!(made.iter().map(Batch::sequences).collect::<Vec<_>>(), [32]);
    }
}
