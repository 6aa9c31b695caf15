//! What a comparison comes to: a sentence that names the models, and the tables that fit a terminal of 80
//! columns. What is left out here stands in the Markdown, the page and the JSON.

use std::cmp::Ordering;
use std::fmt::Write as _;

use act_stage::report::{ComparedModel, PairedDifference};

use crate::comparison::Comparison;
use crate::markdown::classes::figures_alone;
use crate::markdown::headline;
use crate::table::{self, Table, points, points_interval, times};

/// Columns of a terminal.
const COLUMNS: usize = 80;

/// What is printed: the sentence, the figures of every model, and what is wrong with them.
pub fn text(comparison: &Comparison) -> String {
    let mut text = String::new();
    if comparison.report.synthetic {
        text += "(synthetic sample)\n\n";
    }
    if let Some(sentence) = sentence(comparison) {
        text += &wrapped(&sentence);
        text.push('\n');
    }
    text += &models(comparison).plain();
    let figures = figures_alone(comparison.models());
    if figures.header().len() > 1 {
        let _ = write!(text, "\n{}", figures.plain());
    }
    for warning in comparison.warnings() {
        let _ = write!(text, "\n{}", wrapped(&format!("Warning: {warning}.")));
    }
    for cut in comparison.cuts() {
        let _ = write!(text, "\n{}", wrapped(&format!("{cut}.")));
    }
    text
}

/// A row a model: what it answers, takes and lasts.
fn models(comparison: &Comparison) -> Table {
    let rows = comparison.models();
    let setting = comparison
        .races
        .first()
        .map(|race| race.setting.to_string());
    let mut header = vec![
        "model".to_string(),
        format!("{} (95 %)", headline(rows).title()),
    ];
    header.extend(["points".into(), "file".into(), "smaller".into()]);
    header.extend(setting.map(|setting| setting.replace(" x ", "x") + ", ms"));
    header.push("faster".into());
    let timed = !comparison.races.is_empty();
    let mut table = Table::new(header);
    for row in rows {
        let compared = row.difference.as_ref();
        let mut cells = vec![
            row.name.clone(),
            table::accuracy(&row.accuracy, 2),
            compared.map(|d| points(d.value)).unwrap_or_default(),
            table::bytes(row.model.bytes),
            compared.map(|_| times(row.size_ratio)).unwrap_or_default(),
        ];
        let latency = row.latency.first();
        cells.extend(timed.then(|| latency.map(|l| table::ms(l.median_ms)).unwrap_or_default()));
        let speedup = row.speedups.first();
        cells.push(speedup.map(|s| times(s.ratio.median)).unwrap_or_default());
        table.push(cells);
    }
    table
}

/// Of the last model against the first; `None` of one model.
pub fn sentence(comparison: &Comparison) -> Option<String> {
    let (last, earlier) = comparison.models().split_last()?;
    let first = earlier.first()?;
    let size = match last.size_ratio {
        same if (same - 1.0).abs() < 0.005 => "no smaller".to_string(),
        smaller if smaller >= 1.0 => format!("{} smaller", times(smaller)),
        smaller => format!("{} larger", times(1.0 / smaller.max(1e-9))),
    };
    let (name, base) = (&last.name, &first.name);
    let time = last.speedups.first().zip(comparison.races.first());
    let mut sentence = match time {
        None => format!("{name} is {size} than {base}."),
        Some((speedup, race)) => {
            let (ratio, setting) = (speedup.ratio, race.setting);
            let (median, low, high) = (times(ratio.median), times(ratio.p5), times(ratio.p95));
            if ratio.is_unsteady() {
                format!(
                    "{name} is {size} than {base}; how fast it is at {setting} could not be told on a busy machine \
                     ({low} .. {high})."
                )
            } else {
                format!(
                    "{name} is {median} as fast as {base} at {setting} ({low} .. {high}) and {size}."
                )
            }
        }
    };
    if let Some(difference) = &last.difference {
        sentence += &format!(" {}.", answers(first, last, difference));
    }
    Some(sentence)
}

/// The interval to trust: over groups where examples depend on each other.
pub fn interval(d: &PairedDifference) -> (f64, f64) {
    d.grouped.map_or((d.low, d.high), |g| (g.low, g.high))
}

/// `Greater` or `Less` where the interval leaves out 0.
pub fn direction(d: &PairedDifference) -> Ordering {
    match interval(d) {
        (low, _) if low > 0.0 => Ordering::Greater,
        (_, high) if high < 0.0 => Ordering::Less,
        _ => Ordering::Equal,
    }
}

fn answers(first: &ComparedModel, last: &ComparedModel, d: &PairedDifference) -> String {
    let figure = last.accuracy.metric.title();
    let (low, high) = interval(d);
    let found = format!(
        "{} points ({}, 95 %)",
        points(d.value),
        points_interval(low, high)
    );
    match direction(d) {
        Ordering::Greater => format!("Its {figure} is better: {found}"),
        Ordering::Less => format!("Its {figure} is worse: {found}"),
        Ordering::Equal => format!(
            "{} examples cannot tell its {figure} from {}'s: {found}",
            last.accuracy.n, first.name
        ),
    }
}

/// In lines that fit; a longer word stands alone.
fn wrapped(text: &str) -> String {
    // A number keeps its unit beside it.
    let text = text.replace(" %", "\u{a0}%");
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let width = table::width(word);
        if used > 0 && used + 1 + width > COLUMNS {
            lines.push('\n');
            used = 0;
        } else if used > 0 {
            lines.push(' ');
            used += 1;
        }
        lines += word;
        used += width;
    }
    lines.replace('\u{a0}', " ") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_a_terminal_whatever_the_script() {
        let text = wrapped(&"一二三四五六七八九十 words ".repeat(20));
        assert!(
            text.lines().all(|line| table::width(line) <= COLUMNS),
            "{text}"
        );
        assert_eq!(text.split_whitespace().count(), 40);
        let long = "x".repeat(100);
        assert_eq!(wrapped(&format!("a {long} b")), format!("a\n{long}\nb\n"));
    }
}
