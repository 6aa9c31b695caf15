//! The tables of a summary.

use act_stage::report::{ComparedModel, Padding};

use super::average::{Average, Comparison, Interval, ends, interval};
use crate::table::{self, Table, points};

/// Everything that is printed.
pub(super) fn text(reports: &[Comparison]) -> String {
    let mark = if reports.iter().any(|r| r.synthetic) {
        "(synthetic sample)\n\n"
    } else {
        ""
    };
    format!(
        "{mark}{}\n{}\n{}{}\n{}",
        accuracies(reports),
        differences(reports),
        warnings(reports),
        latencies(reports),
        conditions(reports)
    )
}

fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}

/// A row a model, a column a task, as in the reference.
pub(super) fn accuracies(reports: &[Comparison]) -> Table {
    let tasks = reports.iter().map(|r| r.task.to_uppercase());
    let header = ["model".to_string()]
        .into_iter()
        .chain(tasks)
        .chain(["AVG".into()]);
    let mut table = Table::new(header);
    let average = Average::new(reports);
    let mut row = |name: &str, of: &dyn Fn(&Comparison) -> f64, mean: f64| {
        let cells = reports.iter().map(|r| percent(of(r)));
        table.push(
            [name.to_string()]
                .into_iter()
                .chain(cells)
                .chain([percent(mean)]),
        );
    };
    let (first, last) = ends(&reports[0]);
    row(&first.name, &|r| ends(r).0.accuracy.value, average.base);
    row(
        &last.name,
        &|r| ends(r).1.accuracy.value,
        average.compressed,
    );
    table
}

/// A row a task: how far the difference can be trusted.
pub(super) fn differences(reports: &[Comparison]) -> Table {
    let mut table = Table::new([
        "task",
        "verdict",
        "examples",
        "base, %",
        "compressed, %",
        "difference, points",
        "95 % interval",
        "p",
    ])
    .with_text_columns(2);
    for report in reports {
        let (first, last) = ends(report);
        let Some(d) = &last.difference else { continue };
        let i = interval(d);
        table.push([
            report.task.clone(),
            match first.warning {
                Some(_) => NOTHING.into(),
                None => verdict(i).into(),
            },
            last.accuracy.n.to_string(),
            with_interval(first),
            with_interval(last),
            points(d.value),
            format!("{} .. {}", points(i.low), points(i.high)),
            format!("{:.3}", d.p_value),
        ]);
    }
    let average = Average::new(reports);
    let i = average.interval;
    table.push([
        "average".to_string(),
        verdict(i).into(),
        String::new(),
        percent(average.base),
        percent(average.compressed),
        points(average.difference),
        format!("{} .. {}", points(i.low), points(i.high)),
    ]);
    table
}

/// Instead of a verdict, where the base had nothing to lose.
const NOTHING: &str = "nothing learned";

/// A line for each base or compressed model whose accuracy means nothing.
pub(super) fn warnings(reports: &[Comparison]) -> String {
    let models = reports.iter().flat_map(|r| {
        let (first, last) = ends(r);
        [first, last].map(|model| (&r.task, model))
    });
    let lines = models.filter_map(|(task, model)| {
        let warning = model.warning.as_ref()?;
        Some(format!("Warning: {task}, {}: {warning}.\n", model.name))
    });
    match lines.collect::<String>() {
        lines if lines.is_empty() => lines,
        lines => lines + "\n",
    }
}

fn with_interval(model: &ComparedModel) -> String {
    let a = &model.accuracy;
    format!(
        "{} ({} .. {})",
        percent(a.value),
        percent(a.low),
        percent(a.high)
    )
}

pub(super) fn verdict(interval: Interval) -> &'static str {
    match interval {
        i if i.high < 0.0 => "worse",
        i if i.low > 0.0 => "better",
        _ => "within noise",
    }
}

/// A row a task: size and latency in the first setting.
pub(super) fn latencies(reports: &[Comparison]) -> Table {
    let mut table = Table::new([
        "task", "setting", "FP32, ms", "INT8, ms", "speed-up", "file", "smaller",
    ])
    .with_text_columns(2);
    for report in reports {
        let (first, last) = ends(report);
        let (Some(before), Some(after)) = (first.latency.first(), last.latency.first()) else {
            continue;
        };
        let setting = match before.padding {
            Padding::Fixed => format!("{} x {}", before.batch, before.seq),
            padding => format!("{} x {}", before.batch, padding.name()),
        };
        // A column says what it holds; a model of another precision says so itself.
        let cell =
            |model: &ComparedModel, ms: f64, expected: &str| match model.model.precision.as_str() {
                p if p == expected => table::ms(ms),
                p => format!("{} ({p})", table::ms(ms)),
            };
        table.push([
            report.task.clone(),
            setting,
            cell(first, before.median_ms, "f32"),
            cell(last, after.median_ms, "int8"),
            last.speedups
                .first()
                .map(|s| table::times(s.ratio.median))
                .unwrap_or_default(),
            table::bytes(last.model.bytes),
            table::times(last.size_ratio),
        ]);
    }
    if let Some(speedup) = Average::new(reports).speedup {
        let mut row = vec!["geometric mean".to_string()];
        row.resize(4, String::new());
        row.push(table::times(speedup));
        table.push(row);
    }
    table
}

/// What a reader must know beside the tables.
pub(super) fn conditions(reports: &[Comparison]) -> String {
    let latencies = || {
        reports
            .iter()
            .flat_map(|r| &r.details.models)
            .flat_map(|m| &m.latency)
    };
    let threads = latencies().map(|l| l.threads).max().unwrap_or(1);
    let mut hosts: Vec<&str> = reports.iter().map(|r| r.host.cpu.as_str()).collect();
    hosts.dedup();
    format!(
        "{threads} thread(s) of {}. Differences are paired, against the first model; CSL's interval is \
         a bootstrap over abstracts.\n",
        hosts.join(", ")
    )
}
