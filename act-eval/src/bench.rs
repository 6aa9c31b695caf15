//! `act-eval bench`: latency, throughput and memory of a model, of two against each other, or of
//! one on 1, 2, 4 threads and so on; interleaved run by run, so that ratios survive a busy machine.

use std::path::PathBuf;

use act_core::Result;
use act_data::Encoded;
use act_stage::memory::Memory;
use act_stage::report::{BenchDetails, LatencyReport, Reference, Report, Speedup};
use act_stage::{Context, Exit};

use crate::args::LatencyArgs;
use crate::evaluation::open_split;
use crate::latency::{Contestant, Race, latency_table, race_all, unsteady};
use crate::model::{Model, stem};
use crate::output::{self, Printed, synthetic_tag};
use crate::table;

/// Arguments of `act-eval bench`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Model; `-` is standard input.
    #[arg(default_value = "-", value_name = "MODEL")]
    pub model: PathBuf,
    /// Another model to measure against, run by run in turn.
    #[arg(long, value_name = "MODEL")]
    pub compare: Option<PathBuf>,
    /// Measure 1, 2, 4 .. threads, up to --threads or else every core, against one.
    #[arg(long, conflicts_with = "compare")]
    pub scaling: bool,
    /// Print the JSON report instead.
    #[arg(long)]
    pub json: bool,
    /// How to measure.
    #[command(flatten)]
    pub latency: LatencyArgs,
}

/// Runs the subcommand.
pub fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    args.latency.judge.report.check(ctx)?;
    let models = load(args, ctx)?;
    let mut settings = args.latency.settings(&models);
    let judge = &args.latency.judge;
    let data = if judge.data.folder.is_none() {
        log::warn!("without --data only the padded setting is measured");
        settings.retain(|s| !s.needs_data());
        None
    } else {
        Some(open_split(ctx, &models[0], judge)?)
    };
    let encoded: Vec<Option<Encoded>> = models
        .iter()
        .map(|m| data.as_ref().map(|d| d.encode(&m.tokenizer)).transpose())
        .collect::<Result<_>>()?;
    let last = encoded.last().and_then(Option::as_ref);
    let cut = last.map(|encoded| encoded.lengths.cut());
    let examples = data.as_ref().map_or(&[][..], |d| &d.examples);
    let contestants: Vec<Contestant<'_>> = models
        .iter()
        .zip(&encoded)
        .map(|(model, encoded)| Contestant {
            model,
            encodings: encoded.as_ref().map_or(&[][..], |e| &e.encodings),
            examples,
        })
        .collect();
    let (budget, seed) = (args.latency.budget(), args.latency.seed());
    let progress = ctx.progress();
    let races = race_all(&settings, &contestants, &budget, seed, &progress)?;
    progress.finish();

    let memory = Memory::of_this_process();
    let mut report = describe(args, &models, &races, memory);
    if let Some(data) = &data {
        report.set_dataset(&data.record, cut);
    }
    let text = if args.json {
        Printed::Json(output::json(&report)?)
    } else {
        let names: Vec<&str> = models.iter().map(|m| m.name.as_str()).collect();
        let conditions = conditions(&report, &models);
        if let Some(sentence) = unsteady(&names, &races) {
            log::warn!("{sentence}");
        }
        Printed::Text(format!("{}{conditions}\n", latency_table(&names, &races)))
    };
    judge.report.write(ctx, report)?;
    output::print(ctx, &text)?;
    Ok(Exit::Done)
}

/// The contestants: the reference of the ratio first, the model in question last.
fn load(args: &Args, ctx: &Context) -> Result<Vec<Model>> {
    if !args.scaling {
        let paths = args.compare.iter().chain([&args.model]);
        let load = |path: &PathBuf| Model::load(ctx, path, &stem(path), args.latency.threads());
        return paths.map(load).collect();
    }
    let artifact = ctx.read_artifact(&args.model)?;
    let load = |threads| {
        let name = match threads {
            1 => "1 thread".to_string(),
            n => format!("{n} threads"),
        };
        Model::new(artifact.clone(), &name, threads)
    };
    thread_counts(args.latency.most_threads())
        .into_iter()
        .map(load)
        .collect()
}

/// 1, 2, 4 and so on below `most`, then `most`.
fn thread_counts(most: usize) -> Vec<usize> {
    let doubled = std::iter::successors(Some(1usize), |n| n.checked_mul(2));
    doubled.take_while(|&n| n < most).chain([most]).collect()
}

/// The report of the last model; the first, if it is another, is what it was compared with. With
/// `--scaling` there is one model, and a row for each setting and number of threads.
fn describe(args: &Args, models: &[Model], races: &[Race], memory: Memory) -> Report<BenchDetails> {
    let last = models.len() - 1;
    let mut report = models[last].report.clone().with(BenchDetails {
        memory,
        speedups: None,
        compared_with: None,
    });
    for model in models {
        report.mark_synthetic(model.report.synthetic);
    }
    let latency =
        |of: usize| -> Vec<LatencyReport> { races.iter().map(|r| r.latency[of].clone()).collect() };
    let speedups = |of: usize| races.iter().map(move |r| r.speedup(of));
    if args.scaling {
        report.latency = (0..=last).flat_map(latency).collect();
        report.details.speedups = Some((1..=last).flat_map(speedups).collect());
    } else {
        report.latency = latency(last);
        if last > 0 {
            let speedups: Vec<Speedup> = speedups(last).collect();
            report.speedup = speedups.first().map(|s| s.ratio.median);
            report.details.speedups = Some(speedups);
            report.details.compared_with = Some(Reference {
                model: models[0].report.model.clone(),
                latency: latency(0),
            });
        }
    }
    report
}

/// What a reader must know beside the table.
fn conditions(report: &Report<BenchDetails>, models: &[Model]) -> String {
    let mut threads: Vec<String> = (models.iter())
        .map(|m| m.engine.threads().to_string())
        .collect();
    threads.dedup();
    let lengths = match &report.dataset {
        Some(d) => format!("; lengths of {}/{}", d.name, d.split),
        None => String::new(),
    };
    let loaded = match models.len() {
        1 => String::new(),
        n => format!(" with {n} engines loaded"),
    };
    let tag = synthetic_tag(report.synthetic);
    let memory = memory_in_words(&report.details.memory);
    let (threads, cpu) = (threads.join(", "), &report.host.cpu);
    format!("{threads} thread(s) of {cpu}{lengths}; {memory}{loaded}{tag}")
}

/// `peak memory 116.0 MB, 53.0 MB of it its own`, or that it is not known.
fn memory_in_words(memory: &Memory) -> String {
    let Some(peak) = memory.peak_bytes else {
        return "memory not known here".into();
    };
    let own = memory.own_bytes.map_or(String::new(), |own| {
        format!(", {} of it its own", table::bytes(own))
    });
    format!("peak memory {}{own}", table::bytes(peak))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_where_it_is_known() {
        let mut memory = Memory {
            peak_bytes: Some(121_634_816),
            own_bytes: Some(55_574_528),
        };
        let words = "peak memory 121.6 MB, 55.6 MB of it its own";
        assert_eq!(memory_in_words(&memory), words);
        memory.peak_bytes = None;
        assert_eq!(memory_in_words(&memory), "memory not known here");
    }

    #[test]
    fn threads_double_up_to_the_most() {
        assert_eq!(thread_counts(1), [1]);
        assert_eq!(thread_counts(2), [1, 2]);
        assert_eq!(thread_counts(6), [1, 2, 4, 6]);
        assert_eq!(thread_counts(8), [1, 2, 4, 8]);
    }
}
