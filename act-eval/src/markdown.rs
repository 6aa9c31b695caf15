//! A comparison as Markdown: the table people look for first, then what stands behind it. Writes
//! down what was measured and measures nothing.

mod answers;
pub mod classes;

use act_core::metrics::Metric;
use act_stage::report::{ComparedModel, Host, ModelReport};

use crate::comparison::Comparison;
use crate::conclusion;
use crate::latency::latency_table;
use crate::lineage::{short, tree};
use crate::model::Model;
use crate::output::synthetic_tag;
use crate::table::{self, Table};
use crate::{operators, promised, quantised, sites};

/// What stands in a table's last row if its figures rest on the bundled corpus.
pub(crate) const SYNTHETIC_ROW: &str = "(synthetic sample)";

/// The table: every model's accuracy, size, latency and speed-up in the first setting.
pub fn summary(comparison: &Comparison) -> Table {
    let setting = comparison
        .races
        .first()
        .map(|r| r.setting.to_string())
        .unwrap_or_default();
    let mut table = Table::new([
        "model".to_string(),
        "precision".into(),
        format!("{} (95 %)", headline(comparison.models()).title()),
        "difference, points".into(),
        "parameters".into(),
        "file".into(),
        "smaller".into(),
        format!("{setting}, ms"),
        "faster".into(),
    ])
    .with_text_columns(2);
    for row in comparison.models() {
        let latency = row.latency.first();
        let first = row.difference.is_none();
        table.push([
            row.name.clone(),
            row.model.precision.clone(),
            table::accuracy(&row.accuracy, 2),
            row.difference
                .map(|d| table::points(d.value))
                .unwrap_or_default(),
            table::count(row.model.parameters),
            table::bytes(row.model.bytes),
            if first {
                String::new()
            } else {
                table::times(row.size_ratio)
            },
            latency.map(|l| table::ms(l.median_ms)).unwrap_or_default(),
            row.speedups
                .first()
                .map(|s| table::times(s.ratio.median))
                .unwrap_or_default(),
        ]);
    }
    if comparison.report.synthetic {
        table.push([SYNTHETIC_ROW]);
    }
    table
}

/// What the models' accuracies are: of scores a correlation.
pub fn headline(rows: &[ComparedModel]) -> Metric {
    rows.first()
        .map_or(Metric::Accuracy, |row| row.accuracy.metric)
}

/// The tables, and under them what is wrong with the figures and what was not read of the texts.
fn verdict(comparison: &Comparison) -> String {
    let warnings = comparison.warnings().into_iter();
    let warnings = warnings.map(|w| format!("\nWarning: {w}.\n"));
    let cuts = comparison.cuts().into_iter().map(|c| format!("\n{c}.\n"));
    let figures = classes::figures(comparison.models());
    format!("{}\n{figures}", summary(comparison)) + &warnings.chain(cuts).collect::<String>()
}

