//! Tables, as aligned Markdown (one rendering that a terminal and a web page both show well) or cell
//! by cell for others to render, and the few ways in which numbers are written in a cell. Knows
//! nothing of what the cells mean.

use std::fmt;

use act_core::metrics::Accuracy;

/// A table; text columns come first and stand left, numbers follow and stand right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    header: Vec<String>,
    text_columns: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows, whose first column is text.
    pub fn new<S: Into<String>>(header: impl IntoIterator<Item = S>) -> Self {
        Self {
            header: header.into_iter().map(|c| cell(c.into())).collect(),
            text_columns: 1,
            rows: Vec::new(),
        }
    }

    /// The same table with so many columns of text.
    #[must_use]
    pub fn with_text_columns(mut self, columns: usize) -> Self {
        self.text_columns = columns;
        self
    }

    /// Adds a row; missing cells stay empty, surplus ones are a caller's bug.
    pub fn push<S: Into<String>>(&mut self, row: impl IntoIterator<Item = S>) {
        let mut row: Vec<String> = row.into_iter().map(|c| cell(c.into())).collect();
        assert!(
            row.len() <= self.header.len(),
            "a row wider than its header"
        );
        row.resize(self.header.len(), String::new());
        self.rows.push(row);
    }

    /// The names of the columns.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The rows, each as wide as the header.
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    /// True for a column of text, which stands left.
    pub fn is_text(&self, column: usize) -> bool {
        column < self.text_columns
    }
}

impl Table {
    /// The same for a terminal: two blanks between columns, no rules.
    pub fn plain(&self) -> String {
        let lines = || std::iter::once(&self.header).chain(&self.rows);
        let widest = |column: usize| lines().map(|row| width(&row[column])).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.header.len()).map(widest).collect();
        let mut text = String::new();
        for row in lines() {
            let cells = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(i, (cell, &full))| {
                    let gap = " ".repeat(full - width(cell));
                    if self.is_text(i) {
                        format!("{cell}{gap}")
                    } else {
                        format!("{gap}{cell}")
                    }
                });
            let line = cells.collect::<Vec<_>>().join("  ");
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// A line break would end the table.
fn cell(text: String) -> String {
    text.replace(['\n', '\r'], " ")
}

/// A bar would end the cell.
fn escaped(cell: &str) -> String {
    cell.replace('|', "\\|")
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.header.len())
            .map(|i| {
                let column = self.rows.iter().map(|r| width(&escaped(&r[i])));
                column
                    .chain([width(&escaped(&self.header[i])), 3])
                    .max()
                    .unwrap_or(3)
            })
            .collect();
        let line = |f: &mut fmt::Formatter<'_>, row: &[String]| {
            f.write_str("|")?;
            for (i, (text, &full)) in row.iter().zip(&widths).enumerate() {
                let text = escaped(text);
                let gap = " ".repeat(full - width(&text));
                if self.is_text(i) {
                    write!(f, " {text}{gap} |")?;
                } else {
                    write!(f, " {gap}{text} |")?;
                }
            }
            writeln!(f)
        };
        line(f, &self.header)?;
        let rule: Vec<String> = widths
            .iter()
            .enumerate()
            .map(|(i, &w)| {
                if self.is_text(i) {
                    "-".repeat(w)
                } else {
                    "-".repeat(w - 1) + ":"
                }
            })
            .collect();
        line(f, &rule)?;
        self.rows.iter().try_for_each(|row| line(f, row))
    }
}

/// Columns that a terminal gives a text: two for each wide East Asian character.
pub fn width(text: &str) -> usize {
    let wide = |c: char| {
        matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{20000}'..='\u{3fffd}')
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

/// `93.4 % (92.1 .. 94.5)`, with so many decimals; a correlation `0.871 (0.850 .. 0.889)`.
pub fn accuracy(a: &Accuracy, decimals: usize) -> String {
    if a.metric.is_correlation() {
        return format!("{:.3} ({:.3} .. {:.3})", a.value, a.low, a.high);
    }
    let [value, low, high] = [a.value, a.low, a.high].map(|x| 100.0 * x);
    format!("{value:.decimals$} % ({low:.decimals$} .. {high:.decimals$})")
}

/// Percentage points with a sign: `-0.21`.
pub fn points(share: f64) -> String {
    // Adding 0.0 turns -0.0 into 0.0.
    format!("{:+.2}", (share * 1e4).round() / 1e2 + 0.0)
}

/// `-2.10 .. +0.30`, in percentage points.
pub fn points_interval(low: f64, high: f64) -> String {
    format!("{} .. {}", points(low), points(high))
}

/// A p-value: `0.0129`.
pub fn p_value(p: f64) -> String {
    match p {
        p if p < 1e-4 => "< 0.0001".into(),
        p => format!("{p:.4}"),
    }
}

/// The same in a sentence: `p = 0.0129`, `p < 0.0001`.
pub fn p_words(p: f64) -> String {
    match p_value(p) {
        below if below.starts_with('<') => format!("p {below}"),
        p => format!("p = {p}"),
    }
}

/// A count with a thousands unit: `59.74 M`.
pub fn count(n: usize) -> String {
    scaled(n as f64, ["", "k", "M", "G"])
}

/// A size in decimal units: `238.9 MB`.
pub fn bytes(n: u64) -> String {
    scaled(n as f64, ["B", "kB", "MB", "GB"])
}

fn scaled(mut x: f64, units: [&str; 4]) -> String {
    let mut unit = 0;
    // 999.95 would print as 1000.0.
    while x >= 999.95 && unit < 3 {
        x /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{x} {}", units[0]).trim_end().to_string(),
        _ => {
            let decimals = if x < 10.0 { 2 } else { 1 };
            format!("{x:.decimals$} {}", units[unit])
        }
    }
}

/// Milliseconds with three significant digits or so.
pub fn ms(x: f64) -> String {
    let decimals = match x {
        x if x >= 100.0 => 0,
        x if x >= 10.0 => 1,
        x if x >= 1.0 => 2,
        _ => 3,
    };
    format!("{x:.decimals$}")
}

/// A ratio: `2.91x`.
pub fn times(x: f64) -> String {
    format!("{x:.2}x")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_the_script() {
        let mut table = Table::new(["model", "ms"]);
        table.push(["base", "41.2"]);
        table.push(["小模型", "9"]);
        table.push(["a|b\nc"]);
        let expected = "\
| model  |   ms |
| ------ | ---: |
| base   | 41.2 |
| 小模型 |    9 |
| a\\|b c |      |
";
        assert_eq!(table.to_string(), expected);
        let plain = "model     ms\nbase    41.2\n小模型     9\na|b c\n";
        assert_eq!(table.plain(), plain);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            accuracy(&Accuracy::new(1868, 2000), 1),
            "93.4 % (92.2 .. 94.4)"
        );
        assert_eq!(
            [points(-0.00213), points(0.004), points(-0.000001)],
            ["-0.21", "+0.40", "+0.00"]
        );
        assert_eq!(
            [count(999), count(3_141), count(59_740_000)],
            ["999", "3.14 k", "59.7 M"]
        );
        assert_eq!(
            [bytes(12), bytes(999_999), bytes(238_960_000)],
            ["12 B", "1.00 MB", "239.0 MB"]
        );
        assert_eq!(
            [ms(0.01234), ms(4.567), ms(45.67), ms(456.7)],
            ["0.012", "4.57", "45.7", "457"]
        );
        assert_eq!(times(2.914), "2.91x");
        assert_eq!(
            [p_words(0.01294), p_words(1e-5)],
            ["p = 0.0129", "p < 0.0001"]
        );
    }
}
