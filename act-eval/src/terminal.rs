//! A comparison for a terminal of 80 columns: the sentence that it comes to, and tables that fit. What is left
//! out here stands in the Markdown, the page and the JSON.

use std::fmt::Write as _;

use crate::comparison::Comparison;
use crate::conclusion::sentence;
use crate::markdown::classes::figures_alone;
use crate::markdown::headline;
use crate::table::{self, Table, points, times};

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
