//! `act-eval bench`: latency and throughput of a model, or of two against each other, interleaved
//! run by run so that their ratio survives a busy machine.

use std::path::PathBuf;
use std::time::Duration;

use act_core::cli::{CommonArgs, Context, Exit};
use act_core::provenance::DataRecord;
use act_core::report::Report;
use act_core::{Encoding, Result};
use act_data::Split;
use serde_json::json;

use crate::args;
use crate::evaluation::open_split;
use crate::latency::{Contestant, Race, Setting, Speedup, latency_table, race_all};
use crate::model::{Model, stem};
use crate::output::{self, synthetic_tag};
use crate::table::Table;
use crate::timing::Budget;

/// How latency is measured; shared with `act-eval report`.
#[derive(Debug, Clone, clap::Args)]
pub struct LatencyArgs {
    /// Sequences in a batch.
    #[arg(long, default_value_t = 32, value_parser = args::at_least_one, value_name = "N")]
    pub batch: usize,
    /// Tokens of every sequence in the padded setting.
    #[arg(long, default_value_t = 128, value_parser = args::at_least_one, value_name = "N")]
    pub seq: usize,
    /// Time for each setting, all models together.
    #[arg(long, default_value_t = 3.0, value_parser = args::seconds, value_name = "S")]
    pub seconds: f64,
    /// Exactly this many runs in each setting instead.
    #[arg(long, value_parser = args::at_least_one, value_name = "N")]
    pub runs: Option<usize>,
}

impl LatencyArgs {
    /// When a setting has been measured enough.
    pub fn budget(&self) -> Budget {
        Budget {
            time: Duration::from_secs_f64(self.seconds),
            rounds: self.runs,
        }
    }

    /// The standard settings, no longer than every model allows.
    pub fn settings<'a>(&self, models: impl IntoIterator<Item = &'a Model>) -> Vec<Setting> {
        let positions = models
            .into_iter()
            .map(|m| m.plan.max_position_embeddings)
            .min();
        let seq = positions.map_or(self.seq, |most| most.min(self.seq));
        if seq < self.seq {
            log::warn!(
                "a model has only {seq} positions: measuring {seq} tokens, not {}",
                self.seq
            );
        }
        Setting::standard(self.batch, seq)
    }
}

/// Arguments of `act-eval bench`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    mut_arg("device", |a| a.hide(true)),
    mut_arg("strict", |a| a.hide(true)),
    mut_arg("threads", |a| a.default_value("1").help("Threads to measure with; 0: every core"))
)]
pub struct Args {
    /// Model; `-` is standard input.
    #[arg(default_value = "-", value_name = "MODEL")]
    pub model: PathBuf,
    /// Another model to measure against, run by run in turn.
    #[arg(long, value_name = "MODEL")]
    pub compare: Option<PathBuf>,
    /// How to measure.
    #[command(flatten)]
    pub latency: LatencyArgs,
    /// Split whose lengths are used: train, dev, test.
    #[arg(long, default_value = "dev", value_parser = args::split, value_name = "SPLIT")]
    pub split: Split,
    /// Print the JSON report instead.
    #[arg(long)]
    pub json: bool,
    /// What every program has.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Runs the subcommand.
pub fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    // The reference of the ratio comes first, the model in question last.
    let mut models = Vec::new();
    for path in args.compare.iter().chain([&args.model]) {
        models.push(Model::load(ctx, path, &stem(path), ctx.threads())?);
    }
    let mut settings = args.latency.settings(&models);
    let data = if args.common.data.is_none() && ctx.data_dir().is_err() {
        log::warn!("without --data only the padded setting is measured");
        settings.retain(|s| !s.needs_data());
        None
    } else {
        Some(open_split(ctx, &models[0], args.split)?)
    };
    let encodings: Vec<Vec<Encoding>> = models
        .iter()
        .map(|m| {
            data.as_ref()
                .map_or(Ok(Vec::new()), |d| d.encode(&m.tokenizer))
        })
        .collect::<Result<_>>()?;
    let examples = data.as_ref().map_or(&[][..], |d| &d.examples);
    let contestants: Vec<Contestant<'_>> = models
        .iter()
        .zip(&encodings)
        .map(|(model, encodings)| Contestant {
            model,
            encodings,
            examples: examples,
        })
        .collect();
    let races = race_all(ctx, &settings, &contestants, &args.latency.budget())?;

    let record = data.as_ref().map(|d| &d.record);
    let report = describe(&models, &races, record);
    let text = if args.json {
        output::json(&report)?
    } else {
        format!(
            "{}{}\n",
            table(&models, &races),
            conditions(&report, ctx.threads())
        )
    };
    ctx.write_report(report)?;
    output::print(ctx, &text)?;
    Ok(Exit::Done)
}

/// The report of the last model; the first, if it is another, is what it was compared with.
fn describe(models: &[Model], races: &[Race], data: Option<&DataRecord>) -> Report {
    let last = models.len() - 1;
    let mut report = models[last].report.clone();
    if models.iter().any(|m| m.report.synthetic) {
        output::mark_synthetic(&mut report);
    }
    if let Some(record) = data {
        report.set_dataset(record);
    }
    report.latency = races.iter().map(|r| r.latency[last].clone()).collect();
    if last > 0 {
        let speedups: Vec<Speedup> = races.iter().map(|r| r.speedup(last)).collect();
        let latency: Vec<_> = races.iter().map(|r| &r.latency[0]).collect();
        let reference = json!({"model": models[0].report.model, "latency": latency});
        report.speedup = speedups.first().map(|s| s.ratio.median);
        report.details.insert("speedups".into(), json!(speedups));
        report.details.insert("compared_with".into(), reference);
    }
    report
}

fn table(models: &[Model], races: &[Race]) -> Table {
    let names: Vec<&str> = models.iter().map(|m| m.name.as_str()).collect();
    latency_table(&names, races)
}

/// What a reader must know beside the table.
fn conditions(report: &Report, threads: usize) -> String {
    let lengths = match &report.dataset {
        Some(d) => format!("; lengths of {}/{}", d.name, d.split),
        None => String::new(),
    };
    let tag = synthetic_tag(report.synthetic);
    format!("{threads} thread(s) of {}{lengths}{tag}", report.host.cpu)
}