/// The whole document.
pub fn document(comparison: &Comparison, models: &[Model]) -> String {
    let report = &comparison.report;
    let mut text = String::new();
    let mut say = |part: &str| {
        text.push_str(part);
        text.push('\n');
    };
    say(&format!(
        "# {}: compression report{}\n",
        report.task,
        synthetic_tag(report.synthetic)
    ));
    if let Some(notice) = &report.notice {
        say(&format!("> **{notice}**\n"));
    }
    if let Some(data) = &report.dataset {
        let tag = synthetic_tag(data.synthetic);
        let digest = short(&data.digest);
        let held_out = data.held_out.as_ref();
        let held_out = held_out.map_or(String::new(), |what| format!(" ({what})"));
        say(&format!(
            "Judged on {}/{}{held_out}, {} examples, digest {digest}{tag}. {INTERVALS}\n",
            data.name, data.split, data.examples,
        ));
    }
    if let Some(sentence) = conclusion::sentence(comparison) {
        say(&format!("**{sentence}**\n"));
    }
    say(&verdict(comparison));
    if let Some(promise) = &comparison.details().promise {
        say(&format!("## Promise{}\n", synthetic_tag(report.synthetic)));
        let said = promised::sentences(promise);
        said.iter()
            .for_each(|sentence| say(&format!("{sentence}\n")));
        say(&promised::frontier(promise).to_string());
    }
    say(&format!("## Latency{}\n", synthetic_tag(report.synthetic)));
    say(&format!("{}\n", measured_on(&report.host, comparison)));
    say(&latency(comparison).to_string());
    say(&format!("{OPERATORS}\n"));
    say(&operators(comparison).to_string());
    if comparison.models().len() > 1 {
        say(&format!(
            "## Paired differences{}\n",
            synthetic_tag(report.synthetic)
        ));
        say(PAIRED);
        say(&paired(comparison.models(), report.synthetic).to_string());
    }
    say(&classes::section(comparison));
    say("## Layers\n\nAttention heads and feed-forward neurons, layer by layer.\n");
    say(&layers(comparison.models()).to_string());
    say(&answers::sections(comparison));
    for model in models {
        if !model.sites.is_empty() {
            say(&format!("## Quantisation of {}\n", model.name));
            if let Some(how) = &model.quantised {
                let lines = [Some(quantised::sentence(how)), quantised::course(how)];
                lines
                    .iter()
                    .flatten()
                    .for_each(|line| say(&format!("{line}\n")));
            }
            say(&format!("{}\n", sites::EXPLANATION));
            say(&sites::table(&model.sites).to_string());
        }
    }
    say("## Lineage\n");
    for model in models {
        say(&lineage(model));
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// How to read the figures of a comparison.
pub const INTERVALS: &str = "\
Intervals are 95 % Wilson score intervals, of correlations Fisher's; differences, ratios and speed-ups are against the first \
model.";

/// How to read the parts of the forward pass.
pub const OPERATORS: &str = "\
Milliseconds of each part of the forward pass, one thread, in the first setting: medians of three.";

/// The parts of the forward pass.
pub fn operators(comparison: &Comparison) -> Table {
    operators::table(&comparison.names(), &comparison.details().operators)
}

/// How to read the paired differences.
pub const PAIRED: &str = "\
Accuracy minus the first model's on the same examples, in points, with Newcombe's 95 % interval for
paired proportions; how many examples only one of the two gets right; p-value of McNemar's exact
test. Where examples share an abstract, the interval by groups is the one to trust: a bootstrap over
abstracts. Of scores it is Pearson's correlation times 100, with interval and p-value from drawing the
examples anew, and how many scores are nearer to the right ones.
";

/// Where and how latency was measured.
pub fn measured_on(host: &Host, comparison: &Comparison) -> String {
    let latencies = comparison.models().iter().flat_map(|r| &r.latency);
    let threads = latencies.map(|l| l.threads).max().unwrap_or(1);
    let rounds: Vec<String> = comparison
        .races
        .iter()
        .filter_map(|r| r.speedup.first().map(|s| s.rounds.to_string()))
        .collect();
    format!(
        "{threads} thread(s) of {} ({} cores, {}, {}; {}). The models run in turn, round by round \
         ({} rounds); speed-ups are medians over rounds, with the 5th and 95th percentile. \
         `x 128` is a full batch of that length, `longest` a batch padded to its longest sequence, \
         `own length` the data's lengths with no padding computed, `text` the same with tokenising \
         included, on the calling thread.",
        host.cpu,
        host.cores,
        host.os,
        host.arch,
        host.features.join(" "),
        rounds.join(", "),
    )
}

/// Every model in every setting.
pub fn latency(comparison: &Comparison) -> Table {
    let mut table = latency_table(&comparison.names(), &comparison.races);
    if comparison.report.synthetic {
        table.push([SYNTHETIC_ROW]);
    }
    table
}

/// Accuracies against the first model, on the same examples.
pub fn paired(rows: &[ComparedModel], synthetic: bool) -> Table {
    let grouped = |row: &ComparedModel| row.difference.and_then(|d| d.grouped);
    let columns = if rows.iter().any(|r| grouped(r).is_some()) {
        7
    } else {
        6
    };
    let header = [
        "model",
        "difference",
        "95 % interval",
        "only this",
        "only first",
        "p",
        "95 % by groups",
    ];
    let mut table = Table::new(header.into_iter().take(columns));
    let interval = table::points_interval;
    for row in rows {
        let Some(d) = &row.difference else { continue };
        let cells = [
            row.name.clone(),
            table::points(d.value),
            interval(d.low, d.high),
            d.only_model.to_string(),
            d.only_reference.to_string(),
            table::p_value(d.p_value),
        ];
        let groups = d
            .grouped
            .map(|g| format!("{} ({} groups)", interval(g.low, g.high), g.groups));
        table.push(cells.into_iter().chain(groups));
    }
    if synthetic {
        table.push([SYNTHETIC_ROW]);
    }
    table
}

/// One column a layer: `9 / 2304` is nine heads and 2304 neurons.
fn layers(rows: &[ComparedModel]) -> Table {
    let most = rows.iter().map(|r| r.model.layers.len()).max().unwrap_or(0);
    let numbers = (0..most).map(|l| format!("layer {l}"));
    let mut table = Table::new(["model".to_string()].into_iter().chain(numbers));
    for row in rows {
        table.push(
            [row.name.clone()]
                .into_iter()
                .chain(layer_cells(&row.model)),
        );
    }
    table
}

fn layer_cells(model: &ModelReport) -> impl Iterator<Item = String> {
    model
        .layers
        .iter()
        .map(|l| format!("{} / {}", l.heads, l.intermediate_size))
}

fn lineage(model: &Model) -> String {
    let (name, digest) = (&model.name, &model.report.model.digest);
    match model.provenance.as_slice() {
        [] => format!("{name} `{digest}`: nothing is recorded\n"),
        records => format!("{name} `{digest}`\n\n```text\n{}```\n", tree(records)),
    }
}
